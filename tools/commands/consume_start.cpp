#include "tools/commands/consume_start.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::tools {
namespace {

using clients::Client;
using clients::Outcome;
using Partitions = std::vector<TopicPartition>;
using Offsets = std::map<TopicPartition, std::optional<Offset>>;

net::Awaitable<Outcome<Partitions>> partitions_of(Client& client, const ConsumePlan& plan,
                                                  Instant deadline) {
  Partitions found;
  for (const auto& topic : plan.topics) {
    const auto known = co_await client.await_topic(topic, deadline, false);
    if (!known) co_return known.error();
    for (const auto& partition : client.metadata().topic(topic)->partitions) {
      const auto wanted =
          plan.partitions.empty() ||
          std::ranges::find(plan.partitions, partition.index.value) != plan.partitions.end();
      if (wanted) found.push_back({topic, partition.index});
    }
    for (const auto index : plan.partitions) {
      if (std::ranges::find(found, TopicPartition{topic, PartitionIndex{index}}) != found.end())
        continue;
      co_return clients::ClientError{
          .code = clients::Errc::unknown_partition,
          .message = fmt::format("topic {} has no partition {}; it has {}, counted from 0", topic,
                                 index, client.metadata().topic(topic)->partitions.size())};
    }
  }
  co_return found;
}

/// For places by time; for others it asks nobody.
net::Awaitable<Outcome<Offsets>> offsets_at(Client& client, const Partitions& partitions,
                                            std::optional<OffsetPoint> point, Instant deadline) {
  Offsets offsets;
  if (!point || point->kind != OffsetPoint::Kind::since_time) co_return offsets;
  std::map<TopicPartition, clients::StartPosition> queries;
  for (const auto& at : partitions) queries.emplace(at, Timestamp{point->number});
  const auto found = co_await clients::look_up_offsets(
      client, std::move(queries), clients::Isolation::read_uncommitted, deadline);
  for (const auto& [at, outcome] : found) {
    if (!outcome) co_return outcome.error();
    offsets.emplace(at, outcome->offset);
  }
  co_return offsets;
}

std::optional<Offset> entry_of(const Offsets& offsets, const TopicPartition& at) {
  const auto found = offsets.find(at);
  return found == offsets.end() ? std::nullopt : found->second;
}

}  // namespace

net::Awaitable<Outcome<std::map<TopicPartition, PartitionSpan>>> spans_of(Client& client,
                                                                          const ConsumePlan& plan,
                                                                          Instant deadline) {
  const auto partitions = co_await partitions_of(client, plan, deadline);
  if (!partitions) co_return partitions.error();
  const auto isolation = plan.options.isolation;
  const auto earliest = co_await clients::look_up_ends(client, *partitions, clients::FromEarliest{},
                                                       isolation, deadline);
  if (!earliest) co_return earliest.error();
  const auto latest = co_await clients::look_up_ends(client, *partitions, clients::FromLatest{},
                                                     isolation, deadline);
  if (!latest) co_return latest.error();
  const auto from_times = co_await offsets_at(client, *partitions, plan.range.from, deadline);
  if (!from_times) co_return from_times.error();
  const auto to_times = co_await offsets_at(client, *partitions, plan.range.to, deadline);
  if (!to_times) co_return to_times.error();
  std::map<TopicPartition, PartitionSpan> spans;
  for (const auto& at : *partitions) {
    KnownOffsets known{.earliest = earliest->at(at), .latest = latest->at(at)};
    known.at_time = entry_of(*from_times, at);
    PartitionSpan span;
    span.first = resolve(plan.range.from, known);
    span.fetch_from = std::min(span.first, known.latest);
    if (plan.exit_at_end) span.stop = known.latest;
    if (plan.range.to) {
      known.at_time = entry_of(*to_times, at);
      const auto to = resolve(*plan.range.to, known);
      span.stop = span.stop ? std::min(*span.stop, to) : to;
    }
    spans.emplace(at, span);
  }
  co_return spans;
}

}  // namespace millrace::tools
