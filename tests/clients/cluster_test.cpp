#include <catch2/catch.hpp>

#include "clients/admin.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "tests/clients/bench.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace millrace::clients::test;
using protocol::ApiKey;
using protocol::ErrorCode;
using namespace std::chrono_literals;

TEST_CASE("connection: an old broker is talked to in the version it knows", "[clients][net]") {
  for (const int known : {0, 2, 3, 4}) {
    Bench bench;
    bench.cluster.api_versions_max = static_cast<std::int16_t>(known);
    const auto cluster = bench.run(Admin{*bench.client}.describe_cluster(bench.in(10s)));
    REQUIRE(cluster);
    CHECK(cluster->brokers.size() == 2);
    bench.run(bench.client->stop());
  }
}

TEST_CASE("client: nobody listening is told with the address", "[clients][net]") {
  Bench bench;
  Client lost{bench.here, bench.world.rng(), {.bootstrap = {{"broker1", 1}}}};
  const auto cluster = bench.run(Admin{lost}.describe_cluster(bench.in(3s)));
  REQUIRE_FALSE(cluster);
  CHECK(cluster.error().code == Errc::unreachable);
  CHECK(cluster.error().message.find("broker1:1") != std::string::npos);
  bench.run(lost.stop());
}

TEST_CASE("client: a call survives connections that die under it", "[clients][net]") {
  Bench bench;
  bench.cluster.silent[ApiKey::metadata] = 3;
  const auto topics = bench.run(Admin{*bench.client}.list_topics(bench.in(30s)));
  REQUIRE(topics);
  REQUIRE(topics->size() == 1);
  CHECK(topics->front().partitions == 2);
  bench.run(bench.client->stop());
}

TEST_CASE("client: the features of the cluster stay known while no broker can be reached",
          "[clients][net]") {
  Bench bench;
  CHECK(bench.client->feature_level("transaction.version") == 0);
  REQUIRE(bench.run(Admin{*bench.client}.list_topics(bench.in(5s))));
  CHECK(bench.client->feature_level("transaction.version") == 2);
  for (const auto* name : {"broker1", "broker2"}) bench.world.find_host(name)->crash();
  CHECK_FALSE(bench.run(Admin{*bench.client}.list_topics(bench.in(5s))));
  CHECK(bench.client->feature_level("transaction.version") == 2);
  bench.run(bench.client->stop());
}

TEST_CASE("producer: records arrive in order, with their offsets", "[clients][producer]") {
  Bench bench;
  Producer producer{*bench.client, {}};
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto delivered = bench.run(producer.send(record("v" + std::to_string(i))));
    REQUIRE(delivered);
    CHECK(delivered->offset == Offset{i});
  }
  bench.run(producer.stop());
  bench.run(bench.client->stop());
}

TEST_CASE("producer: a moved leader is retried with the same sequence", "[clients][producer]") {
  Bench bench;
  Producer producer{*bench.client, {}};
  REQUIRE(bench.run(producer.send(record("a"))));
  bench.cluster.logs[kFirst].leader = BrokerId{2};
  ++bench.cluster.logs[kFirst].epoch;
  const auto delivered = bench.run(producer.send(record("b")));
  REQUIRE(delivered);
  CHECK(delivered->offset == Offset{1});
  REQUIRE(bench.cluster.sequences.size() >= 3);
  CHECK(bench.cluster.sequences.front() == 0);
  for (std::size_t i = 1; i < bench.cluster.sequences.size(); ++i) {
    CHECK(bench.cluster.sequences[i] == 1);
  }
  bench.run(producer.stop());
  bench.run(bench.client->stop());
}

TEST_CASE("producer: whatever fails on the way, each record is stored once and in order",
          "[clients][producer]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Bench bench{seed};
    Producer producer{*bench.client, {.linger = 0ms, .batch_bytes = 1}};
    auto& errors = bench.cluster.errors[ApiKey::produce];
    for (int i = 0; i < 40; ++i) {
      const auto dice = bench.world.rng().below(4);
      errors.push_back(dice == 0   ? ErrorCode::not_enough_replicas
                       : dice == 1 ? ErrorCode::request_timed_out
                                   : ErrorCode::none);
    }
    for (int i = 1; i <= 5; ++i) {
      bench.world.at(bench.in(i * 60ms),
                     [&bench] { bench.world.network().reset("client", "broker1"); });
    }
    Values sent;
    int delivered = 0;
    for (int i = 0; i < 50; ++i) {
      sent.push_back(std::to_string(i));
      const RecordRef ref{
          .topic = "t", .partition = PartitionIndex{0}, .value = as_bytes(sent.back())};
      REQUIRE(producer.enqueue(ref, [&](const Outcome<Delivered>& outcome) {
        if (outcome) ++delivered;
      }));
    }
    const auto flushed = bench.run(producer.flush(bench.in(60s)));
    CHECK(flushed);
    CHECK(delivered == 50);
    Values stored;
    for (protocol::BatchRun run{bench.cluster.logs[kFirst].bytes}; const auto each : run) {
      protocol::RecordReader reader{each.records_section(), each.record_count()};
      while (const auto next = reader.next()) stored.emplace_back(as_text(*next->value));
    }
    CHECK(stored == sent);
    bench.run(producer.stop());
    bench.run(bench.client->stop());
  }
}

TEST_CASE("producer: a topic that is not there is told, one that appears is used",
          "[clients][producer]") {
  Bench bench;
  Producer producer{*bench.client, {.unknown_topic_timeout = 2s}};
  const auto lost = bench.run(producer.send({.topic = "nowhere", .value = "v"}));
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == Errc::unknown_topic);
  bench.world.at(bench.in(1s), [&bench] { bench.cluster.add_topic("late", 1); });
  CHECK(bench.run(producer.send({.topic = "late", .value = "v"})));
  const auto nope = bench.run(producer.send(record("v", PartitionIndex{9})));
  REQUIRE_FALSE(nope);
  CHECK(nope.error().code == Errc::unknown_partition);
  bench.run(producer.stop());
  bench.run(bench.client->stop());
}

TEST_CASE("producer: the memory bound holds and room comes back", "[clients][producer]") {
  Bench bench;
  Producer producer{*bench.client, {.memory_bytes_max = 20'000}};
  const std::string value(1000, 'x');
  const RecordRef ref{.topic = "t", .value = as_bytes(value)};
  Outcome<void> taken;
  while (taken) taken = producer.enqueue(ref);
  CHECK(taken.error().code == Errc::buffer_full);
  CHECK(producer.buffered_bytes() <= 20'000);
  bench.run(producer.room());
  CHECK(producer.enqueue(ref));
  const std::string large(30'000, 'x');
  const auto refused = producer.enqueue({.topic = "t", .value = as_bytes(large)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::too_large);
  CHECK(bench.run(producer.flush(bench.in(10s))));
  CHECK(producer.buffered_records() == 0);
  bench.run(producer.stop());
  bench.run(bench.client->stop());
}

TEST_CASE("consumer: reads from the start, follows a moved leader, and keeps its position",
          "[clients][consumer]") {
  Bench bench;
  bench.cluster.append(kFirst, batch({"a", "b"}));
  Consumer consumer{*bench.client, {}};
  REQUIRE(consumer.assign({{.partition = kFirst}}));
  Values values;
  bench.run(poll_values(consumer, bench.in(10s), 2, values));
  CHECK(consumer.position(kFirst) == Offset{2});
  bench.cluster.logs[kFirst].leader = BrokerId{2};
  ++bench.cluster.logs[kFirst].epoch;
  bench.cluster.append(kFirst, batch({"c"}));
  bench.run(poll_values(consumer, bench.in(20s), 3, values));
  CHECK(values == Values{"a", "b", "c"});
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer: with a rack, what the near replica has is read there, else from the leader",
          "[clients][consumer]") {
  Bench bench;
  bench.cluster.append(kFirst, batch({"a", "b"}));
  bench.cluster.logs[kFirst].near = BrokerId{2};
  Consumer consumer{*bench.client, {.rack = "here"}};
  REQUIRE(consumer.assign({{kFirst, Offset{0}}}));
  Values values;
  bench.run(poll_values(consumer, bench.in(5s), 2, values));
  CHECK(values == Values{"a", "b"});
  bench.world.run_for(5s);
  CHECK(bench.cluster.asked[ApiKey::fetch] < 20);  // no more than waits take
  bench.cluster.errors[ApiKey::fetch] = {ErrorCode::offset_out_of_range};
  bench.cluster.logs[kFirst].near.reset();
  bench.cluster.append(kFirst, batch({"c"}));
  bench.run(poll_values(consumer, bench.in(5s), 3, values));
  CHECK(values == Values{"a", "b", "c"});
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer: starts at an offset, the end, or where it is sent", "[clients][consumer]") {
  Bench bench;
  bench.cluster.append(kFirst, batch({"a", "b", "c"}));
  bench.cluster.append(kSecond, batch({"x"}));
  Consumer consumer{*bench.client, {}};
  REQUIRE(consumer.assign({{kFirst, Offset{1}}, {kSecond, FromLatest{}}}));
  Values values;
  bench.run(poll_values(consumer, bench.in(2s), 3, values));
  CHECK(values == Values{"b", "c"});
  REQUIRE(consumer.seek(kSecond, FromEarliest{}));
  bench.run(poll_values(consumer, bench.in(2s), 3, values));
  CHECK(values == Values{"b", "c", "x"});
  CHECK_FALSE(consumer.seek({"u", PartitionIndex{0}}, Offset{0}));
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer: an offset out of range is reset or told, as the policy says",
          "[clients][consumer]") {
  for (const auto policy : {OffsetReset::earliest, OffsetReset::fail}) {
    Bench bench;
    bench.cluster.append(kFirst, batch({"a"}));
    Consumer consumer{*bench.client, {.reset = policy}};
    REQUIRE(consumer.assign({{kFirst, Offset{100}}}));
    const auto records = bench.run(consumer.poll(bench.in(5s)));
    if (policy == OffsetReset::earliest) {
      REQUIRE(records);
      CHECK(records->size() == 1);
    } else {
      REQUIRE_FALSE(records);
      CHECK(records.error().code == Errc::no_position);
      const auto after = bench.run(consumer.poll(bench.in(1s)));
      CHECK(after);  // told once
    }
    bench.run(consumer.stop(bench.in(5s)));
    bench.run(bench.client->stop());
  }
}

TEST_CASE("consumer: a member joins, commits what was polled, and goes on from there",
          "[clients][consumer][group]") {
  Bench bench;
  bench.cluster.append(kFirst, batch({"a", "b"}));
  bench.cluster.append(kSecond, batch({"c"}));
  {
    Consumer consumer{*bench.client, {}};
    REQUIRE(consumer.subscribe({"t"}, "g"));
    Values values;
    bench.run(poll_values(consumer, bench.in(20s), 3, values));
    CHECK(values.size() == 3);
    CHECK(consumer.generation() == 1);
    CHECK(consumer.member_id() == "member-1");
    bench.run(consumer.stop(bench.in(5s)));
  }
  CHECK(bench.cluster.committed[kFirst] == 2);
  CHECK(bench.cluster.committed[kSecond] == 1);
  bench.cluster.append(kFirst, batch({"d"}));
  Consumer again{*bench.client, {}};
  REQUIRE(again.subscribe({"t"}, "g"));
  Values values;
  bench.run(poll_values(again, bench.in(20s), 1, values));
  CHECK(values == Values{"d"});
  bench.run(again.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer: a rebalance revokes, commits and joins again from inside poll",
          "[clients][consumer][group]") {
  Bench bench;
  bench.cluster.append(kFirst, batch({"a"}));
  std::vector<std::string> story;
  const auto note = [&story](const char* what) -> RebalanceCallback {
    return [&story, what](std::vector<TopicPartition> partitions) -> net::Awaitable<void> {
      story.push_back(what + std::to_string(partitions.size()));
      static constexpr auto kNothing = []() -> net::Awaitable<void> { co_return; };
      return kNothing();
    };
  };
  Consumer consumer{*bench.client,
                    {.on_assigned = note("+"), .on_revoked = note("-"), .on_lost = note("!")}};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  Values values;
  bench.run(poll_values(consumer, bench.in(20s), 1, values));
  bench.cluster.errors[ApiKey::heartbeat].push_back(ErrorCode::rebalance_in_progress);
  bench.run(poll_values(consumer, bench.in(10s), 2, values));
  CHECK(story == std::vector<std::string>{"+2", "-2", "+2"});
  CHECK(bench.cluster.committed[kFirst] == 1);
  CHECK(consumer.generation() == 2);
  CHECK(values == Values{"a"});  // delivered once
  bench.cluster.errors[ApiKey::heartbeat].push_back(ErrorCode::unknown_member_id);
  bench.run(poll_values(consumer, bench.in(10s), 2, values));
  CHECK(story == std::vector<std::string>{"+2", "-2", "+2", "!2", "+2"});
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}
