#include "broker/handlers/coordinator_errors.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

TEST_CASE("coordinator errors: a line has who asked, for what, and what it means",
          "[broker][errors]") {
  protocol::HeartbeatRequest request;
  request.group_id = "orders";
  request.member_id = "app-7";
  request.group_instance_id = "one";
  CHECK(error_line(protocol::ApiKey::heartbeat, subject_of(request),
                   {ErrorCode::unknown_member_id, {}}, "app", "10.0.0.7") ==
        "Heartbeat answered with UNKNOWN_MEMBER_ID: group orders, member app-7, instance one, "
        "client app, from 10.0.0.7: the group has no such member: its session ended, it left, or "
        "it never joined; it will join again");
}

TEST_CASE("coordinator errors: what clients wrote is escaped and capped", "[broker][errors]") {
  protocol::EndTxnRequest request;
  request.transactional_id = "a\nERROR all is lost" + std::string(30'000, 'x');
  const auto line = error_line(protocol::ApiKey::end_txn, subject_of(request),
                               {ErrorCode::invalid_txn_state, "\x1b[2J" + std::string(30'000, 'y')},
                               std::string(30'000, 'z'), std::string(30'000, 'h'));
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.size() < 1'500);
  CHECK(line.starts_with("EndTxn answered with INVALID_TXN_STATE: transactional id a\\x0aERROR"));
}

TEST_CASE("coordinator errors: an answer tells each error once, with the first it is about",
          "[broker][errors]") {
  protocol::OffsetCommitResponse response;
  auto& topic = response.topics.emplace_back();
  topic.name = "t";
  for (int i = 0; i < 100; ++i) {
    topic.partitions.push_back({i, i == 0 ? ErrorCode::none : ErrorCode::illegal_generation});
  }
  topic.partitions.push_back({100, ErrorCode::offset_metadata_too_large});
  CHECK(errors_in(response) ==
        std::vector<AnsweredError>{{ErrorCode::illegal_generation, "at t-1"},
                                   {ErrorCode::offset_metadata_too_large, "at t-100"}});

  protocol::LeaveGroupResponse left;
  left.members = {{"a", {}, ErrorCode::none}, {"", "one", ErrorCode::unknown_member_id}};
  CHECK(errors_in(left) ==
        std::vector<AnsweredError>{{ErrorCode::unknown_member_id, "member one"}});
  CHECK(errors_in(protocol::JoinGroupResponse{}).empty());
}

}  // namespace
}  // namespace millrace::broker
