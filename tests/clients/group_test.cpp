#include <catch2/catch.hpp>

#include "clients/assignor.hpp"
#include "clients/group_membership.hpp"

using namespace millrace;
using namespace millrace::clients;
using protocol::ErrorCode;

namespace {

TopicPartition at(const std::string& topic, std::int32_t partition) {
  return {topic, PartitionIndex{partition}};
}

using Partitions = std::vector<TopicPartition>;

}  // namespace

TEST_CASE("assignor: range keeps neighbours together and gives the rest to the first",
          "[clients][group]") {
  const auto assignment = assign_partitions(
      Assignor::range, {{"m2", {}, {"a", "b"}}, {"m1", {}, {"a", "b"}}}, {{"a", 3}, {"b", 1}});
  CHECK(assignment.at("m1") == Partitions{at("a", 0), at("a", 1), at("b", 0)});
  CHECK(assignment.at("m2") == Partitions{at("a", 2)});
}

TEST_CASE("assignor: roundrobin deals over all topics, past members that do not want one",
          "[clients][group]") {
  const auto assignment = assign_partitions(
      Assignor::roundrobin, {{"m1", {}, {"a"}}, {"m2", {}, {"a", "b"}}, {"m3", {}, {}}},
      {{"a", 3}, {"b", 2}, {"nobody", 4}});
  CHECK(assignment.at("m1") == Partitions{at("a", 0), at("a", 2)});
  CHECK(assignment.at("m2") == Partitions{at("a", 1), at("b", 0), at("b", 1)});
  CHECK(assignment.at("m3").empty());
}

TEST_CASE("assignor: a static member keeps its partitions under a new member id",
          "[clients][group]") {
  const std::map<std::string, std::int32_t> counts{{"a", 2}};
  const auto before =
      assign_partitions(Assignor::range, {{"x", "one", {"a"}}, {"y", "two", {"a"}}}, counts);
  const auto after =
      assign_partitions(Assignor::range, {{"z", "one", {"a"}}, {"y", "two", {"a"}}}, counts);
  CHECK(before.at("x") == after.at("z"));
}

TEST_CASE("membership: the leader assigns what the members asked for", "[clients][group]") {
  const ConsumerOptions options;
  GroupMembership member{options, "g"};
  member.set_topics({"t"});
  const auto again =
      member.joined({.error_code = ErrorCode::member_id_required, .member_id = "me"});
  CHECK(std::holds_alternative<GroupMembership::JoinAgain>(again));
  const auto request = member.join_request();
  CHECK(request.member_id == "me");
  REQUIRE(request.protocols.size() == 2);

  const auto joined =
      member.joined({.generation_id = 4,
                     .protocol_name = "range",
                     .leader = "me",
                     .member_id = "me",
                     .members = {{.member_id = "me", .metadata = request.protocols[0].metadata},
                                 {.member_id = "you", .metadata = request.protocols[0].metadata}}});
  const auto& sync = std::get<GroupMembership::Sync>(joined);
  REQUIRE(sync.members.size() == 2);
  CHECK(sync.members[1].topics == std::vector<std::string>{"t"});
  const auto sync_request = member.sync_request(sync.members, {{"t", 3}});
  CHECK(sync_request.generation_id == 4);
  REQUIRE(sync_request.assignments.size() == 2);
  const auto synced = member.synced({.assignment = sync_request.assignments[1].assignment});
  CHECK(std::get<Partitions>(synced) == Partitions{at("t", 2)});
  CHECK(member.generation() == 4);
}

TEST_CASE("membership: what the group says decides what is still ours", "[clients][group]") {
  using After = GroupMembership::AfterHeartbeat;
  const ConsumerOptions options;
  const auto after = [&](ErrorCode code) {
    GroupMembership member{options, "g"};
    static_cast<void>(member.joined({.generation_id = 1, .leader = "x", .member_id = "me"}));
    const auto what = member.heartbeat_answered(code);
    return std::tuple{what, member.id(), member.generation().has_value()};
  };
  CHECK(after(ErrorCode::none) == std::tuple{After::fine, "me", true});
  CHECK(after(ErrorCode::rebalance_in_progress) == std::tuple{After::rejoin, "me", true});
  CHECK(after(ErrorCode::illegal_generation) == std::tuple{After::lost, "me", false});
  CHECK(after(ErrorCode::unknown_member_id) == std::tuple{After::lost, "", false});
  CHECK(after(ErrorCode::fenced_instance_id) == std::tuple{After::fenced, "", false});
  CHECK(after(ErrorCode::not_coordinator) == std::tuple{After::find_coordinator, "me", true});
}

TEST_CASE("membership: opaque bytes that are not the consumer protocol are an error",
          "[clients][group]") {
  const ConsumerOptions options;
  GroupMembership member{options, "g"};
  const auto joined = member.joined(
      {.generation_id = 1,
       .leader = "me",
       .member_id = "me",
       .members = {{.member_id = "me", .metadata = SharedBytes::copy_of(as_bytes("?"))}}});
  CHECK(std::get<ClientError>(joined).code == Errc::malformed);
  CHECK_FALSE(read_assignment(SharedBytes::copy_of(as_bytes("\xff"))));
}
