#include "replication/controller/membership.hpp"

#include <catch2/catch.hpp>

#include "replication/controller/in_sync.hpp"
#include "tests/replication/cluster.hpp"

namespace millrace::replication {
namespace {

TEST_CASE("membership: a broker serves when it has applied its own registration",
          "[replication][membership]") {
  Cluster c;
  const auto answer = c.start(1);
  CHECK(answer.error == ErrorCode::none);
  CHECK(answer.epoch == 100);
  CHECK(c.image->broker(BrokerId{1})->fenced);
  CHECK_FALSE(c.beat(1, {.applied = 100}).caught_up);
  CHECK(c.image->broker(BrokerId{1})->fenced);
  const auto caught_up = c.beat(1, {.applied = 101});
  CHECK(caught_up.caught_up);
  CHECK_FALSE(caught_up.fenced);
  CHECK(c.image->broker(BrokerId{1})->may_lead());
}

TEST_CASE("membership: a registration that is repeated gets the same epoch and writes nothing",
          "[replication][membership]") {
  Cluster c;
  const auto first = c.start(1);
  const auto offset = c.offset;
  CHECK(c.start(1).epoch == first.epoch);
  CHECK(c.offset == offset);
}

TEST_CASE("membership: a broker of another cluster is refused, and told both names",
          "[replication][membership]") {
  Cluster c;
  const Registration stranger{.id = BrokerId{1},
                              .cluster_id = "theirs",
                              .endpoints = {{"PLAINTEXT", "localhost", 9092, "PLAINTEXT"}}};
  const auto outcome = c.membership.register_broker(*c.image, stranger, c.offset, c.now);
  CHECK(outcome.records.empty());
  CHECK(outcome.response.error == ErrorCode::inconsistent_cluster_id);
  CHECK(outcome.response.message.contains("theirs"));
  CHECK(outcome.response.message.contains("ours"));
}

TEST_CASE("membership: two processes with one id: the second waits until the first is dead",
          "[replication][membership]") {
  Cluster c;
  c.make();
  CHECK(c.start(2, 2, std::nullopt, 7).error == ErrorCode::duplicate_broker_registration);
  CHECK(c.image->broker(BrokerId{2})->incarnation == Uuid{{1}});
  c.now += seconds{9};
  const auto old_epoch = c.image->broker(BrokerId{2})->epoch;
  const auto answer = c.start(2, 2, std::nullopt, 7);
  CHECK(answer.error == ErrorCode::none);
  CHECK(c.beat(2, {.epoch = old_epoch}).error == ErrorCode::stale_broker_epoch);
  CHECK(c.image->broker(BrokerId{2})->fenced);
  CHECK(c.in_sync() == "13");
}

TEST_CASE("membership: who has the directory of a broker need not wait for its session to end",
          "[replication][membership]") {
  Cluster c;
  c.make();
  const auto answer = c.start(2, 2);
  CHECK(answer.error == ErrorCode::none);
  CHECK(c.image->broker(BrokerId{2})->incarnation == Uuid{{2}});
  CHECK(c.in_sync() == "13");
}

TEST_CASE(
    "membership: the epoch of a broker is the index of its registration, whatever else is in "
    "the change",
    "[replication][membership]") {
  Cluster c;
  c.make();
  const auto index = c.offset;
  CHECK(c.start(1, 2).epoch == index);  // what it led goes to another in the same change
  CHECK(c.offset == index + 1);
  CHECK(c.image->broker(BrokerId{1})->epoch == index);
}

TEST_CASE("membership: a silent broker is fenced and its leaderships go to others",
          "[replication][membership]") {
  Cluster c;
  c.make();
  CHECK(c.membership.next_deadline(*c.image) == c.now + seconds{9});
  c.now += seconds{5};
  c.beat(2);
  c.beat(3);
  c.now += seconds{4};
  c.tick();
  CHECK(c.image->broker(BrokerId{1})->fenced);
  CHECK(c.partition().leader == BrokerId{2});
  CHECK(c.in_sync() == "23");
  CHECK(c.membership.next_deadline(*c.image) == c.now + seconds{5});

  // It was only slow: it serves again at once, and follows until it is in sync.
  CHECK_FALSE(c.beat(1).fenced);
  CHECK(c.partition().leader == BrokerId{2});
}

TEST_CASE("membership: a new active controller gives everybody a fresh session",
          "[replication][membership]") {
  Cluster c;
  c.make();
  c.now += seconds{100};
  c.membership.take_over(*c.image, c.now);
  c.tick();
  CHECK(c.in_sync() == "123");
  c.now += seconds{9};
  c.tick();
  CHECK_FALSE(c.partition().leader.has_value());
  CHECK(c.partition().eligible.size() == 2);  // of the two that were enough
}

TEST_CASE("membership: a reset connection begins the election at once",
          "[replication][membership]") {
  Cluster c;
  c.make();
  const auto epoch = c.image->broker(BrokerId{1})->epoch;
  CHECK(c.membership.connection_lost(*c.image, BrokerId{1}, epoch - 1).empty());
  c.commit(c.membership.connection_lost(*c.image, BrokerId{1}, epoch));
  CHECK(c.partition().leader == BrokerId{2});
  CHECK(c.membership.connection_lost(*c.image, BrokerId{1}, epoch).empty());
}

TEST_CASE("membership: a broker that stops goes when the others know who leads now",
          "[replication][membership]") {
  const bool controller_moves = GENERATE(false, true);
  Cluster c;
  c.make();
  const auto ask = [&] { return c.beat(1, {.applied = c.offset, .wants_to_stop = true}); };
  c.beat(2, {.applied = c.offset});
  c.beat(3, {.applied = c.offset});
  CHECK_FALSE(ask().may_stop);
  CHECK(c.partition().leader == BrokerId{2});
  CHECK(c.image->broker(BrokerId{1})->shutting_down);
  const auto handed_over = c.offset;
  if (controller_moves) c.membership.take_over(*c.image, c.now);
  c.beat(3, {.applied = handed_over});
  c.beat(2, {.applied = handed_over - 1});
  CHECK_FALSE(ask().may_stop);
  c.beat(2, {.applied = handed_over});
  const auto answer = ask();
  CHECK(answer.may_stop);
  CHECK(answer.fenced);
  CHECK(c.image->broker(BrokerId{1})->fenced);
  // The next process of it need not wait for the session of the one that left.
  CHECK(c.start(1, 2).error == ErrorCode::none);
}

TEST_CASE("membership: a broker that comes back with an empty disk is not safe, whatever the mode",
          "[replication][membership]") {
  Cluster c;
  c.make();
  for (const std::int32_t broker : {3, 2, 1})
    c.commit(c.membership.connection_lost(*c.image, BrokerId{broker},
                                          c.image->broker(BrokerId{broker})->epoch));
  REQUIRE(c.partition().eligible.size() == 2);
  c.start(2, 2, std::nullopt, 9);
  c.beat(2);
  CHECK_FALSE(c.partition().leader.has_value());
  c.start(1, 2);
  c.beat(1);
  CHECK(c.partition().leader == BrokerId{1});
  CHECK_FALSE(c.partition().recovering);
}

TEST_CASE("membership: with another minimum, who was eligible is so no longer",
          "[replication][membership]") {
  Cluster c;
  c.make();
  for (const std::int32_t broker : {3, 2})
    c.commit(c.membership.connection_lost(*c.image, BrokerId{broker},
                                          c.image->broker(BrokerId{broker})->epoch));
  REQUIRE(c.partition().eligible.size() == 1);
  protocol::IncrementalAlterConfigsRequest request;
  request.resources.push_back({.resource_type = 2, .resource_name = "t"});
  request.resources.back().configs.push_back({.name = "min.insync.replicas", .value = "1"});
  const Controller controller{{}, c.rules};
  c.commit(controller.alter_configs(*c.image, request).records);
  CHECK(c.partition().eligible.empty());
  CHECK(c.partition().leader == BrokerId{1});
}

TEST_CASE("membership: allowing unclean elections revives what has no leader",
          "[replication][membership]") {
  Cluster c;
  c.make();
  for (const std::int32_t broker : {3, 2, 1})
    c.commit(c.membership.connection_lost(*c.image, BrokerId{broker},
                                          c.image->broker(BrokerId{broker})->epoch));
  c.beat(3);
  CHECK(c.membership.revive(*c.image, 10).empty());
  c.commit({topic_config_record("t", "unclean.leader.election.enable", "true")});
  c.commit(c.membership.revive(*c.image, 10));
  CHECK(c.partition().leader == BrokerId{3});
}

TEST_CASE("membership: where acknowledgements do not wait for syncs, one who died is not safe",
          "[replication][membership]") {
  const bool async = GENERATE(false, true);
  const bool clean = GENERATE(false, true);
  CAPTURE(async, clean);
  Cluster c;
  c.make(async ? "async" : "sync");
  c.now += seconds{9};
  c.beat(3);
  c.tick();  // 1 and 2 are silent
  c.now += seconds{9};
  c.tick();  // and now 3
  CHECK_FALSE(c.partition().leader.has_value());
  const auto before = c.partition().eligible;
  REQUIRE(before.size() == 2);
  const BrokerId other = before.front();
  const auto epoch = c.image->broker(other)->epoch;
  c.start(other.value, 7, clean ? std::optional{epoch} : std::nullopt);
  c.beat(other.value);
  CHECK((c.partition().leader == other) == (clean || !async));
}

TEST_CASE("membership: a broker is removed only when it is down and holds nothing",
          "[replication][membership]") {
  Cluster c;
  c.make();
  const auto remove = [&](std::int32_t id) {
    const auto outcome = c.membership.unregister(*c.image, BrokerId{id}, c.now);
    c.commit(outcome.records);
    return outcome.response.error;
  };
  CHECK(remove(7) == ErrorCode::broker_id_not_registered);
  CHECK(remove(3) == ErrorCode::invalid_request);
  c.now += seconds{9};
  c.tick();
  CHECK(remove(3) == ErrorCode::invalid_request);
  c.commit({remove_topic_record(kTopic)});
  CHECK(remove(3) == ErrorCode::none);
  CHECK(c.image->broker(BrokerId{3}) == nullptr);
}

TEST_CASE("membership: what records say is what the image has", "[replication][membership]") {
  Cluster c;
  c.make();
  PartitionImage full{.replicas = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
                      .in_sync = {BrokerId{2}},
                      .leader = BrokerId{2},
                      .leader_epoch = LeaderEpoch{7},
                      .adding = {BrokerId{3}},
                      .removing = {BrokerId{1}},
                      .eligible = {BrokerId{1}},
                      .last_leader = BrokerId{1},
                      .recovering = true,
                      .partition_epoch = 9};
  c.commit({partition_record(kTopic, PartitionIndex{0}, full)});
  CHECK(c.partition() == full);
  BrokerImage broker = *c.image->broker(BrokerId{1});
  broker.rack = "r1";
  broker.shutting_down = true;
  c.commit({broker_record(broker)});
  CHECK(*c.image->broker(BrokerId{1}) == broker);
}

// In-sync sets ------------------------------------------------------------------------------------

struct Proposer {
  explicit Proposer(Cluster& cluster) : c{cluster} {}
  Cluster& c;
  InSyncProposal wish{.topic = kTopic, .in_sync = {member(1), member(2)}};
  std::int32_t broker = 1;
  std::int64_t epoch_off_by = 0;

  [[nodiscard]] InSyncProposal::Member member(std::int32_t id) const {
    const auto* const known = c.image->broker(BrokerId{id});
    return {.id = BrokerId{id}, .epoch = known == nullptr ? 1 : known->epoch};
  }
  ErrorCode ask() {
    const BrokerId id{broker};
    const auto outcome =
        alter_in_sync(*c.image, id, c.image->broker(id)->epoch + epoch_off_by, {wish}, c.rules);
    if (outcome.response.front().error != ErrorCode::none) CHECK(outcome.records.empty());
    c.commit(outcome.records);
    return outcome.response.front().error;
  }
};

TEST_CASE("in sync: the leader shrinks and grows the set", "[replication][in-sync]") {
  Cluster c;
  c.make();
  Proposer p{c};
  CHECK(p.ask() == ErrorCode::none);
  CHECK(c.in_sync() == "12");
  CHECK(p.ask() == ErrorCode::invalid_update_version);  // it does not know of its own change yet
  p.wish.partition_epoch = 1;
  p.wish.in_sync.push_back(p.member(3));
  CHECK(p.ask() == ErrorCode::none);
  CHECK(c.in_sync() == "123");
}

TEST_CASE("in sync: who does not know the newest changes nothing", "[replication][in-sync]") {
  Cluster c;
  c.make();
  Proposer p{c};
  const auto want = [&](ErrorCode error) {
    const auto before = c.partition();
    CHECK(p.ask() == error);
    CHECK(c.partition() == before);
  };
  SECTION("its process is not the registered one") {
    p.epoch_off_by = -1;
    want(ErrorCode::stale_broker_epoch);
  }
  SECTION("it does not lead") {
    p.broker = 2;
    want(ErrorCode::invalid_request);
  }
  SECTION("leader epochs") {
    p.wish.leader_epoch = LeaderEpoch{1};
    want(ErrorCode::not_controller);
    c.commit(
        c.membership.connection_lost(*c.image, BrokerId{1}, c.image->broker(BrokerId{1})->epoch));
    p.wish.leader_epoch = LeaderEpoch{0};
    want(ErrorCode::fenced_leader_epoch);
  }
  SECTION("partition epochs") {
    p.wish.partition_epoch = 1;
    want(ErrorCode::not_controller);
  }
  SECTION("no such partition") {
    p.wish.partition = PartitionIndex{1};
    want(ErrorCode::unknown_topic_or_partition);
    p.wish.partition = PartitionIndex{-1};
    want(ErrorCode::unknown_topic_or_partition);
    p.wish.topic = TopicId{{9}};
    want(ErrorCode::unknown_topic_id);
  }
  SECTION("sets that cannot be") {
    p.wish.in_sync = {p.member(2)};
    want(ErrorCode::invalid_request);
    p.wish.in_sync = {p.member(1), p.member(4)};
    want(ErrorCode::invalid_request);
    p.wish.in_sync = {p.member(1), p.member(1)};
    want(ErrorCode::invalid_request);
  }
  SECTION("members that are down, stopping or new") {
    p.wish.in_sync = {p.member(1), {.id = BrokerId{2}, .epoch = 1}};
    want(ErrorCode::ineligible_replica);
    c.commit({broker_change_record(*c.image->broker(BrokerId{2}), std::nullopt, true)});
    p.wish.in_sync = {p.member(1), p.member(2)};
    want(ErrorCode::ineligible_replica);
    c.commit({broker_change_record(*c.image->broker(BrokerId{2}), true, false)});
    want(ErrorCode::ineligible_replica);
  }
}

TEST_CASE(
    "membership: the only replica of a partition leads it through a restart, unless it lost its "
    "log",
    "[replication][membership]") {
  Cluster c;
  c.make();
  const PartitionImage alone{
      .replicas = {BrokerId{2}}, .in_sync = {BrokerId{2}}, .leader = BrokerId{2}};
  const TopicId lone{{2}};
  c.commit({topic_record("lone", lone), partition_record(lone, PartitionIndex{0}, alone)});
  const auto now = [&] { return c.image->topic(lone)->partitions.front(); };
  c.commit(
      c.membership.connection_lost(*c.image, BrokerId{2}, c.image->broker(BrokerId{2})->epoch));
  CHECK(now() == alone);
  c.start(2, 2);
  c.beat(2);
  CHECK(now() == alone);
  SECTION("it may stop though it leads") {
    for (int i = 0; i < 3; ++i) {
      c.beat(1);
      c.beat(3);
      c.beat(2, {.wants_to_stop = true});
    }
    c.beat(1);
    c.beat(3);
    CHECK(c.beat(2, {.wants_to_stop = true}).may_stop);
    CHECK(now() == alone);
  }
  SECTION("another directory has nothing of what was acknowledged") {
    c.now += seconds{9};
    c.start(2, 3, std::nullopt, 9);
    CHECK(now().leader_epoch > alone.leader_epoch);
  }
  SECTION("a process that died may have acknowledged what it had not synced") {
    c.commit({topic_config_record("lone", "flush.mode", "async")});
    c.start(2, 3);
    CHECK(now().leader_epoch > alone.leader_epoch);
  }
}

}  // namespace
}  // namespace millrace::replication
