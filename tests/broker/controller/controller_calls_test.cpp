#include "broker/controller/controller_calls.hpp"

#include <catch2/catch.hpp>

#include "replication/controller/records.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::InSyncProposal;
using replication::PartitionImage;
using replication::schema::PeerAnswer;

std::vector<InSyncProposal> two_proposals() {
  InSyncProposal first{.topic = Uuid{{7}},
                       .partition = PartitionIndex{3},
                       .leader_epoch = LeaderEpoch{5},
                       .partition_epoch = 9,
                       .in_sync = {{BrokerId{1}, 100}, {BrokerId{2}, 101}},
                       .recovering = true};
  InSyncProposal second{.topic = Uuid{{8}}, .partition = PartitionIndex{0}};
  return {first, second};
}

TEST_CASE("controller calls: a proposal travels whole", "[broker][controller]") {
  const auto proposal = two_proposals().front();
  replication::schema::InSyncCall::Proposal sent;
  write(proposal, sent);
  CHECK(replication::id_from_bytes(sent.topic_id()) == proposal.topic);
  CHECK(sent.partition() == 3);
  CHECK(sent.leader_epoch() == 5);
  CHECK(sent.partition_epoch() == 9);
  CHECK(sent.recovering());
  REQUIRE(sent.in_sync_size() == 2);
  CHECK(sent.in_sync(1).id() == 2);
  CHECK(sent.in_sync(1).epoch() == 101);
}

TEST_CASE("controller calls: each proposal has its answer, with the partition as it is now",
          "[broker][controller]") {
  const PartitionImage now{.replicas = {BrokerId{1}, BrokerId{2}},
                           .in_sync = {BrokerId{1}},
                           .leader = BrokerId{1},
                           .leader_epoch = LeaderEpoch{6},
                           .eligible = {BrokerId{2}},
                           .last_leader = BrokerId{2},
                           .recovering = true,
                           .partition_epoch = 10};
  PeerAnswer answer;
  auto& first = *answer.mutable_in_sync()->add_verdicts();
  *first.mutable_now() =
      replication::partition_record(Uuid{{7}}, PartitionIndex{3}, now).partition();
  answer.mutable_in_sync()->add_verdicts()->set_error(
      std::to_underlying(ErrorCode::fenced_leader_epoch));
  const auto answers = read_answers(two_proposals(), answer);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].error == ErrorCode::none);
  CHECK(answers[0].now == now);
  CHECK(answers[0].topic == Uuid{{7}});
  CHECK(answers[1].error == ErrorCode::fenced_leader_epoch);
}

TEST_CASE("controller calls: without an answer every proposal is told so", "[broker][controller]") {
  const auto refused =
      read_answers(two_proposals(), PeerRefusal{ErrorCode::not_controller, "somebody else is"});
  REQUIRE(refused.size() == 2);
  for (const auto& answer : refused) CHECK(answer.error == ErrorCode::not_controller);
  // One that has another number of verdicts, or another call's answer, says nothing.
  PeerAnswer short_answer;
  short_answer.mutable_in_sync()->add_verdicts();
  for (const auto& answer : read_answers(two_proposals(), short_answer))
    CHECK(answer.error == ErrorCode::unknown_server_error);
  for (const auto& answer : read_answers(two_proposals(), PeerAnswer{}))
    CHECK(answer.error == ErrorCode::unknown_server_error);
}

}  // namespace
}  // namespace millrace::broker
