#include <fmt/format.h>
#include <algorithm>

#include "clients/admin.hpp"
#include "clients/producer.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::Delivered;
using clients::Outcome;

std::string padded(std::string value, std::size_t bytes) {
  const std::size_t from = value.size();
  if (from >= bytes) return value;
  value.resize(bytes);
  for (std::size_t i = from; i < bytes; ++i) {
    value[i] = static_cast<char>('a' + (i * 7 + from) % 26);
  }
  return value;
}

}  // namespace

std::vector<TopicPartition> Stage::partitions() const {
  std::vector<TopicPartition> all;
  for (std::int32_t i = 0; i < plan.partitions; ++i) all.push_back({kTopic, PartitionIndex{i}});
  return all;
}

clients::ClientOptions client_options(const std::string& id) {
  return {.bootstrap = {{"broker", 9092}},
          .client_id = id,
          .connect_timeout = 1s,
          .request_timeout = 3s,
          .retry_backoff_min = 10ms,
          .retry_backoff_max = 200ms,
          .reconnect_backoff_min = 10ms,
          .reconnect_backoff_max = 200ms};
}

LogName log_name(const TopicPartition& partition) {
  return fmt::format("{}-{}", partition.topic, partition.partition.value);
}

std::string to_text(const clients::ClientError& error) {
  return fmt::format("{}: {}", clients::to_string(error.code), error.message);
}

bool Pen::write(clients::Producer& producer, const std::string& topic, PartitionIndex partition,
                const LogName& log, std::size_t bytes) {
  auto value = padded(fmt::format("{}/{}#{}", writer_, log, ++number_), bytes);
  const clients::RecordRef record{.topic = topic, .partition = partition, .value = as_bytes(value)};
  const auto taken = producer.enqueue(record, [this, log, value](const Outcome<Delivered>& told) {
    if (told) {
      stage_.add(Acked{log, value, told->offset});
      return;
    }
    broken_ = true;
    stage_.add(GaveUp{log, value, to_text(told.error())});
    // Whom a full disk refuses is told so at once, however patient.
    const auto& strikes = stage_.plan.strikes;
    const bool full = told.error().broker_code == protocol::ErrorCode::policy_violation &&
                      std::ranges::find(strikes, Blow::disk_full, &Strike::blow) != strikes.end();
    if (patient_ && !full) {
      stage_.add(Failed{"gave up",
                        fmt::format("{} had time to deliver: {}", writer_, to_text(told.error()))});
    }
  });
  if (taken) {
    stage_.add(Sent{log, writer_, std::move(value)});
    return true;
  }
  // No room is no harm: what is buffered goes first.
  if (taken.error().code != clients::Errc::buffer_full) broken_ = true;
  return false;
}

net::Awaitable<void> write_records(Stage& stage, SimScheduler& here, std::size_t number) {
  const WriterPlan& plan = stage.plan.writers[number];
  Rng& rng = stage.world.rng();
  std::uint64_t left = plan.records;
  for (int life = 1; left > 0; ++life) {
    const auto name = fmt::format("w{}.{}", number, life);
    Pen pen{stage, name, plan.patient()};
    clients::Client client{here, rng, client_options(name)};
    clients::Producer producer{client,
                               {.linger = plan.linger,
                                .batch_bytes = plan.batch_bytes,
                                .codec = plan.codec,
                                .delivery_timeout = plan.delivery_timeout,
                                .retry_backoff = 20ms,
                                .request_timeout = 3s,
                                .memory_bytes_max = std::size_t{200} << 10}};
    while (left > 0 && !pen.broken()) {
      for (auto burst = 1 + rng.below(plan.burst_max); burst > 0 && left > 0; --burst) {
        const TopicPartition to{kTopic, PartitionIndex{static_cast<std::int32_t>(rng.below(
                                            static_cast<std::uint64_t>(stage.plan.partitions)))}};
        const auto bytes = rng.below(plan.value_bytes_max + 1);
        if (!pen.write(producer, to.topic, to.partition, log_name(to), bytes)) break;
        --left;
      }
      const auto pause = std::chrono::microseconds{
          rng.below(static_cast<std::uint64_t>(plan.pause_max.count()) * 1000 + 1)};
      co_await net::sleep_until(here, stage.in(pause));
    }
    co_await producer.flush(stage.in(plan.delivery_timeout + 10s));
    co_await producer.stop();
    co_await client.stop();
  }
  --stage.writers_left;
}

net::Awaitable<void> write_probes(Stage& stage, SimScheduler& here) {
  clients::Client client{here, stage.world.rng(), client_options("probe")};
  clients::Producer producer{client, {.delivery_timeout = 20s, .request_timeout = 3s}};
  Pen pen{stage, "probe", true};
  for (const auto& to : stage.partitions()) {
    if (!pen.write(producer, to.topic, to.partition, log_name(to), 0)) {
      stage.add(Failed{"stuck", "a probe was not taken"});
    }
  }
  co_await producer.flush(stage.in(30s));
  co_await producer.stop();
  co_await client.stop();
}

net::Awaitable<void> create_topic(Stage& stage, SimScheduler& here) {
  clients::Client client{here, stage.world.rng(), client_options("admin")};
  clients::NewTopic topic{.name = kTopic, .partitions = stage.plan.partitions};
  topic.configs["compression.type"] = stage.plan.topic_compression;
  if (stage.mutant == Mutant::acks_before_sync) topic.configs["flush.mode"] = "async";
  std::vector<clients::NewTopic> topics{std::move(topic)};
  if (stage.plan.second_topic) {
    topics.push_back({.name = kSecondTopic, .partitions = kSecondPartitions});
  }
  const auto created = co_await clients::Admin{client}.create_topics(topics, stage.in(30s));
  if (!created) {
    stage.add(Failed{"stuck", to_text(created.error())});
  } else {
    for (const auto& [name, outcome] : *created) {
      if (!outcome) stage.add(Failed{"stuck", to_text(outcome.error())});
    }
  }
  co_await client.stop();
}

}  // namespace millrace::sim
