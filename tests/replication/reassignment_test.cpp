#include "replication/controller/reassignment.hpp"

#include <catch2/catch.hpp>

#include "replication/controller/in_sync.hpp"
#include "tests/replication/cluster.hpp"

namespace millrace::replication {
namespace {

using Brokers = std::vector<BrokerId>;

Brokers ids(std::initializer_list<std::int32_t> values) {
  Brokers brokers;
  for (const auto value : values) brokers.emplace_back(value);
  return brokers;
}

/// A partition on 1, 2 and 3, led by 1; broker 4 is there, too.
struct Moves : Cluster {
  Moves() {
    make();
    start(4);
    beat(4);
  }
  ErrorCode move(std::optional<Brokers> replicas, bool may_change_factor = true) {
    const auto outcome = reassign(*image,
                                  {.topic = "t",
                                   .partition = PartitionIndex{0},
                                   .replicas = std::move(replicas),
                                   .may_change_factor = may_change_factor},
                                  rules);
    if (outcome.response.error != ErrorCode::none) {
      CHECK(outcome.records.empty());
      CHECK_FALSE(outcome.response.message.empty());
    }
    commit(outcome.records);
    return outcome.response.error;
  }
  ErrorCode elect(Election kind, std::int32_t index = 0) {
    const auto outcome = elect_leader(*image, "t", PartitionIndex{index}, kind, rules);
    CHECK(outcome.records.empty() == (outcome.response.error != ErrorCode::none));
    commit(outcome.records);
    return outcome.response.error;
  }
  /// The leader finds that these are in sync.
  void caught_up(const Brokers& brokers) {
    InSyncProposal wish{.topic = kTopic,
                        .leader_epoch = partition().leader_epoch,
                        .partition_epoch = partition().partition_epoch};
    for (const BrokerId broker : brokers)
      wish.in_sync.push_back({.id = broker, .epoch = image->broker(broker)->epoch});
    const BrokerId leader = *partition().leader;
    commit(alter_in_sync(*image, leader, image->broker(leader)->epoch, {wish}, rules).records);
  }
  void die(std::int32_t broker) {
    commit(membership.connection_lost(*image, BrokerId{broker},
                                      image->broker(BrokerId{broker})->epoch));
  }
};

TEST_CASE("reassignment: replicas that come are added first, those that go leave last",
          "[replication][reassignment]") {
  Moves m;
  REQUIRE(m.move(ids({4, 2, 3})) == ErrorCode::none);
  CHECK(m.partition().replicas == ids({4, 2, 3, 1}));
  CHECK(m.partition().adding == ids({4}));
  CHECK(m.partition().removing == ids({1}));
  CHECK(m.partition().leader == BrokerId{1});
  m.caught_up(ids({1, 2, 3, 4}));
  CHECK(m.partition().replicas == ids({4, 2, 3}));
  CHECK(m.partition().leader == BrokerId{4});
  CHECK(m.partition().adding.empty());
}

TEST_CASE("reassignment: what only goes, or only changes its order, is done at once",
          "[replication][reassignment]") {
  Moves m;
  REQUIRE(m.move(ids({3, 2})) == ErrorCode::none);
  CHECK(m.partition().replicas == ids({3, 2}));
  CHECK(m.in_sync() == "23");
  CHECK(m.partition().leader == BrokerId{3});
  CHECK(m.partition().leader_epoch == LeaderEpoch{1});
  REQUIRE(m.move(ids({2, 3})) == ErrorCode::none);
  CHECK(m.partition().replicas == ids({2, 3}));
  CHECK(m.partition().leader == BrokerId{3});
}

TEST_CASE("reassignment: it may be called off, or replaced by another",
          "[replication][reassignment]") {
  Moves m;
  const auto before = m.partition().replicas;
  CHECK(m.move(std::nullopt) == ErrorCode::no_reassignment_in_progress);
  REQUIRE(m.move(ids({4, 1})) == ErrorCode::none);
  REQUIRE(m.move(std::nullopt) == ErrorCode::none);
  CHECK(m.partition().replicas == before);
  CHECK(m.partition().adding.empty());
  CHECK(m.partition().removing.empty());
  REQUIRE(m.move(ids({4})) == ErrorCode::none);
  REQUIRE(m.move(ids({1, 2})) == ErrorCode::none);
  CHECK(m.partition().replicas == ids({1, 2}));
  CHECK(m.partition().adding.empty());
}

TEST_CASE("reassignment: it is not called off when only a new replica has everything",
          "[replication][reassignment]") {
  Moves m;
  m.move(ids({4, 1}));
  m.caught_up(ids({1}));
  PartitionImage only_new = m.partition();
  only_new.in_sync = ids({4});
  only_new.leader = BrokerId{4};
  m.commit({partition_record(kTopic, PartitionIndex{0}, only_new)});
  CHECK(m.move(std::nullopt) == ErrorCode::invalid_replica_assignment);
  CHECK(m.partition() == only_new);
}

TEST_CASE("reassignment: what cannot be is refused and changes nothing",
          "[replication][reassignment]") {
  Moves m;
  const auto before = m.partition();
  CHECK(m.move(ids({})) == ErrorCode::invalid_replica_assignment);
  CHECK(m.move(ids({1, 1})) == ErrorCode::invalid_replica_assignment);
  CHECK(m.move(ids({1, 9})) == ErrorCode::invalid_replica_assignment);
  CHECK(m.move(ids({1, 2}), false) == ErrorCode::invalid_replication_factor);
  const auto nowhere =
      reassign(*m.image, {.topic = "nowhere", .partition = PartitionIndex{0}, .replicas = ids({1})},
               m.rules);
  CHECK(nowhere.response.error == ErrorCode::unknown_topic_or_partition);
  CHECK(m.partition() == before);
}

TEST_CASE("election: the preferred leader is elected if it is in sync", "[replication][election]") {
  Moves m;
  CHECK(m.elect(Election::preferred) == ErrorCode::election_not_needed);
  m.die(1);
  CHECK(m.elect(Election::preferred) == ErrorCode::preferred_leader_not_available);
  m.beat(1);
  CHECK(m.elect(Election::preferred) == ErrorCode::preferred_leader_not_available);
  m.caught_up(ids({1, 2, 3}));
  CHECK(m.elect(Election::preferred) == ErrorCode::none);
  CHECK(m.partition().leader == BrokerId{1});
  CHECK(m.elect(Election::preferred, 1) == ErrorCode::unknown_topic_or_partition);
}

TEST_CASE("election: an unclean one only where there is no leader, and somebody is up",
          "[replication][election]") {
  Moves m;
  CHECK(m.elect(Election::unclean) == ErrorCode::election_not_needed);
  for (const std::int32_t broker : {3, 2, 1}) m.die(broker);
  CHECK(m.elect(Election::unclean) == ErrorCode::eligible_leaders_not_available);
  m.beat(3);
  CHECK_FALSE(m.partition().leader.has_value());
  CHECK(m.elect(Election::unclean) == ErrorCode::none);
  CHECK(m.partition().leader == BrokerId{3});
  CHECK(m.partition().recovering);
}

TEST_CASE("election: leaderships go back where they belong, so many at a time",
          "[replication][election]") {
  Moves m;
  std::vector<MetadataRecord> more;
  for (const std::int32_t index : {1, 2}) {
    const auto copy = m.partition();
    more.push_back(partition_record(kTopic, PartitionIndex{index}, copy));
  }
  m.commit(more);
  m.die(1);
  CHECK(balance_leaders(*m.image, 10, m.rules).empty());
  m.beat(1);
  for (const std::int32_t index : {0, 1, 2}) {
    PartitionImage again = m.partition();
    again.in_sync = again.replicas;
    m.commit({partition_record(kTopic, PartitionIndex{index}, again)});
  }
  const auto first = balance_leaders(*m.image, 2, m.rules);
  CHECK(first.size() == 2);
  m.commit(first);
  const auto rest = balance_leaders(*m.image, 2, m.rules);
  CHECK(rest.size() == 1);
  m.commit(rest);
  CHECK(balance_leaders(*m.image, 2, m.rules).empty());
}

}  // namespace
}  // namespace millrace::replication
