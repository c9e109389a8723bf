#include "broker/transaction_service.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/ask.hpp"
#include "broker/errors.hpp"
#include "broker/group_service.hpp"
#include "broker/log_replay.hpp"
#include "broker/shard.hpp"
#include "broker/strangers.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/messages/write_txn_markers.hpp"
#include "protocol/record/builder.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::WriteTxnMarkersRequest;

/// A marker that could not be written is tried again after this time.
constexpr auto kMarkerRetry = std::chrono::milliseconds{200};
/// So long another broker has to write one.
constexpr auto kMarkerTimeout = std::chrono::seconds{30};

/// On the shard that has the partition.
void append_marker(Shard& shard, TopicId topic, PartitionIndex index,
                   const TransactionMarker& marker, Answer<ErrorCode> answer) {
  const auto partition = shard.find(topic, index);
  // Whether the topic is gone for good the home shard says: this one may not have heard of it yet.
  if (!partition || partition->retired() || !partition->leads())
    return answer(ErrorCode::not_leader_or_follower);
  const bool has_groups = partition->name().topic == replication::kOffsetsTopic;
  // A coordinator that is still loading would not hear of it.
  if (has_groups) {
    const auto available = shard.groups().available(index);
    if (available != ErrorCode::none) return answer(available);
  }
  const auto appended = partition->append_marker(marker, shard.wall());
  if (appended.error != ErrorCode::none) return answer(appended.error);
  shard.appended(partition);
  partition->when_committed(
      appended.end, Instant::max(),
      [&shard, index, has_groups, marker, answer = std::move(answer)](ErrorCode error) mutable {
        if (error == ErrorCode::none && has_groups)
          shard.groups().end_transaction(index, marker.producer.id, marker.commit);
        answer(error);
      });
}

}  // namespace

net::Awaitable<ErrorCode> write_marker_here(Shard& home, TopicPartition partition,
                                            TransactionMarker marker) {
  const auto topic = home.image()->topic(std::string_view{partition.topic});
  const auto index = partition.partition;
  if (!topic || topic->partition(index) == nullptr) co_return ErrorCode::unknown_topic_or_partition;
  Shard& owner = home.node().owner_of(topic->id, index);
  auto work = [&owner, id = topic->id, index, marker](Answer<ErrorCode> answer) {
    append_marker(owner, id, index, marker, std::move(answer));
  };
  auto asked = ask<ErrorCode>(home, owner, std::move(work));
  co_return co_await std::move(asked);
}

net::Awaitable<ErrorCode> write_marker(Shard& home, TopicPartition partition,
                                       TransactionMarker marker) {
  const auto topic = home.image()->topic(std::string_view{partition.topic});
  const auto* const image = topic ? topic->partition(partition.partition) : nullptr;
  if (image == nullptr) co_return ErrorCode::unknown_topic_or_partition;
  if (!image->leader) co_return ErrorCode::leader_not_available;
  if (image->leader == home.node().settings.node_id) {
    auto writing = write_marker_here(home, std::move(partition), marker);
    co_return co_await std::move(writing);
  }
  WriteTxnMarkersRequest request;
  auto& wanted = request.markers.emplace_back();
  wanted.producer_id = marker.producer.id.value;
  wanted.producer_epoch = marker.producer.epoch.value;
  wanted.transaction_result = marker.commit;
  wanted.coordinator_epoch = marker.coordinator_epoch;
  wanted.transaction_version = std::to_underlying(marker.version);
  wanted.topics.push_back({partition.topic, {partition.partition.value}});
  auto calling = home.peers().call(*image->leader, std::move(request), home.now() + kMarkerTimeout,
                                   PeerLane::transactions);
  const auto response = co_await std::move(calling);
  if (!response) co_return ErrorCode::leader_not_available;
  for (const auto& done : response->markers)
    for (const auto& told : done.topics)
      for (const auto& one : told.partitions) co_return one.error_code;
  co_return ErrorCode::unknown_server_error;
}

Moment TransactionService::moment() const {
  return {.now = shard_.now(), .wall = shard_.wall()};
}

ErrorCode TransactionService::available(PartitionIndex partition) const {
  const auto found = entries_.find(partition);
  if (found == entries_.end() || found->second->resigned) return ErrorCode::not_coordinator;
  return found->second->loaded ? ErrorCode::none : ErrorCode::coordinator_load_in_progress;
}

void TransactionService::run(PartitionIndex partition, const Operation& operation, Reply reply) {
  ENSURE(available(partition) == ErrorCode::none);
  const EntryPtr entry = entries_.find(partition)->second;
  const ReplyToken token = entry->next_token++;
  entry->waiting.emplace(token, std::move(reply));
  perform(entry, operation(entry->core, token, moment()));
}

const TransactionCoordinator& TransactionService::look(PartitionIndex partition) const {
  ENSURE(available(partition) == ErrorCode::none);
  return entries_.find(partition)->second->core;
}

std::vector<const TransactionCoordinator*> TransactionService::all() const {
  std::vector<const TransactionCoordinator*> loaded;
  for (const auto& [index, entry] : entries_)
    if (entry->loaded && !entry->resigned) loaded.push_back(&entry->core);
  return loaded;
}

bool TransactionService::loading() const {
  return std::ranges::any_of(entries_, [](const auto& item) { return !item.second->loaded; });
}

void TransactionService::led(const std::shared_ptr<Partition>& partition) {
  if (partition->name().topic != replication::kTransactionTopic) return;
  auto entry = std::make_shared<Entry>(partition, shard_.node().settings.transactions);
  entries_[partition->name().partition] = entry;
  shard_.tasks().spawn(load(std::move(entry)));
}

net::Awaitable<void> TransactionService::load(EntryPtr entry) {
  std::size_t damaged = 0;
  auto visit = [&damaged, entry](const protocol::BatchView& batch) {
    const auto failed = for_each_record(batch, [&](const protocol::RecordView& record) {
      return !record.key || entry->core.replay(*record.key, record.value).has_value();
    });
    damaged += failed;
    return !entry->resigned;
  };
  const Offset end = entry->partition->log().log_end();
  auto replaying = replay_log(shard_, entry->partition, std::move(visit));
  bool whole = co_await std::move(replaying);
  if (whole) {
    // What was read may not be committed yet, and nobody may be told what might be taken back.
    auto committing = committed_up_to(shard_, entry->partition, end);
    whole = co_await std::move(committing);
  }
  if (damaged > 0) {
    spdlog::warn("{}: {} damaged records of transactions were skipped",
                 fmt::streamed(entry->partition->name()), damaged);
  }
  // Without the whole log it stays in loading: better no answer than a wrong one.
  if (entry->resigned || !whole) co_return;
  if (entry->partition->log().state() == log::LogState::read_only) {
    spdlog::error(
        "{}: its log is damaged and ends too early, so its transactions have no coordinator until "
        "it is "
        "repaired",
        fmt::streamed(entry->partition->name()));
    co_return;
  }
  entry->loaded = true;
  perform(entry, entry->core.finish_loading(moment()));
}

void TransactionService::perform(const EntryPtr& entry, TransactionOutput output) {
  for (const auto& reply : output.replies) {
    auto waiting = entry->waiting.extract(reply.token);
    ENSURE(!waiting.empty());
    waiting.mapped()(reply);
  }
  for (auto& round : output.markers) send_markers(entry, std::move(round));
  for (const auto& [id, timeout] : output.overdue) {
    spdlog::warn(
        "transactional id '{}': its transaction was open for longer than its timeout of {} ms and "
        "is "
        "aborted; its producer is fenced",
        escaped(id), timeout.count());
  }
  if (output.ticket) append(entry, output.records, *output.ticket);
  rearm(entry);
}

void TransactionService::append(const EntryPtr& entry,
                                const std::vector<TransactionRecord>& records, Ticket ticket) {
  const auto failed = [this, entry, ticket](ErrorCode error) {
    if (!entry->resigned) perform(entry, entry->core.failed(ticket, error, moment()));
  };
  // What is left of the disk is for deleting.
  if (shard_.node().log_dir.level() == SpaceLevel::exhausted) return failed(kNoSpace);
  protocol::BatchBuilder builder;
  const Timestamp now = shard_.wall();
  for (const auto& record : records) {
    builder.add(now, Bytes{record.key},
                record.value ? std::optional{Bytes{*record.value}} : std::nullopt);
  }
  const auto batch = builder.build();
  ENSURE(batch.has_value());
  const auto appended = entry->partition->append_own(*batch);
  if (appended.error != ErrorCode::none) return failed(appended.error);
  shard_.appended(entry->partition);
  entry->partition->when_committed(appended.end, Instant::max(),
                                   [this, entry, ticket, failed](ErrorCode error) {
                                     if (error != ErrorCode::none) return failed(error);
                                     if (!entry->resigned)
                                       perform(entry, entry->core.committed(ticket, moment()));
                                   });
}

// Markers ---------------------------------------------------------------------------------------

void TransactionService::send_markers(const EntryPtr& entry, MarkerRound round) {
  auto shared = std::make_shared<Round>(Round{std::move(round), 0});
  shared->left = shared->what.partitions.size();
  for (const auto& partition : shared->what.partitions)
    shard_.tasks().spawn(send_marker(entry, shared, partition));
}

net::Awaitable<void> TransactionService::send_marker(EntryPtr entry, RoundPtr round,
                                                     TopicPartition partition) {
  if (entry->resigned) co_return;
  auto writing = write_marker(shard_, partition, round->what.marker);
  const ErrorCode error = co_await std::move(writing);
  if (entry->resigned) co_return;
  switch (error) {
    case ErrorCode::none:
    case ErrorCode::unknown_topic_or_partition:
      break;
    case ErrorCode::invalid_producer_epoch:
    case ErrorCode::transaction_coordinator_fenced:
      // Somebody with a newer epoch has ended it there, an operator most likely.
      spdlog::warn("transactional id '{}': {} refused the end of its transaction: {}",
                   escaped(round->what.transactional_id), fmt::streamed(partition),
                   protocol::to_string(error));
      break;
    default: {
      const auto verdict = shard_.node().log_limiter.ask("marker", shard_.now());
      if (verdict.allowed) {
        spdlog::warn(
            "transactional id '{}': the end of its transaction could not be written to "
            "{}: {}; it is tried again until it can",
            escaped(round->what.transactional_id), fmt::streamed(partition),
            protocol::to_string(error));
      }
      shard_.deadlines().after(kMarkerRetry, [this, entry, round, partition] {
        if (!entry->resigned) shard_.tasks().spawn(send_marker(entry, round, partition));
      });
      co_return;
    }
  }
  if (--round->left == 0) perform(entry, entry->core.markers_written(round->what.ticket, moment()));
}

// The rest of its life --------------------------------------------------------------------------

void TransactionService::rearm(const EntryPtr& entry) {
  if (entry->timer) shard_.deadlines().forget(*std::exchange(entry->timer, std::nullopt));
  if (entry->resigned || !entry->loaded) return;
  entry->timer = shard_.deadlines().at(entry->core.next_deadline(), [this, entry] {
    entry->timer.reset();
    if (!entry->resigned) perform(entry, entry->core.tick(moment()));
  });
}

void TransactionService::resign(const EntryPtr& entry, ErrorCode error) {
  if (entry->resigned) return;
  auto output = entry->core.resign(error);
  entry->resigned = true;
  perform(entry, std::move(output));
}

void TransactionService::retire(const Partition& partition) {
  const auto found = entries_.find(partition.name().partition);
  if (found == entries_.end() || found->second->partition.get() != &partition) return;
  resign(found->second, ErrorCode::not_coordinator);
  entries_.erase(found);
}

void TransactionService::resign() {
  for (const auto& [index, entry] : entries_) resign(entry, ErrorCode::coordinator_not_available);
}

}  // namespace millrace::broker
