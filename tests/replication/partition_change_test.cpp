#include "replication/controller/partition_change.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "protocol/base/rng.hpp"

namespace millrace::replication {
namespace {

using Brokers = std::vector<BrokerId>;

Brokers ids(std::initializer_list<std::int32_t> values) {
  Brokers brokers;
  for (const auto value : values) brokers.emplace_back(value);
  return brokers;
}

/// Brokers that are up, and a partition on 1, 2 and 3 that all of them have in sync.
struct World {
  std::set<std::int32_t> up{1, 2, 3, 4};
  std::size_t min_in_sync = 2;
  PartitionImage partition{
      .replicas = ids({1, 2, 3}), .in_sync = ids({1, 2, 3}), .leader = BrokerId{1}};

  [[nodiscard]] PartitionRules rules(Election election = Election::keep) const {
    return {.may_lead = [this](BrokerId id) { return up.contains(id.value); },
            .min_in_sync = min_in_sync,
            .election = election};
  }
  bool apply(const PartitionWish& wish, Election election = Election::keep) {
    const auto next = changed(partition, wish, rules(election));
    if (next) partition = *next;
    return next.has_value();
  }
  void down(std::int32_t broker) {
    up.erase(broker);
    Brokers rest = partition.in_sync;
    std::erase(rest, BrokerId{broker});
    apply({.in_sync = rest});
  }
  void back(std::int32_t broker) {
    up.insert(broker);
    apply({});
  }
};

TEST_CASE("partition: the next replica in sync leads when the leader goes",
          "[replication][partition]") {
  World w;
  w.down(1);
  CHECK(w.partition.leader == BrokerId{2});
  CHECK(w.partition.in_sync == ids({2, 3}));
  CHECK(w.partition.leader_epoch == LeaderEpoch{1});
  CHECK(w.partition.partition_epoch == 1);
  CHECK(w.partition.eligible.empty());
}

TEST_CASE("partition: a follower that goes costs no new leader epoch", "[replication][partition]") {
  World w;
  w.down(3);
  CHECK(w.partition.leader == BrokerId{1});
  CHECK(w.partition.leader_epoch == LeaderEpoch{0});
  CHECK(w.partition.partition_epoch == 1);
}

TEST_CASE("partition: below the minimum, who goes stays eligible and leads when nobody else can",
          "[replication][partition]") {
  World w;
  w.down(3);
  w.down(2);
  CHECK(w.partition.in_sync == ids({1}));
  CHECK(w.partition.eligible == ids({2}));  // 3 went while two remained, and may have missed some
  w.down(1);
  CHECK_FALSE(w.partition.leader.has_value());
  CHECK(w.partition.in_sync.empty());
  CHECK(w.partition.eligible == ids({2, 1}));
  CHECK(w.partition.last_leader == BrokerId{1});

  w.back(3);
  CHECK_FALSE(w.partition.leader.has_value());
  w.back(2);
  CHECK(w.partition.leader == BrokerId{2});
  CHECK(w.partition.in_sync == ids({2}));
  CHECK(w.partition.eligible == ids({1}));
  CHECK_FALSE(w.partition.recovering);
  w.apply({.in_sync = ids({2, 3})});
  CHECK(w.partition.eligible.empty());
}

TEST_CASE("partition: only an unclean election takes a replica that may lack records",
          "[replication][partition]") {
  World w;
  w.down(3);
  w.down(2);
  w.down(1);
  w.back(3);
  CHECK_FALSE(w.partition.leader.has_value());
  CHECK(w.apply({}, Election::unclean));
  CHECK(w.partition.leader == BrokerId{3});
  CHECK(w.partition.recovering);
  CHECK(w.partition.in_sync == ids({3}));
  CHECK(w.partition.eligible.empty());
  CHECK(w.apply({.in_sync = ids({3}), .recovered = true}));
  CHECK_FALSE(w.partition.recovering);
}

TEST_CASE("partition: when all who were safe lost their logs, the last leader is the best there is",
          "[replication][partition]") {
  World w;
  w.partition.replicas = w.partition.in_sync = ids({1});
  w.min_in_sync = 1;
  w.down(1);
  CHECK(w.partition.eligible == ids({1}));
  w.apply({.lost_its_log = BrokerId{1}});
  CHECK(w.partition.eligible.empty());
  w.back(1);
  CHECK(w.partition.leader == BrokerId{1});
  CHECK(w.partition.recovering);
}

TEST_CASE("partition: a leader that has not settled its log is still recovering when it comes back",
          "[replication][partition]") {
  World w;
  for (const std::int32_t broker : {3, 2, 1}) w.down(broker);
  w.back(3);
  w.apply({}, Election::unclean);
  w.down(3);
  w.back(3);
  CHECK(w.partition.leader == BrokerId{3});
  CHECK(w.partition.recovering);
}

TEST_CASE("partition: the preferred leader takes over only if it is in sync",
          "[replication][partition]") {
  World w;
  w.down(1);
  w.up.insert(1);
  CHECK_FALSE(w.apply({}, Election::preferred));
  w.apply({.in_sync = ids({1, 2, 3})});
  CHECK(w.partition.leader == BrokerId{2});
  CHECK(w.apply({}, Election::preferred));
  CHECK(w.partition.leader == BrokerId{1});
  CHECK(w.partition.leader_epoch == LeaderEpoch{2});
}

TEST_CASE("partition: a reassignment ends when all that were added are in sync",
          "[replication][partition]") {
  World w;
  w.apply({.replicas = ids({4, 1, 2, 3}), .adding = ids({4}), .removing = ids({1})});
  CHECK(w.partition.leader == BrokerId{1});
  w.apply({.in_sync = ids({1, 2, 3, 4})});
  CHECK(w.partition.replicas == ids({4, 2, 3}));
  CHECK(w.partition.in_sync == ids({2, 3, 4}));
  CHECK(w.partition.adding.empty());
  CHECK(w.partition.removing.empty());
  CHECK(w.partition.leader == BrokerId{4});
  CHECK(w.partition.leader_epoch == LeaderEpoch{1});
}

TEST_CASE("partition: a wish for what is already so changes nothing", "[replication][partition]") {
  World w;
  CHECK_FALSE(w.apply({}));
  CHECK_FALSE(w.apply({.in_sync = ids({1, 2, 3})}));
}

/// Random brokers come and go, catch up, lose their logs. Beside it runs the truth: who has all
/// that was acknowledged, which moves on only while the set is as large as it must be.
TEST_CASE("partition: whoever leads without recovering has all that was acknowledged",
          "[replication][partition]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    SeededRng rng{seed};
    World w;
    w.min_in_sync = 1 + rng.below(3);
    std::set<std::int32_t> have_all{1, 2, 3};
    for (int step = 0; step < 200; ++step) {
      const auto broker = static_cast<std::int32_t>(1 + rng.below(3));
      const PartitionImage before = w.partition;
      switch (rng.below(6)) {
        case 0:
          w.down(broker);
          break;
        case 1:
          w.back(broker);
          break;
        case 2: {  // it has caught up
          const bool in_sync = std::ranges::count(w.partition.in_sync, BrokerId{broker}) > 0;
          if (!w.partition.leader || in_sync || !w.up.contains(broker)) break;
          Brokers more = w.partition.in_sync;
          more.emplace_back(broker);
          w.apply({.in_sync = more});
          have_all.insert(broker);
          break;
        }
        case 3: {  // its leader finds it slow
          if (w.partition.leader == BrokerId{broker}) break;
          Brokers less = w.partition.in_sync;
          std::erase(less, BrokerId{broker});
          w.apply({.in_sync = less});
          break;
        }
        case 4:  // the operator changes the minimum, and leaders acknowledge by the new one
          w.min_in_sync = 1 + rng.below(3);
          w.apply({.forget_eligible = true});
          break;
        default:
          if (w.up.contains(broker) || rng.chance(2, 3)) break;
          w.apply({.lost_its_log = BrokerId{broker}});
          have_all.erase(broker);
      }
      const auto& now = w.partition;
      const auto is_replica = [&](BrokerId id) {
        return std::ranges::count(now.replicas, id) == 1;
      };
      CHECK(std::ranges::all_of(now.in_sync, is_replica));
      CHECK(std::ranges::all_of(now.eligible, is_replica));
      CHECK(std::ranges::none_of(
          now.eligible, [&](BrokerId id) { return std::ranges::count(now.in_sync, id) > 0; }));
      CHECK(now.leader_epoch >= before.leader_epoch);
      CHECK((now == before) == (now.partition_epoch == before.partition_epoch));
      CHECK((now.leader == before.leader || now.leader_epoch > before.leader_epoch));
      if (!now.leader) continue;
      CHECK(w.up.contains(now.leader->value));
      CHECK(std::ranges::count(now.in_sync, *now.leader) == 1);
      if (now.recovering) {
        // What it has is what there is.
        have_all = {now.leader->value};
        w.apply({.in_sync = ids({now.leader->value}), .recovered = true});
      }
      REQUIRE(have_all.contains(now.leader->value));
      if (now.in_sync.size() >= w.min_in_sync) {
        have_all.clear();
        for (const BrokerId id : now.in_sync) have_all.insert(id.value);
      }
    }
  }
}

TEST_CASE(
    "partition change: with fewer replicas, of which fewer must be in sync, nobody is eligible",
    "[replication][partition_change]") {
  // 1 alone is in sync of three, and 2 has all that was acknowledged: two had to have it. Of two
  // replicas one suffices, so 1 acknowledges from now on what 2 does not have.
  const PartitionImage now{.replicas = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
                           .in_sync = {BrokerId{1}},
                           .leader = BrokerId{1},
                           .eligible = {BrokerId{2}}};
  const PartitionRules rules{
      .may_lead = [](BrokerId) { return true; },
      .min_in_sync = 2,
      .min_in_sync_with = [](std::size_t n) -> std::size_t { return n >= 3 ? 2 : 1; }};
  const auto next = changed(now, {.replicas = {{BrokerId{1}, BrokerId{2}}}}, rules);
  REQUIRE(next);
  CHECK(next->eligible.empty());
  CHECK(next->leader == BrokerId{1});
}

}  // namespace
}  // namespace millrace::replication
