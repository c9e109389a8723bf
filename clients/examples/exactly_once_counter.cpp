// Counts events by key, each exactly once, whatever is killed:
//
//     exactly_once_counter HOST:PORT EVENTS COUNTS NAME
//
// EVENTS and COUNTS have the same number of partitions, and COUNTS is compacted: its last record of
// a key is that key's count. Start as many as you like, each under a NAME of its own; one that died
// is started again under its NAME.
//
// How it stays exact:
// 1. New counts and the offsets of the events in them are committed in one transaction, so neither
//    is there without the other.
// 2. The counts of partition 3 of EVENTS are in partition 3 of COUNTS. Who is given a partition
//    first learns where to go on, which waits until no transaction holds that offset open; then
//    reads the counts, to the end that the partition has by then. A transaction of somebody who
//    died is waited for: it ends by its timeout, or when its NAME comes back.
// 3. A member that lost its partitions cannot commit any more: the group has another generation.
// 4. Whatever fails, nothing is repaired: everything is thrown away and begun anew from what is
//    committed.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "clients/admin.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "protocol/net/asio_runtime.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 60s;  // for one call; longer than a transaction may stay open

struct Task {
  std::string events;
  std::string counts;
  std::string name;
  bool stop_asked = false;
};

/// From taking part to the first failure.
class Counter {
 public:
  Counter(Client& client, const Task& task)
      : client_{client},
        task_{task},
        producer_{client,
                  {.transactional_id = task.events + "-counter-" + task.name,
                   .transaction_timeout = 10s}},
        consumer_{client,
                  {.isolation = Isolation::read_committed,
                   .group_instance_id = task.name,
                   .session_timeout = 10s,
                   .auto_commit = false,
                   .on_assigned = [this](auto taken) { return load(std::move(taken)); },
                   .on_revoked = [this](auto gone) { return drop(std::move(gone)); },
                   .on_lost = [this](auto gone) { return drop(std::move(gone)); }}} {}

  /// Success: it was asked to stop.
  net::Awaitable<Outcome<void>> run() {
    const auto until = deadline();
    const auto begun = co_await producer_.init_transactions(until);
    if (!begun) co_return begun.error();
    const auto subscribed = consumer_.subscribe({task_.events}, group());
    if (!subscribed) co_return subscribed.error();
    while (!task_.stop_asked) {
      const auto polled_until = client_.now() + 200ms;
      const auto records = co_await consumer_.poll(polled_until);
      if (!records) co_return records.error();
      if (!loaded_) co_return loaded_.error();
      if (records->empty()) continue;
      const auto counted = co_await count(*records);
      if (!counted) co_return counted.error();
    }
    co_return Outcome<void>{};
  }

  net::Awaitable<void> stop() {
    const auto until = client_.now() + 5s;
    co_await consumer_.stop(until);
    co_await producer_.stop();
  }

 private:
  using Counts = std::map<std::string, std::int64_t, std::less<>>;

  [[nodiscard]] Instant deadline() const { return client_.now() + kPatience; }
  [[nodiscard]] std::string group() const { return task_.events + "-counter"; }

  /// One transaction.
  net::Awaitable<Outcome<void>> count(const std::vector<ConsumedRecord>& records) {
    const auto begun = producer_.begin_transaction();
    if (!begun) co_return begun.error();
    std::map<PartitionIndex, Counts> changed;
    PartitionOffsets next;
    for (const auto& record : records) {
      const std::string key{record.key_text().value_or("")};
      changed[record.partition()][key] = ++counts_[record.partition()][key];
      next.insert_or_assign(*record.source, record.offset.next());
    }
    for (const auto& [partition, counts] : changed) {
      for (const auto& [key, number] : counts) {
        const auto text = fmt::to_string(number);
        const auto taken = producer_.enqueue({.topic = task_.counts,
                                              .partition = partition,
                                              .key = as_bytes(key),
                                              .value = as_bytes(text)});
        if (!taken) co_return taken.error();
      }
    }
    auto until = deadline();
    const GroupMetadata member{.group = group(),
                               .generation = consumer_.generation().value_or(-1),
                               .member_id = consumer_.member_id(),
                               .instance_id = task_.name};
    const auto kept = co_await producer_.send_offsets(std::move(next), member, until);
    if (!kept) co_return kept.error();
    for (;;) {
      until = deadline();
      const auto committed = co_await producer_.commit_transaction(until);
      if (committed || committed.error().code != Errc::timed_out) co_return committed;
    }
  }

  /// Before the first event of a partition comes: what was counted of it so far.
  net::Awaitable<void> load(std::vector<TopicPartition> taken) {
    Consumer reader{client_, {.isolation = Isolation::read_committed}};
    const auto outcome = co_await read_counts(reader, std::move(taken));
    if (!outcome) loaded_ = outcome.error();
    const auto until = client_.now() + 5s;
    co_await reader.stop(until);
  }

  net::Awaitable<Outcome<void>> read_counts(Consumer& reader, std::vector<TopicPartition> taken) {
    std::vector<TopicPartition> partitions;
    std::vector<Assignment> from_start;
    for (const auto& each : taken) {
      counts_.erase(each.partition);
      const TopicPartition at{task_.counts, each.partition};
      partitions.push_back(at);
      from_start.push_back({.partition = at});
    }
    // To the very end, open transactions included: the reader gets there when they are over.
    const auto until = deadline();
    const auto ends = co_await look_up_ends(client_, std::move(partitions), FromLatest{},
                                            Isolation::read_uncommitted, until);
    if (!ends) co_return ends.error();
    const auto assigned = reader.assign(std::move(from_start));
    if (!assigned) co_return assigned.error();
    while (!has_read(reader, *ends)) {
      if (client_.now() > until)
        co_return ClientError{.code = Errc::timed_out,
                              .message = task_.counts + " was not read to its end in time"};
      const auto polled_until = client_.now() + 100ms;
      const auto records = co_await reader.poll(polled_until);
      if (!records) co_return records.error();
      for (const auto& record : *records) {
        const std::string key{record.key_text().value_or("")};
        counts_[record.partition()][key] =
            std::stoll(std::string{record.value_text().value_or("0")});
      }
    }
    co_return Outcome<void>{};
  }

  static bool has_read(const Consumer& reader, const PartitionOffsets& ends) {
    return std::ranges::all_of(ends, [&](const auto& end) {
      const auto position = reader.position(end.first);
      return end.second == Offset{0} || (position && *position >= end.second);
    });
  }

  net::Awaitable<void> drop(std::vector<TopicPartition> gone) {
    for (const auto& each : gone) counts_.erase(each.partition);
    co_return;
  }

  Client& client_;
  const Task& task_;
  Producer producer_;
  Consumer consumer_;
  std::map<PartitionIndex, Counts> counts_;  // of the partitions that are ours
  Outcome<void> loaded_;                     // why the counts could not be read
};

/// One counter after the other, until it is asked to stop.
net::Awaitable<void> whole(net::AsioScheduler& scheduler, Rng& rng, ClientOptions options,
                           const Task& task) {
  while (!task.stop_asked) {
    Client client{scheduler, rng, options};
    {
      Counter counter{client, task};
      const auto ended = co_await counter.run();
      co_await counter.stop();
      if (!ended) fmt::print(stderr, "beginning anew: {}\n", ended.error().message);
    }
    co_await client.stop();
    const auto pause = scheduler.clock().now() + 200ms;
    co_await net::sleep_until(scheduler, pause);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto bootstrap = parse_bootstrap(argc == 5 ? argv[1] : "");
  if (!bootstrap) {
    fmt::print(stderr, "usage: {} HOST:PORT EVENTS COUNTS NAME\n", argv[0]);
    return 2;
  }
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Task task{.events = argv[2], .counts = argv[3], .name = argv[4]};
  const net::SignalWatch signals{scheduler, [&task](int) { task.stop_asked = true; }};
  net::run_blocking(scheduler, whole(scheduler, rng, {.bootstrap = *bootstrap}, task));
}
