#include <fmt/format.h>

#include "clients/admin.hpp"
#include "clients/consumer.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::ConsumedRecord;
using clients::Consumer;
using clients::Errc;

/// Errors that no crash, reset or deadline explains.
bool is_wrong(const clients::ClientError& error) {
  switch (error.code) {
    case Errc::malformed:
    case Errc::unsupported:
    case Errc::corrupt_data:
    case Errc::no_position:
    case Errc::unknown_topic:
    case Errc::unknown_partition:
    case Errc::invalid_argument:
      return true;
    default:
      return false;
  }
}

void add_reads(Stage& stage, const std::string& reader,
               const std::vector<ConsumedRecord>& records) {
  for (const auto& record : records) {
    stage.add(Read{log_name(*record.source), reader, "", record.offset, value_of(record)});
  }
}

net::Awaitable<void> see_ends(Stage& stage, Consumer& consumer) {
  const Moment began = stage.history.now();
  const auto ends = co_await consumer.end_offsets(stage.partitions(), stage.in(2s));
  if (!ends) co_return tell(stage, "who asks for ends", ends.error());
  for (const auto& [at, end] : *ends) stage.add(EndSeen{log_name(at), end, began});
}

}  // namespace

void tell(Stage& stage, const std::string& who, const clients::ClientError& error) {
  if (!is_wrong(error)) return;
  stage.add(Failed{"wrong answer", fmt::format("{} got {}", who, to_text(error))});
}

std::vector<clients::Assignment> from_the_beginning(const std::vector<TopicPartition>& partitions) {
  std::vector<clients::Assignment> all;
  for (const auto& partition : partitions) all.push_back({partition});
  return all;
}

std::string value_of(const ConsumedRecord& record) {
  return std::string{record.value_text().value_or("(null)")};
}

net::Awaitable<std::optional<clients::ClientError>> see_commits(Stage& stage, Consumer& consumer,
                                                                std::chrono::seconds patience) {
  const Moment began = stage.history.now();
  const auto committed = co_await consumer.committed(stage.partitions(), stage.in(patience));
  if (!committed) {
    tell(stage, "who asks for commits", committed.error());
    co_return committed.error();
  }
  for (const auto& partition : stage.partitions()) {
    const auto found = committed->find(partition);
    std::optional<Offset> offset;
    if (found != committed->end()) offset = found->second.offset;
    stage.add(CommitSeen{kGroup, log_name(partition), offset, began});
  }
  co_return std::nullopt;
}

net::Awaitable<void> read_records(Stage& stage, SimScheduler& here, std::size_t number) {
  Rng& rng = stage.world.rng();
  for (int session = 1; !stage.closing; ++session) {
    const auto name = fmt::format("r{}.{}", number, session);
    clients::Client client{here, rng, client_options(name)};
    Consumer consumer{client,
                      {.reset = clients::OffsetReset::fail,
                       .fetch_bytes_min = 1 + rng.below(2) * 500,
                       .fetch_wait_max = std::chrono::milliseconds{10 + rng.below(300)},
                       .partition_fetch_bytes_max = stage.plan.partition_fetch_bytes_max,
                       .poll_records_max = 1 + rng.below(100)}};
    if (!consumer.assign(from_the_beginning(stage.partitions()))) {
      stage.add(Failed{"wrong answer", "assign was refused"});
    }
    for (auto polls = 20 + rng.below(100); polls > 0 && !stage.closing; --polls) {
      const auto records = co_await consumer.poll(stage.in(200ms));
      if (records) {
        add_reads(stage, name, *records);
      } else {
        tell(stage, name, records.error());
        co_await net::sleep_until(here, stage.in(kErrorPause));
      }
      if (rng.chance(1, 12)) co_await see_ends(stage, consumer);
    }
    co_await consumer.stop(stage.in(1s));
    co_await client.stop();
  }
  --stage.others_left;
}

net::Awaitable<std::vector<ConsumedRecord>> read_to_end(Stage& stage, SimScheduler& here,
                                                        clients::Client& client,
                                                        std::vector<TopicPartition> partitions,
                                                        clients::Isolation isolation) {
  std::vector<ConsumedRecord> all;
  const Instant deadline = stage.in(60s);
  Consumer consumer{
      client,
      {.reset = clients::OffsetReset::fail, .isolation = isolation, .fetch_wait_max = 50ms}};
  const auto ends = co_await consumer.end_offsets(partitions, deadline);
  if (!ends) {
    stage.add(Failed{"stuck", fmt::format("the ends are not told: {}", to_text(ends.error()))});
  } else if (!consumer.assign(from_the_beginning(partitions))) {
    stage.add(Failed{"wrong answer", "assign was refused"});
  } else {
    const auto at_end = [&] {
      for (const auto& [at, end] : *ends) {
        if (end > Offset{0} && consumer.position(at).value_or(Offset{0}) < end) return false;
      }
      return true;
    };
    while (!at_end() && stage.now() < deadline) {
      auto records = co_await consumer.poll(stage.in(500ms));
      if (records) {
        for (auto& record : *records) all.push_back(std::move(record));
      } else {
        tell(stage, "who reads to the end", records.error());
        co_await net::sleep_until(here, stage.in(kErrorPause));
      }
    }
    if (!at_end()) stage.add(Failed{"stuck", "the end of what there is cannot be read"});
  }
  co_await consumer.stop(stage.in(1s));
  co_return all;
}

net::Awaitable<void> read_everything(Stage& stage, SimScheduler& here) {
  clients::Client client{here, stage.world.rng(), client_options("last")};
  const auto records = co_await read_to_end(stage, here, client, stage.partitions());
  for (const auto& record : records) {
    stage.add(Stored{log_name(*record.source), record.offset, value_of(record)});
  }
  Consumer consumer{client, {}};
  co_await see_ends(stage, consumer);
  if (stage.plan.group_members > 0) {
    consumer.set_group(kGroup);
    const auto error = co_await see_commits(stage, consumer, 30s);
    if (error) stage.add(Failed{"stuck", "the group's commits are not told: " + to_text(*error)});
  }
  co_await consumer.stop(stage.in(1s));
  co_await client.stop();
}

}  // namespace millrace::sim
