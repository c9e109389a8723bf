#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/client.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "protocol/record/builder.hpp"
#include "tests/clients/fake_broker.hpp"

namespace millrace::clients::test {

/// Two brokers, a client on a third machine, and the topic `t` with two partitions on broker 1.
struct Bench {
  explicit Bench(std::uint64_t seed = 1) : world{seed} {
    cluster.add_topic("t", 2);
    for (const std::int32_t id : {1, 2}) {
      const auto name = "broker" + std::to_string(id);
      auto& scheduler = world.make_host(name).make_scheduler();
      brokers.push_back(std::make_unique<FakeBroker>(scheduler, cluster, BrokerId{id},
                                                     net::Endpoint{name, 9092}));
    }
    client.emplace(here, world.rng(), ClientOptions{.bootstrap = {{"broker1", 9092}}});
  }
  ~Bench() {
    // Hosts first: nothing runs any more when the objects go.
    for (const auto* name : {"client", "broker1", "broker2"}) {
      if (auto* host = world.find_host(name)) host->crash();
    }
  }
  Instant in(std::chrono::nanoseconds time) { return world.clock().now() + time; }
  template <class T>
  T run(net::Awaitable<T> coroutine) {
    return world.run(here, std::move(coroutine));
  }

  sim::SimWorld world;
  sim::SimScheduler& here = world.make_host("client").make_scheduler();
  FakeCluster cluster;
  std::vector<std::unique_ptr<FakeBroker>> brokers;
  std::optional<Client> client;
};

inline const TopicPartition kFirst{"t", PartitionIndex{0}};
inline const TopicPartition kSecond{"t", PartitionIndex{1}};

inline Record record(std::string value,
                     std::optional<PartitionIndex> partition = PartitionIndex{0}) {
  return {.topic = "t", .partition = partition, .value = std::move(value)};
}

inline std::vector<std::byte> batch(const std::vector<std::string>& values) {
  protocol::BatchBuilder builder;
  for (const auto& value : values) builder.add(Timestamp{1}, std::nullopt, as_bytes(value));
  return *builder.build();
}

using Values = std::vector<std::string>;

inline net::Awaitable<void> poll_values(Consumer& consumer, Instant deadline, std::size_t count,
                                        Values& into) {
  while (into.size() < count) {
    const auto records = co_await consumer.poll(deadline);
    REQUIRE(records);
    if (records->empty()) co_return;
    for (const auto& each : *records) into.emplace_back(each.value_text().value_or("null"));
  }
}

}  // namespace millrace::clients::test
