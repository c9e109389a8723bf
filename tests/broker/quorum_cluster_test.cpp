#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "broker/quorum/quorum_service.hpp"
#include "replication/controller/records.hpp"
#include "tests/support/sim_cluster.hpp"
#include "tests/support/sim_network.hpp"

// The shell of the quorum on simulated machines: what the core and the disk promise, kept by
// threads, connections and starts.
namespace millrace::broker {
namespace {

using namespace std::chrono_literals;
using replication::MetadataRecord;
using sim::SimCluster;
using sim::SimNode;
using sim::SimWorld;

/// Proposes a setting of a broker that nobody has; true once it is committed there.
bool change(SimWorld& world, SimNode& node, const std::string& value,
            std::chrono::nanoseconds limit = 10s) {
  struct State {
    bool done = false;
    bool good = false;
  };
  auto state = std::make_shared<State>();
  node.scheduler().post([&node, value, state] {
    std::vector<MetadataRecord> records{
        replication::broker_config_record("99", "log.retention.ms", value)};
    node.broker().quorum().propose(std::move(records), [state](Result<std::int64_t> index) {
      state->done = true;
      state->good = index.has_value();
    });
  });
  world.run_until([&] { return state->done; }, limit);
  return state->good;
}

std::string seen(SimNode& node) {
  const auto& overrides = node.broker().quorum().image()->broker_configs("99");
  const auto found = overrides.find("log.retention.ms");
  return found == overrides.end() ? "" : found->second;
}

bool wait_until_seen(SimWorld& world, SimNode& node, const std::string& value) {
  return world.run_until([&] { return node.serving() && seen(node) == value; }, 30s);
}

TEST_CASE("quorum: three nodes form one, and lose nothing with their leader", "[quorum]") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    SimWorld world{seed};
    SimCluster cluster{world, 3};
    REQUIRE(cluster.form());
    SimNode& first = cluster.wait_for_leader();
    REQUIRE(change(world, first, "1"));
    for (const auto& node : cluster.nodes()) CHECK(wait_until_seen(world, *node, "1"));
    REQUIRE(change(world, first, "2"));
    first.cut_power();
    SimNode& second = cluster.wait_for_leader();
    CHECK(wait_until_seen(world, second, "2"));
    // It leads before it has begun to decide.
    REQUIRE(world.run_until([&] { return change(world, second, "3"); }, 10s));
    first.start();
    CHECK(wait_until_seen(world, first, "3"));
  }
}

TEST_CASE("quorum: a node that dies is missed at once, not after a timeout", "[quorum]") {
  SimWorld world{5};
  SimCluster cluster{world, 3};
  REQUIRE(cluster.form());
  SimNode& first = cluster.wait_for_leader();
  world.run_for(1s);
  const auto before = world.clock().now();
  first.kill();
  cluster.wait_for_leader();
  CHECK(world.clock().now() - before < 500ms);  // of virtual time; the election timeout is 1 s
}

TEST_CASE("quorum: all nodes lose their power and find each other again", "[quorum]") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    SimWorld world{seed};
    SimCluster cluster{world, 3};
    REQUIRE(cluster.form());
    REQUIRE(change(world, cluster.wait_for_leader(), "kept"));
    for (const auto& node : cluster.nodes()) node->cut_power();
    for (const auto& node : cluster.nodes()) node->start("n1:9092,n2:9092,n3:9092");
    for (const auto& node : cluster.nodes()) CHECK(wait_until_seen(world, *node, "kept"));
  }
}

TEST_CASE("quorum: one that lost its disk gets its place as somebody else", "[quorum]") {
  SimWorld world{3};
  SimCluster cluster{world, 3};
  REQUIRE(cluster.form());
  SimNode& leader = cluster.wait_for_leader();
  REQUIRE(change(world, leader, "before"));
  SimNode& lost = cluster.node(leader.id() == 3 ? 2 : 3);
  const auto former = lost.broker().quorum().core().self();
  lost.wipe();
  REQUIRE(change(world, leader, "without it"));
  lost.start(leader.name() + ":9092");
  REQUIRE(wait_until_seen(world, lost, "without it"));
  const auto votes = [&] {
    const auto& members = leader.broker().quorum().core().log().configuration();
    return members.is_voter(lost.broker().quorum().core().self()) && !members.is_voter(former);
  };
  CHECK(world.run_until(votes, 30s));
}

TEST_CASE("quorum: a snapshot brings who was away for long", "[quorum]") {
  SimWorld world{4};
  SimCluster cluster{world, 3, {{"metadata.log.max.record.bytes.between.snapshots", "400"}}};
  REQUIRE(cluster.form());
  SimNode& leader = cluster.wait_for_leader();
  SimNode& away = cluster.node(leader.id() == 3 ? 2 : 3);
  away.cut_power();
  for (int i = 0; i < 100; ++i) REQUIRE(change(world, leader, std::to_string(i)));
  CHECK(leader.broker().quorum().core().log().start().index.value > 50);
  away.start();
  CHECK(wait_until_seen(world, away, "99"));
}

TEST_CASE("quorum: a leader that stops hands over", "[quorum]") {
  SimWorld world{6};
  SimCluster cluster{world, 3};
  REQUIRE(cluster.form());
  SimNode& leader = cluster.wait_for_leader();
  leader.stop();
  const auto before = world.clock().now();
  REQUIRE(world.run_until(
      [&] {
        auto* const next = cluster.leader();
        return next != nullptr && next != &leader;
      },
      10s));
  CHECK(world.clock().now() - before < 300ms);
  REQUIRE(world.run_until([&] { return leader.state() == SimNode::State::stopped; }, 30s));
}

TEST_CASE("quorum: who cannot write any more says nothing any more", "[quorum]") {
  SimWorld world{7};
  SimCluster cluster{world, 3};
  REQUIRE(cluster.form());
  SimNode& leader = cluster.wait_for_leader();
  leader.disk().fail_call(1, sim::FileCall::sync);
  CHECK_FALSE(change(world, leader, "lost", 2s));
  REQUIRE(world.run_until([&] { return !leader.failure().empty(); }, 10s));
  CHECK_FALSE(leader.broker().quorum().running());
  SimNode& next = cluster.wait_for_leader();
  CHECK(&next != &leader);
}

TEST_CASE("quorum: whoever dies, what was acknowledged is there in the end", "[quorum]") {
  std::size_t all_acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    SimWorld world{seed};
    SimCluster cluster{world, 3, {{"metadata.log.max.record.bytes.between.snapshots", "600"}}};
    REQUIRE(cluster.form());
    SeededRng chance{seed};
    auto acknowledged = std::make_shared<std::set<std::string>>();
    for (int round = 0; round < 60; ++round) {
      // Nobody waits for the answers: some of them come after the next death.
      if (auto* const leader = cluster.leader()) {
        for (int i = 0; i < 3; ++i) {
          leader->scheduler().post([leader, acknowledged, key = fmt::format("{}-{}", round, i)] {
            std::vector<MetadataRecord> records{replication::broker_config_record("99", key, "x")};
            leader->broker().quorum().propose(std::move(records),
                                              [acknowledged, key](Result<std::int64_t> index) {
                                                if (index) acknowledged->insert(key);
                                              });
          });
        }
      }
      world.run_for(std::chrono::milliseconds{chance.below(400)});
      auto& node = *cluster.nodes()[chance.below(3)];
      if (node.state() == SimNode::State::off) {
        node.start("n1:9092,n2:9092,n3:9092");
      } else if (chance.chance(1, 3)) {
        if (chance.chance(1, 2)) {
          node.cut_power();
        } else {
          node.kill();
        }
      }
      if (chance.chance(1, 12)) world.network().isolate(cluster.nodes()[chance.below(3)]->name());
      if (chance.chance(1, 3)) world.network().heal_all();
    }
    world.network().heal_all();
    for (const auto& node : cluster.nodes())
      if (node->state() == SimNode::State::off) node->start("n1:9092,n2:9092,n3:9092");
    all_acknowledged += acknowledged->size();
    for (const auto& node : cluster.nodes()) {
      const auto whole = [&] {
        if (!node->serving()) return false;
        const auto& kept = node->broker().quorum().image()->broker_configs("99");
        return std::ranges::all_of(*acknowledged,
                                   [&](const auto& key) { return kept.contains(key); });
      };
      INFO("node " << node->id() << ' ' << node->failure());
      CHECK(world.run_until(whole, 60s));
    }
  }
  CHECK(all_acknowledged > 300);
}

TEST_CASE("quorum: a directory of another cluster is refused, naming both", "[quorum]") {
  SimWorld world{8};
  SimNode ours{world, 1, {}};
  SimNode theirs{world, 2, {}};
  ours.start();
  theirs.start();
  REQUIRE(world.run_until([&] { return ours.serving() && theirs.serving(); }, 10s));
  const auto here = ours.broker().cluster_id();
  const auto there = theirs.broker().cluster_id();
  theirs.kill();
  theirs.start("n1:9092");
  REQUIRE(world.run_until([&] { return theirs.state() == SimNode::State::failed; }, 30s));
  CHECK(theirs.failure().find(here) != std::string::npos);
  CHECK(theirs.failure().find(there) != std::string::npos);
}

TEST_CASE("quorum: a node id that is taken is refused", "[quorum]") {
  SimWorld world{9};
  SimCluster cluster{world, 2};
  REQUIRE(cluster.form());
  SimNode twin{world, 3, {{"node.id", "2"}, {"initial.broker.registration.timeout.ms", "2000"}}};
  twin.start("n1:9092");
  REQUIRE(world.run_until([&] { return twin.state() == SimNode::State::failed; }, 30s));
  CHECK(twin.failure().find("node.id 2 is taken") != std::string::npos);
}

}  // namespace
}  // namespace millrace::broker
