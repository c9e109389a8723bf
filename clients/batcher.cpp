#include "clients/batcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "clients/partitioner.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

/// What a request has besides its batches: header, names, lengths.
constexpr std::size_t kRequestOverheadBytes = 512;

std::size_t size_of(const RecordRef& record) {
  return protocol::BatchBuilder::record_size_max(record.key, record.value, record.headers);
}

std::optional<Bytes> view(const std::optional<std::string>& text) {
  return text ? std::optional{as_bytes(*text)} : std::nullopt;
}

/// `Record` as a `RecordRef`, with the header views it needs.
struct RecordView {
  explicit RecordView(const Record& record) {
    headers.reserve(record.headers.size());
    for (const auto& header : record.headers) {
      headers.push_back({.key = header.key, .value = view(header.value)});
    }
    ref = {.topic = record.topic,
           .partition = record.partition,
           .key = view(record.key),
           .value = view(record.value),
           .headers = headers,
           .timestamp = record.timestamp};
  }
  std::vector<protocol::HeaderView> headers;
  RecordRef ref;
};

std::optional<std::string> owned(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional{std::string{as_text(*bytes)}} : std::nullopt;
}

Record owned(const RecordRef& ref) {
  Record record{.topic = std::string{ref.topic},
                .partition = ref.partition,
                .key = owned(ref.key),
                .value = owned(ref.value),
                .timestamp = ref.timestamp};
  for (const auto& header : ref.headers) {
    record.headers.push_back({.key = std::string{header.key}, .value = owned(header.value)});
  }
  return record;
}

bool asks_for_metadata(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::leader_not_available:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::inconsistent_topic_id:
      return true;
    default:
      return false;
  }
}

}  // namespace

Batcher::Batcher(const ProducerOptions& options, Rng& rng) : options_{options}, rng_{rng} {}

Outcome<void> Batcher::add(const RecordRef& record, DeliveryCallback callback, Instant now,
                           Timestamp wall) {
  if (closed_) return *closed_;
  if (record.topic.empty()) {
    return ClientError{.code = Errc::invalid_argument, .message = "a record needs a topic"};
  }
  const auto bytes = size_of(record);
  const auto bound = std::min(options_.request_bytes_max, options_.memory_bytes_max);
  if (bytes + protocol::kBatchHeaderBytes + kRequestOverheadBytes > bound) {
    return ClientError{.code = Errc::too_large,
                       .message = fmt::format("a record of {} bytes for {} does not fit into a "
                                              "request of {} bytes; raise the bounds of producer "
                                              "and topic, or send less at once",
                                              bytes, record.topic, bound)};
  }
  if (buffered_bytes_ + bytes > options_.memory_bytes_max) {
    refused_bytes_ = std::max(refused_bytes_, bytes);
    return ClientError{.code = Errc::buffer_full,
                       .message = fmt::format("{} bytes wait for delivery, which is the bound; "
                                              "wait for room",
                                              buffered_bytes_),
                       .retriable = true};
  }
  auto found = topics_.find(record.topic);
  if (found == topics_.end()) found = topics_.emplace(std::string{record.topic}, Topic{}).first;
  auto& topic = found->second;
  const auto ticket = next_ticket_;
  if (topic.partitions == 0 || !topic.unplaced.empty()) {
    news_ = news_ || topic.unplaced.empty();
    topic.unplaced.push_back({.record = owned(record),
                              .callback = std::move(callback),
                              .ticket = ticket,
                              .bytes = bytes,
                              .wall = wall,
                              .added = now});
  } else if (const auto placed = place(topic, record, callback, ticket, bytes, now, wall);
             !placed) {
    return placed.error();
  }
  refused_bytes_ = 0;
  ++next_ticket_;
  buffered_bytes_ += bytes;
  ++buffered_records_;
  return {};
}

PartitionQueue& Batcher::queue(Topic& topic, std::string_view name, PartitionIndex partition) {
  auto& known = topic.queues[partition];
  if (known == nullptr) {
    const TopicPartition id{std::string{name}, partition};
    known = &queues_.try_emplace(id, id, options_).first->second;
  }
  return *known;
}

Outcome<void> Batcher::place(Topic& topic, const RecordRef& record, DeliveryCallback& callback,
                             Ticket ticket, std::size_t bytes, Instant now, Timestamp wall) {
  if (record.partition &&
      (record.partition->value < 0 || record.partition->value >= topic.partitions)) {
    return ClientError{
        .code = Errc::unknown_partition,
        .message = fmt::format("topic {} has partitions 0 to {}, and no {}", record.topic,
                               topic.partitions - 1, record.partition->value)};
  }
  auto& to = queue(topic, record.topic, choose(topic, record, bytes));
  if (to.broken()) {
    return ClientError{
        .code = Errc::sequence_broken,
        .broker_code = to.broken()->broker_code,
        .message = fmt::format("{}-{} takes no more records of this producer, for "
                               "an earlier one may or may not be stored: {}",
                               record.topic, to.id().partition.value, to.broken()->message)};
  }
  // The sender wants to know of a batch begun, for its linger, and of one that leaves full.
  if (!to.fits_open_batch(bytes)) news_ = true;
  to.add(record, record.timestamp.value_or(wall), std::move(callback), ticket, bytes, now);
  if (!to.fits_open_batch(0)) news_ = true;
  return {};
}

PartitionIndex Batcher::choose(Topic& topic, const RecordRef& record, std::size_t bytes) {
  if (record.partition) return *record.partition;
  if (record.key) return partition_for_key(*record.key, topic.partitions);
  if (topic.sticky) {
    // Stay until a batch is full, then move on.
    const auto& current = queue(topic, record.topic, *topic.sticky);
    if (!current.broken() && current.fits_open_batch(bytes)) return *topic.sticky;
  }
  if (topic.with_leader.empty()) {
    const auto any = rng_.below(static_cast<std::uint64_t>(topic.partitions));
    topic.sticky = PartitionIndex{static_cast<std::int32_t>(any)};
  } else {
    topic.sticky = topic.with_leader[rng_.below(topic.with_leader.size())];
  }
  return *topic.sticky;
}

std::vector<std::string> Batcher::topics_wanted() const {
  std::vector<std::string> wanted;
  for (const auto& [name, topic] : topics_) {
    if (!topic.unplaced.empty()) wanted.push_back(name);
  }
  return wanted;
}

void Batcher::set_topic(const std::string& name, std::int32_t partitions,
                        std::vector<PartitionIndex> with_leader, Instant now) {
  const auto found = topics_.find(name);
  if (found == topics_.end() || partitions <= 0) return;
  auto& topic = found->second;
  topic.partitions = partitions;
  topic.with_leader = std::move(with_leader);
  for (auto waiting = std::exchange(topic.unplaced, {}); auto& record : waiting) {
    const RecordView view{record.record};
    const auto placed =
        place(topic, view.ref, record.callback, record.ticket, record.bytes, now, record.wall);
    if (!placed) complete(record, placed.error());
  }
}

void Batcher::fail_topic(const std::string& name, const ClientError& error, Instant added_until) {
  const auto found = topics_.find(name);
  if (found == topics_.end()) return;
  auto& unplaced = found->second.unplaced;
  while (!unplaced.empty() && unplaced.front().added <= added_until) {
    auto record = std::move(unplaced.front());
    unplaced.pop_front();
    complete(record, error);
  }
}

std::vector<std::string> Batcher::topics() const {
  std::vector<std::string> all;
  for (const auto& [name, topic] : topics_) all.push_back(name);
  return all;
}

bool Batcher::has_room() const {
  const auto bound = options_.memory_bytes_max;
  const auto refused = std::min(refused_bytes_, bound);
  return buffered_bytes_ <= std::min(bound / 4 * 3, bound - refused);
}

bool Batcher::needs_identity() const {
  if (!options_.idempotent || !options_.transactional_id.empty() || identity_) return false;
  return std::ranges::any_of(queues_, [](const auto& entry) { return !entry.second.empty(); });
}

void Batcher::set_identity(ProducerIdentity identity, bool numbers_checked) {
  if (identity_ == identity) return;
  if (identity_)
    for (auto& [id, queue] : queues_) queue.restart(numbers_checked);
  identity_ = identity;
}

void Batcher::abandon(const ClientError& error) {
  for (auto& [name, topic] : topics_) fail_topic(name, error);
  for (auto& [id, queue] : queues_) {
    queue.abandon(error);
    settle(queue);
  }
}

bool Batcher::unclear() const {
  return std::ranges::any_of(queues_, [](const auto& entry) { return entry.second.unclear(); });
}

int Batcher::in_flight(BrokerId broker) const {
  const auto found = in_flight_.find(broker);
  return found == in_flight_.end() ? 0 : found->second;
}

std::vector<Batcher::Request> Batcher::drain(const LeaderOf& leader_of, const CanSend& can_send,
                                             Instant now, const Admits& admits) {
  std::vector<Request> requests;
  leaderless_.clear();
  if (queues_.empty()) return requests;
  struct Filling {
    Request request;
    std::size_t bytes = kRequestOverheadBytes;
  };
  bool any = true;
  while (any) {  // each round gives at most one request per broker
    any = false;
    std::map<BrokerId, Filling> filling;
    const auto start = served_last_ ? queues_.upper_bound(*served_last_) : queues_.begin();
    auto at = start;
    for (std::size_t i = 0; i < queues_.size(); ++i, ++at) {
      if (at == queues_.end()) at = queues_.begin();
      auto& [id, queue] = *at;
      const auto sendable = queue.sendable_at(identity_.has_value(), flush_until_, hurry_);
      if (!sendable || *sendable > now) continue;
      const auto leader = leader_of(id);
      if (!leader) {
        leaderless_.insert(id);
        continue;
      }
      if (in_flight(*leader) >= options_.in_flight_max || !can_send(*leader)) continue;
      if (admits && !admits(id)) continue;
      auto& to = filling[*leader];
      const auto size = queue.next_size();
      if (!to.request.parts.empty() && to.bytes + size > options_.request_bytes_max) continue;
      auto sending = queue.take(identity_);
      served_last_ = id;
      if (!sending) {
        settle(queue);
        continue;
      }
      to.bytes += size;
      to.request.parts.push_back(
          {.partition = id, .batch = sending->batch, .bytes = std::move(sending->bytes)});
    }
    for (auto& [broker, filled] : filling) {
      if (filled.request.parts.empty()) continue;
      filled.request.id = next_request_++;
      filled.request.broker = broker;
      ++in_flight_[broker];
      requests.push_back(std::move(filled.request));
      any = true;
    }
  }
  return requests;
}

Instant Batcher::retry_at(Instant now) {
  const auto spread = static_cast<std::uint64_t>(options_.retry_backoff.count() / 5 + 1);
  return now + options_.retry_backoff + std::chrono::milliseconds{rng_.below(spread)};
}

bool Batcher::answered(const Request& request, std::map<TopicPartition, BatchAnswer> answers,
                       Instant now) {
  --in_flight_[request.broker];
  bool metadata = false;
  for (const auto& part : request.parts) {
    auto& queue = queues_.at(part.partition);
    const auto found = answers.find(part.partition);
    if (found == answers.end()) {
      const ClientError silent{
          .code = Errc::malformed,
          .message = fmt::format("the broker did not mention {}-{} in its "
                                 "answer to Produce",
                                 part.partition.topic, part.partition.partition.value),
          .retriable = true};
      queue.lost(part.batch, silent, retry_at(now));
    } else {
      metadata = metadata || asks_for_metadata(found->second.code);
      queue.answered(part.batch, std::move(found->second), retry_at(now));
    }
    settle(queue);
  }
  return metadata;
}

void Batcher::lost(const Request& request, const ClientError& error, Instant now) {
  --in_flight_[request.broker];
  for (const auto& part : request.parts) {
    auto& queue = queues_.at(part.partition);
    queue.lost(part.batch, error, retry_at(now));
    settle(queue);
  }
}

void Batcher::expire(Instant now) {
  for (auto& [name, topic] : topics_) {
    if (topic.unplaced.empty()) continue;
    fail_topic(name,
               {.code = Errc::timed_out,
                .message = fmt::format("the partitions of {} could not be learned within the "
                                       "delivery timeout",
                                       name),
                .retriable = true},
               now - options_.delivery_timeout);
  }
  for (auto& [id, queue] : queues_) {
    queue.expire(now);
    settle(queue);
  }
}

std::optional<Instant> Batcher::next_event(Instant now) const {
  std::optional<Instant> soonest;
  const auto consider = [&soonest](std::optional<Instant> at) {
    if (at && (!soonest || *at < *soonest)) soonest = at;
  };
  for (const auto& [id, queue] : queues_) {
    if (queue.empty()) continue;
    const auto sendable = queue.sendable_at(identity_.has_value(), flush_until_, hurry_);
    if (sendable && *sendable > now) consider(sendable);
    consider(queue.next_expiry());
  }
  for (const auto& [name, topic] : topics_) {
    if (!topic.unplaced.empty()) {
      consider(topic.unplaced.front().added + options_.delivery_timeout);
    }
  }
  return soonest;
}

void Batcher::close(const ClientError& error) {
  closed_ = error;
  for (auto& [name, topic] : topics_) fail_topic(name, error);
  for (auto& [id, queue] : queues_) {
    queue.fail_all(error);
    settle(queue);
  }
}

Ticket Batcher::flush() {
  flush_until_ = next_ticket_ - 1;
  return flush_until_;
}

bool Batcher::flushed(Ticket ticket) const {
  for (const auto& [id, queue] : queues_) {
    const auto oldest = queue.oldest_ticket();
    if (oldest && *oldest <= ticket) return false;
  }
  for (const auto& [name, topic] : topics_) {
    if (!topic.unplaced.empty() && topic.unplaced.front().ticket <= ticket) return false;
  }
  return true;
}

std::vector<Batcher::Completion> Batcher::take_completions() {
  return std::exchange(completions_, {});
}

/// Turns the batches that left `queue` into completions.
void Batcher::settle(PartitionQueue& queue) {
  for (auto& batch : queue.take_finished()) {
    buffered_bytes_ -= batch.bytes;
    buffered_records_ -= static_cast<std::size_t>(batch.record_count);
    if (!batch.outcome) note_failure(batch.first_ticket, batch.outcome.error());
    for (auto& record : batch.records) {
      if (!batch.outcome) {
        completions_.push_back({std::move(record.callback), batch.outcome.error()});
        continue;
      }
      const auto& stored = *batch.outcome;
      Delivered delivered{.partition = queue.id().partition,
                          .timestamp = stored.append_time.value_or(record.timestamp)};
      if (stored.base_offset) delivered.offset = *stored.base_offset + OffsetDelta{record.index};
      completions_.push_back({std::move(record.callback), delivered});
    }
  }
}

void Batcher::complete(Unplaced& record, const ClientError& error) {
  buffered_bytes_ -= record.bytes;
  --buffered_records_;
  note_failure(record.ticket, error);
  if (record.callback) completions_.push_back({std::move(record.callback), error});
}

void Batcher::note_failure(Ticket ticket, const ClientError& error) {
  if (!first_failure_) first_failure_ = error;
  if (keep_failures_) failures_.emplace_back(ticket, error);
}

}  // namespace millrace::clients
