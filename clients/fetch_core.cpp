#include "clients/fetch_core.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::clients {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

namespace {

constexpr auto kRetryBackoff = std::chrono::milliseconds{100};

ClientError not_assigned(const TopicPartition& at) {
  return {.code = Errc::not_subscribed,
          .message =
              fmt::format("{}-{} is not assigned to this consumer", at.topic, at.partition.value)};
}

/// `partitions` as pointers, beginning behind `last` and wrapping around.
template <class Map>
std::vector<typename Map::value_type*> in_turn(Map& partitions,
                                               const std::optional<TopicPartition>& last) {
  std::vector<typename Map::value_type*> turn;
  const auto start = last ? partitions.upper_bound(*last) : partitions.begin();
  for (auto at = start; at != partitions.end(); ++at) turn.push_back(&*at);
  for (auto at = partitions.begin(); at != start; ++at) turn.push_back(&*at);
  return turn;
}

}  // namespace

void FetchCore::assign(std::vector<Assignment> partitions) {
  partitions_.clear();
  add(std::move(partitions));
}

void FetchCore::add(std::vector<Assignment> partitions) {
  for (auto& assignment : partitions) {
    auto& partition = partitions_[assignment.partition];
    partition.source = std::make_shared<const TopicPartition>(assignment.partition);
    move_to(partition, assignment.start);
  }
}

void FetchCore::remove(const std::vector<TopicPartition>& partitions) {
  for (const auto& at : partitions) partitions_.erase(at);
}

void FetchCore::move_to(Partition& partition, StartPosition to) {
  partition.generation = next_generation_++;
  partition.batches.clear();
  partition.cursor.reset();
  partition.buffered_bytes = 0;
  partition.error.reset();
  partition.halted = false;
  partition.looking_up = false;
  partition.start.reset();
  partition.position.reset();
  partition.not_before = Instant{};
  if (const auto* offset = std::get_if<Offset>(&to)) {
    partition.fetch_from = *offset;
    partition.skipped_to = *offset;
    partition.position = *offset;
  } else {
    partition.start = to;
  }
}

Outcome<void> FetchCore::seek(const TopicPartition& at, StartPosition to) {
  const auto found = partitions_.find(at);
  if (found == partitions_.end()) return not_assigned(at);
  move_to(found->second, to);
  return {};
}

Outcome<void> FetchCore::set_paused(const TopicPartition& at, bool paused) {
  const auto found = partitions_.find(at);
  if (found == partitions_.end()) return not_assigned(at);
  found->second.paused = paused;
  return {};
}

std::map<TopicPartition, StartPosition> FetchCore::lookups_due(Instant now) {
  std::map<TopicPartition, StartPosition> due;
  for (auto& [at, partition] : partitions_) {
    if (!partition.start || partition.looking_up || partition.not_before > now) continue;
    if (!partition.batches.empty()) continue;  // to be delivered first: the lookup drops them
    partition.looking_up = true;
    due.emplace(at, *partition.start);
  }
  return due;
}

void FetchCore::looked_up(const std::map<TopicPartition, StartPosition>& asked,
                          const std::map<TopicPartition, Outcome<OffsetAtTime>>& outcomes,
                          Instant now) {
  for (const auto& [at, start] : asked) {
    const auto found = partitions_.find(at);
    if (found == partitions_.end()) continue;
    auto& partition = found->second;
    if (!partition.looking_up || partition.start != start) continue;
    partition.looking_up = false;
    const auto outcome = outcomes.find(at);
    if (outcome == outcomes.end()) {
      backoff(partition, now);
    } else if (!outcome->second) {
      if (outcome->second.error().retriable) {
        backoff(partition, now);
        continue;
      }
      partition.start.reset();
      partition.error = outcome->second.error();
      partition.halted = true;
    } else if (outcome->second->offset) {
      move_to(partition, *outcome->second->offset);
    } else {
      partition.start = FromLatest{};  // no record is that new: what comes next will be
    }
  }
}

bool FetchCore::wants_fetch(const Partition& partition) const {
  return !partition.start && !partition.paused && !partition.halted &&
         partition.buffered_bytes < options_.prefetch_bytes_per_partition;
}

std::optional<BrokerId> FetchCore::reader_of(Partition& partition, const Leader& leader,
                                             const Knows& knows, Instant now) {
  if (partition.replica && partition.replica->until <= now) partition.replica.reset();
  if (!partition.replica) return leader.broker;
  if (knows(partition.replica->broker)) return partition.replica->broker;
  // The leader would name it again at once; by then it should be known.
  partition.replica.reset();
  backoff(partition, now);
  return std::nullopt;
}

std::vector<FetchCore::Fetch> FetchCore::plan(const LeaderOf& leader_of, const Knows& knows,
                                              Instant now) {
  leaderless_topics_.clear();
  std::map<BrokerId, Fetch> fetches;
  std::optional<TopicPartition> first;
  for (auto* const entry : in_turn(partitions_, fetched_last_)) {
    auto& [at, partition] = *entry;
    if (!wants_fetch(partition) || partition.not_before > now) continue;
    const auto leader = leader_of(at);
    const auto reader = leader ? reader_of(partition, *leader, knows, now) : std::nullopt;
    if (!reader) {
      leaderless_topics_.insert(at.topic);
      continue;
    }
    if (fetching_.contains(*reader)) continue;
    auto& fetch = fetches[*reader];
    fetch.broker = *reader;
    fetch.items.push_back({.partition = at,
                           .offset = partition.fetch_from,
                           .generation = partition.generation,
                           .leader_epoch = leader->epoch});
    if (!first) first = at;
  }
  // The answer may have room for the first of the list only, so the next one begins behind it.
  if (first) fetched_last_ = first;
  std::vector<Fetch> all;
  for (auto& [broker, fetch] : fetches) {
    fetching_.insert(broker);
    all.push_back(std::move(fetch));
  }
  return all;
}

FetchRequest FetchCore::request_for(const Fetch& fetch) const {
  FetchRequest request{.max_wait_ms = static_cast<std::int32_t>(options_.fetch_wait_max.count()),
                       .min_bytes = static_cast<std::int32_t>(options_.fetch_bytes_min),
                       .max_bytes = static_cast<std::int32_t>(options_.fetch_bytes_max),
                       .isolation_level = std::to_underlying(options_.isolation),
                       .rack_id = options_.rack};
  for (const auto& item : fetch.items) {
    if (request.topics.empty() || request.topics.back().topic != item.partition.topic) {
      request.topics.emplace_back().topic = item.partition.topic;
    }
    request.topics.back().partitions.push_back(
        {.partition = item.partition.partition.value,
         .current_leader_epoch = item.leader_epoch.value_or(LeaderEpoch{-1}).value,
         .fetch_offset = item.offset.value,
         .partition_max_bytes = static_cast<std::int32_t>(options_.partition_fetch_bytes_max)});
  }
  return request;
}

void FetchCore::backoff(Partition& partition, Instant now) {
  partition.not_before = now + kRetryBackoff;
}

void FetchCore::out_of_range(Partition& partition) {
  const auto at = partition.fetch_from;
  if (options_.reset == OffsetReset::fail) {
    partition.halted = true;
    partition.error =
        ClientError{.code = Errc::no_position,
                    .broker_code = ErrorCode::offset_out_of_range,
                    .message = fmt::format(
                        "offset {} of {}-{} is not in the log (any more), and this consumer "
                        "may not choose another one; seek to one that is",
                        at.value, partition.source->topic, partition.source->partition.value)};
    return;
  }
  // What was fetched before stays to be delivered; only then the position moves.
  partition.start = options_.reset == OffsetReset::earliest ? StartPosition{FromEarliest{}}
                                                            : StartPosition{FromLatest{}};
  partition.generation = next_generation_++;
}

bool FetchCore::take_answer(Partition& partition, const Item& item, BrokerId from,
                            const FetchResponse::FetchableTopicResponse::PartitionData& data,
                            Instant now) {
  const bool committed_only = options_.isolation == Isolation::read_committed;
  const auto end = committed_only ? data.last_stable_offset : data.high_watermark;
  if (data.error_code != ErrorCode::none && partition.replica) {
    // Whatever a replica says, the leader decides: it may lag, or be none any more.
    const bool by_replica = partition.replica->broker == from;
    partition.replica.reset();
    if (by_replica) {
      backoff(partition, now);
      return true;
    }
  }
  switch (data.error_code) {
    case ErrorCode::none:
      break;
    case ErrorCode::offset_out_of_range:
      out_of_range(partition);
      return true;
    default:
      if (protocol::is_retriable(data.error_code)) {
        backoff(partition, now);
        return true;
      }
      partition.halted = true;
      partition.error = rejected(
          data.error_code,
          fmt::format("Fetch of {}-{}", item.partition.topic, item.partition.partition.value));
      return false;
  }
  if (end >= 0) partition.known_end = Offset{end};
  const BrokerId named{data.preferred_read_replica};
  if (named.value >= 0 && named != from) partition.replica = {named, now + replica_age_max_};
  auto decoded = decode_partition(
      partition.source, data, item.offset,
      {.isolation = options_.isolation, .decompressed_bytes_max = options_.decompressed_bytes_max});
  partition.fetch_from = decoded.next_offset;
  partition.skipped_to = decoded.next_offset;
  for (auto& batch : decoded.batches) {
    partition.buffered_bytes += batch.size_bytes();
    partition.batches.push_back(std::move(batch));
  }
  if (partition.batches.empty()) partition.position = partition.skipped_to;
  if (decoded.error) {
    partition.error = std::move(decoded.error);
    partition.halted = true;
  }
  return false;
}

bool FetchCore::answered(const Fetch& fetch, const FetchResponse& response, Instant now) {
  fetching_.erase(fetch.broker);
  std::map<TopicPartition, const Item*> items;
  for (const auto& item : fetch.items) items.emplace(item.partition, &item);
  bool metadata = false;
  if (response.error_code != ErrorCode::none) {
    for (const auto& item : fetch.items) {
      const auto found = partitions_.find(item.partition);
      if (found == partitions_.end()) continue;
      found->second.replica.reset();
      backoff(found->second, now);
    }
    return true;
  }
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      const TopicPartition at{topic.topic, PartitionIndex{data.partition_index}};
      const auto item = items.find(at);
      const auto found = partitions_.find(at);
      if (item == items.end() || found == partitions_.end()) continue;
      if (found->second.generation != item->second->generation) continue;  // moved meanwhile
      const bool asks = take_answer(found->second, *item->second, fetch.broker, data, now);
      metadata = metadata || asks;
    }
  }
  return metadata;
}

void FetchCore::lost(const Fetch& fetch, Instant now) {
  fetching_.erase(fetch.broker);
  for (const auto& item : fetch.items) {
    const auto found = partitions_.find(item.partition);
    if (found == partitions_.end()) continue;
    found->second.replica.reset();
    backoff(found->second, now);
  }
}

std::optional<Instant> FetchCore::next_event(Instant now) const {
  std::optional<Instant> soonest;
  for (const auto& [at, partition] : partitions_) {
    if (partition.not_before <= now) continue;
    if (!soonest || partition.not_before < *soonest) soonest = partition.not_before;
  }
  return soonest;
}

void FetchCore::drop_front(Partition& partition) {
  auto& batch = partition.batches.front();
  partition.buffered_bytes -= batch.size_bytes();
  partition.position = batch.next_offset();
  partition.cursor.reset();
  partition.batches.pop_front();
  if (partition.batches.empty()) partition.position = partition.skipped_to;
}

std::optional<ClientError> FetchCore::take_error(Partition& partition) {
  if (!partition.batches.empty()) return std::nullopt;
  return std::exchange(partition.error, std::nullopt);
}

Outcome<std::vector<ConsumedRecord>> FetchCore::take_records(std::size_t records_max) {
  std::vector<ConsumedRecord> taken;
  for (auto* const entry : in_turn(partitions_, delivered_last_)) {
    auto& [at, partition] = *entry;
    if (partition.paused) continue;
    while (!partition.batches.empty() && taken.size() < records_max) {
      const auto& batch = partition.batches.front();
      if (!partition.cursor) partition.cursor.emplace(batch);
      auto item = partition.cursor->next();
      if (!item) {
        // Nothing behind the damage is delivered, though the rest of it may be whole.
        partition.error = item.error();
        partition.halted = true;
        partition.batches.clear();
        partition.cursor.reset();
        partition.buffered_bytes = 0;
        break;
      }
      if (!*item) {
        drop_front(partition);
        continue;
      }
      taken.push_back(batch.to_record(**item));
      partition.position = (*item)->offset.next();
    }
    if (taken.size() >= records_max) {
      delivered_last_ = at;
      break;
    }
    if (!taken.empty()) continue;
    if (auto error = take_error(partition)) return std::move(*error);
  }
  return taken;
}

Outcome<std::vector<FetchedBatch>> FetchCore::take_batches() {
  std::vector<FetchedBatch> taken;
  for (auto* const entry : in_turn(partitions_, delivered_last_)) {
    auto& [at, partition] = *entry;
    if (partition.paused) continue;
    while (!partition.batches.empty()) {
      taken.push_back(partition.batches.front());
      drop_front(partition);
    }
    if (!taken.empty()) continue;
    if (auto error = take_error(partition)) return std::move(*error);
  }
  return taken;
}

std::optional<Offset> FetchCore::position(const TopicPartition& at) const {
  const auto found = partitions_.find(at);
  return found == partitions_.end() ? std::nullopt : found->second.position;
}

PartitionOffsets FetchCore::positions() const {
  PartitionOffsets all;
  for (const auto& [at, partition] : partitions_) {
    if (partition.position) all.emplace(at, *partition.position);
  }
  return all;
}

std::optional<Offset> FetchCore::known_end(const TopicPartition& at) const {
  const auto found = partitions_.find(at);
  return found == partitions_.end() ? std::nullopt : found->second.known_end;
}

std::vector<TopicPartition> FetchCore::assignment() const {
  std::vector<TopicPartition> all;
  for (const auto& [at, partition] : partitions_) all.push_back(at);
  return all;
}

}  // namespace millrace::clients
