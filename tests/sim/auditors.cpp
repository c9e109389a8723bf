#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "clients/consumer.hpp"
#include "clients/group_offsets.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

/// Readers of what transactions leave.
namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::Consumer;
using clients::Isolation;

std::set<std::string> groups_of(const Plan& plan) {
  std::set<std::string> groups;
  for (const auto& each : plan.transactors) groups.insert(ledger_group(each));
  return groups;
}

net::Awaitable<void> see_stable_ends(Stage& stage, Consumer& consumer) {
  const Moment began = stage.history.now();
  const auto ends = co_await consumer.end_offsets(ledger_partitions(), stage.in(2s));
  if (!ends) co_return tell(stage, "the auditor", ends.error());
  for (const auto& [at, end] : *ends)
    stage.add(TransactionEvent{StableSeen{log_name(at), end, began}});
}

/// The time in which every transaction that is open now is looked for when its own is over.
std::chrono::milliseconds longest(const Plan& plan) {
  auto timeout = std::chrono::milliseconds{0};
  for (const auto& each : plan.transactors) timeout = std::max(timeout, each.timeout);
  return timeout + plan.transaction_check + 10s;
}

/// Of every group; the last error, if something could not be learned.
net::Awaitable<std::optional<clients::ClientError>> see_offsets(Stage& stage,
                                                                clients::Client& client,
                                                                std::chrono::milliseconds patience,
                                                                bool last) {
  std::optional<clients::ClientError> error;
  const auto groups = groups_of(stage.plan);
  for (const auto& group : groups) {
    const Moment began = stage.history.now();
    const auto committed = co_await clients::fetch_group_offsets(
        client, clients::kGeneralLane, group, ledger_partitions(), stage.in(patience));
    if (!committed) {
      tell(stage, "the auditor", committed.error());
      error = committed.error();
      continue;
    }
    for (const auto& partition : ledger_partitions()) {
      const auto found = committed->find(partition);
      std::optional<Offset> offset;
      if (found != committed->end()) offset = found->second.offset;
      stage.add(TransactionEvent{OffsetSeen{group, log_name(partition), offset, began, last}});
    }
  }
  co_return error;
}

net::Awaitable<void> settle(Stage& stage, SimScheduler& here, clients::Client& client) {
  const Instant deadline = stage.in(longest(stage.plan));
  Consumer stable{client, {.isolation = Isolation::read_committed}};
  Consumer all{client, {}};
  std::map<TopicPartition, std::pair<Offset, Offset>> seen;
  for (bool settled = false; !settled;) {
    const auto stable_ends = co_await stable.end_offsets(ledger_partitions(), stage.in(30s));
    const auto ends = co_await all.end_offsets(ledger_partitions(), stage.in(30s));
    if (!stable_ends || !ends) {
      stage.add(Failed{"stuck", "the ends of the ledger are not told"});
      break;
    }
    settled = true;
    for (const auto& [at, end] : *ends) {
      seen[at] = {stable_ends->at(at), end};
      settled = settled && stable_ends->at(at) == end;
    }
    if (stage.now() >= deadline) break;
    if (!settled) co_await net::sleep_until(here, stage.in(100ms));
  }
  for (const auto& [at, ends] : seen)
    stage.add(TransactionEvent{Settled{log_name(at), ends.first, ends.second}});
  co_await stable.stop(stage.in(1s));
  co_await all.stop(stage.in(1s));
}

}  // namespace

net::Awaitable<void> read_committed(Stage& stage, SimScheduler& here) {
  Rng& rng = stage.world.rng();
  for (int session = 1; !stage.closing; ++session) {
    const auto name = fmt::format("a{}", session);
    clients::Client client{here, rng, client_options(name)};
    Consumer consumer{client,
                      {.reset = clients::OffsetReset::fail,
                       .isolation = Isolation::read_committed,
                       .fetch_wait_max = std::chrono::milliseconds{10 + rng.below(300)},
                       .partition_fetch_bytes_max = stage.plan.partition_fetch_bytes_max,
                       .poll_records_max = 1 + rng.below(100)}};
    if (!consumer.assign(from_the_beginning(ledger_partitions())))
      stage.add(Failed{"wrong answer", "assign was refused"});
    for (auto polls = 20 + rng.below(60); polls > 0 && !stage.closing; --polls) {
      const auto records = co_await consumer.poll(stage.in(200ms));
      if (records) {
        for (const auto& record : *records) {
          stage.add(TransactionEvent{
              CommittedRead{log_name(*record.source), name, record.offset, value_of(record)}});
        }
      } else {
        tell(stage, name, records.error());
        co_await net::sleep_until(here, stage.in(kErrorPause));
      }
      if (rng.chance(1, 8)) co_await see_stable_ends(stage, consumer);
      if (rng.chance(1, 8)) co_await see_offsets(stage, client, 1s, false);
    }
    co_await consumer.stop(stage.in(1s));
    co_await client.stop();
  }
  --stage.others_left;
}

net::Awaitable<void> read_ledger(Stage& stage, SimScheduler& here) {
  if (stage.plan.transactors.empty()) co_return;
  clients::Client client{here, stage.world.rng(), client_options("audit")};
  co_await settle(stage, here, client);
  for (const auto isolation : {Isolation::read_uncommitted, Isolation::read_committed}) {
    const auto records = co_await read_to_end(stage, here, client, ledger_partitions(), isolation);
    for (const auto& record : records) {
      stage.add(TransactionEvent{Kept{log_name(*record.source), record.offset, value_of(record),
                                      isolation == Isolation::read_committed}});
    }
  }
  const auto error = co_await see_offsets(stage, client, longest(stage.plan), true);
  if (error) stage.add(Failed{"stuck", "offsets of transactions are not told: " + to_text(*error)});
  co_await client.stop();
}

}  // namespace millrace::sim
