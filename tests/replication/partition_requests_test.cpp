#include "replication/controller/partition_requests.hpp"

#include <catch2/catch.hpp>

#include "tests/replication/cluster.hpp"

namespace millrace::replication {
namespace {

TEST_CASE("partition requests: each partition of ElectLeaders gets its verdict",
          "[replication][partition_requests]") {
  Cluster c;
  c.make();
  const auto epoch = c.image->broker(BrokerId{1})->epoch;
  c.commit(c.membership.connection_lost(*c.image, BrokerId{1}, epoch));
  REQUIRE(c.partition().leader == BrokerId{2});
  protocol::ElectLeadersRequest request;
  request.topic_partitions->push_back({.topic = "t", .partitions = {0, 0, 7}});
  const auto down = elect_leaders(*c.image, request, c.rules);
  CHECK(down.records.empty());
  const auto& results = down.response.replica_election_results.front().partition_result;
  REQUIRE(results.size() == 3);
  CHECK(results[0].error_code == ErrorCode::preferred_leader_not_available);
  CHECK(results[1].error_code == ErrorCode::invalid_request);  // twice
  CHECK(results[2].error_code == ErrorCode::unknown_topic_or_partition);

  request.election_type = 2;
  CHECK(elect_leaders(*c.image, request, c.rules).response.error_code ==
        ErrorCode::invalid_request);
}

TEST_CASE("partition requests: without a list only what needs a leader is told of",
          "[replication][partition_requests]") {
  Cluster c;
  c.make();
  protocol::ElectLeadersRequest request;
  request.topic_partitions.reset();
  CHECK(elect_leaders(*c.image, request, c.rules).response.replica_election_results.empty());
  auto moved = c.partition();
  moved.leader = BrokerId{3};
  c.commit({partition_record(kTopic, PartitionIndex{0}, moved)});
  const auto outcome = elect_leaders(*c.image, request, c.rules);
  REQUIRE(outcome.response.replica_election_results.size() == 1);
  c.commit(outcome.records);
  CHECK(c.partition().leader == BrokerId{1});
}

TEST_CASE("partition requests: partitions move, are listed while they do, and can be called back",
          "[replication][partition_requests]") {
  Cluster c;
  c.make();
  c.start(4);
  c.beat(4);
  protocol::AlterPartitionReassignmentsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.push_back({.partition_index = 0, .replicas = {{4, 2, 3}}});
  topic.partitions.push_back({.partition_index = 5, .replicas = {{4}}});
  const auto outcome = alter_reassignments(*c.image, request, c.rules);
  const auto& verdicts = outcome.response.responses.front().partitions;
  CHECK(verdicts[0].error_code == ErrorCode::none);
  CHECK(verdicts[1].error_code == ErrorCode::unknown_topic_or_partition);
  c.commit(outcome.records);

  protocol::ListPartitionReassignmentsRequest list;
  const auto listed = list_reassignments(*c.image, list);
  REQUIRE(listed.topics.size() == 1);
  const auto& moving = listed.topics.front().partitions.front();
  CHECK(moving.adding_replicas == std::vector<std::int32_t>{4});
  CHECK(moving.removing_replicas == std::vector<std::int32_t>{1});
  list.topics.emplace().push_back({.name = "t", .partition_indexes = {1}});
  CHECK(list_reassignments(*c.image, list).topics.empty());

  request.topics.front().partitions = {{.partition_index = 0, .replicas = std::nullopt}};
  c.commit(alter_reassignments(*c.image, request, c.rules).records);
  CHECK(c.partition().adding.empty());
  const auto again = alter_reassignments(*c.image, request, c.rules);
  CHECK(again.response.responses.front().partitions.front().error_code ==
        ErrorCode::no_reassignment_in_progress);
}

TEST_CASE("partition requests: a move to brokers that are not there changes nothing",
          "[replication][partition_requests]") {
  Cluster c;
  c.make();
  protocol::AlterPartitionReassignmentsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.push_back({.partition_index = 0, .replicas = {{1, 2, 9}}});
  auto outcome = alter_reassignments(*c.image, request, c.rules);
  CHECK(outcome.records.empty());
  CHECK(outcome.response.responses.front().partitions.front().error_code ==
        ErrorCode::invalid_replica_assignment);
  request.allow_replication_factor_change = false;
  request.topics.front().partitions.front().replicas = {{1, 2}};
  outcome = alter_reassignments(*c.image, request, c.rules);
  CHECK(outcome.records.empty());
  CHECK(outcome.response.responses.front().partitions.front().error_code ==
        ErrorCode::invalid_replication_factor);
}

}  // namespace
}  // namespace millrace::replication
