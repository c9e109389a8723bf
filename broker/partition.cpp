#include "broker/partition.hpp"

#include <algorithm>

#include "broker/errors.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {

using protocol::ErrorCode;

namespace {

/// From this version of Produce on, partitions join a transaction by being written to (KIP-890).
constexpr std::int16_t kTransactionsV2Since = 12;

}  // namespace

Partition::Partition(TopicPartition name, TopicId topic_id, LeaderEpoch epoch,
                     PartitionSettings settings, std::unique_ptr<log::PartitionLog> log,
                     LogDirectory& directory)
    : name_{std::move(name)},
      topic_id_{topic_id},
      epoch_{epoch},
      settings_{std::move(settings)},
      log_{std::move(log)},
      directory_{directory},
      high_watermark_{log_->synced_end()},
      leads_{true} {
  log_->begin_epoch(epoch_);
}

Partition::Partition(TopicPartition name, TopicId topic_id, PartitionSettings settings,
                     std::unique_ptr<log::PartitionLog> log, LogDirectory& directory,
                     Offset committed)
    : name_{std::move(name)},
      topic_id_{topic_id},
      epoch_{-1},
      settings_{std::move(settings)},
      log_{std::move(log)},
      directory_{directory},
      high_watermark_{std::clamp(committed, log_->log_start(), log_->synced_end())} {}

std::optional<ProduceResult> Partition::produce(Bytes records, std::int16_t version,
                                                Timestamp now) {
  if (retired_ || !leads_) return ProduceResult{.error = ErrorCode::not_leader_or_follower};
  if (!queue_.empty()) return std::nullopt;
  protocol::ProduceRules rules = settings_.rules;
  rules.produce_version = version;
  auto verdict = protocol::validate_lightly(records, rules, now);
  if (!verdict) return std::nullopt;
  return accept(records, *std::move(verdict), rules, now);
}

void Partition::produce_later(SharedBytes records, std::int16_t version, Timestamp now,
                              std::move_only_function<void(ProduceResult)> done) {
  if (retired_ || !leads_) return done({.error = ErrorCode::not_leader_or_follower});
  QueuedBatch batch{std::move(records), settings_.rules, now, std::move(done)};
  batch.rules.produce_version = version;
  queue_.add(std::move(batch));
}

bool Partition::prepared(std::vector<protocol::ProduceVerdict> verdicts, Timestamp now) {
  const Offset end = log_->log_end();
  for (auto& [batch, verdict] : queue_.take_back(std::move(verdicts))) {
    auto result = accept(batch.records.view(), std::move(verdict), batch.rules, now);
    batch.records = {};  // the log has its copy; the receive buffer may be used again
    batch.done(std::move(result));
  }
  return log_->log_end() != end;
}

/// `rules` are those that the batch was validated for: the topic's may have changed since.
ProduceResult Partition::accept(Bytes records, protocol::ProduceVerdict verdict,
                                const protocol::ProduceRules& rules, Timestamp now) {
  if (retired_ || !leads_) return {.error = ErrorCode::not_leader_or_follower};
  if (auto* rejection = std::get_if<protocol::Rejection>(&verdict)) {
    return {.error = rejection->code,
            .message = std::move(rejection->message),
            .record_errors = std::move(rejection->records)};
  }
  auto& accepted = std::get<protocol::Accepted>(verdict);
  std::vector<std::byte> own;  // only when the batch cannot be taken as it came
  Bytes batch = records;
  if (accepted.rebuilt) {
    own = std::move(*accepted.rebuilt);
    batch = own;
  } else if (accepted.fix == protocol::TimestampFix::max_timestamp) {
    own.assign(records.begin(), records.end());
    protocol::apply_fix(accepted, own);
    batch = own;
  }
  const auto view = protocol::parse_batch(batch);
  ENSURE(view.has_value());
  const bool v2 = view->is_transactional() && rules.produce_version >= kTransactionsV2Since;
  const auto verdict_on_producer = log_->check_producer(*view, now, v2);
  if (const auto* rejected = std::get_if<log::ProducerRejected>(&verdict_on_producer)) {
    return {.error = rejected->code, .message = rejected->message};
  }
  const bool appends_time = rules.timestamp_type == protocol::TimestampType::log_append_time;
  if (const auto* duplicate = std::get_if<log::ProducerDuplicate>(&verdict_on_producer)) {
    ProduceResult result;
    result.base_offset = duplicate->base_offset;
    result.end = duplicate->last_offset.next();
    if (appends_time) result.log_append_time = duplicate->timestamp;
    return result;
  }
  if (to_verify(batch, now)) {
    return {.error = ErrorCode::invalid_txn_state,
            .message = "the batch belongs to no transaction that is open"};
  }
  // Only now: the repetition of a batch that is in the log succeeds even when there is no room.
  if (!directory_.online())
    return {.error = ErrorCode::kafka_storage_error, .message = directory_.offline_text()};
  if (!directory_.admit(batch.size())) return {.error = kNoSpace, .message = directory_.refusal()};
  const std::optional<Timestamp> append_time = appends_time ? std::optional{now} : std::nullopt;
  auto result = appended(log_->append(batch, epoch_, append_time));
  if (result.error == ErrorCode::none) {
    admitted_bytes_ += batch.size();
    if (view->is_transactional()) transaction_begun(*view);
  } else {
    directory_.landed(batch.size());
  }
  result.log_append_time = append_time;
  return result;
}

ProduceResult Partition::append_own(Bytes batch) {
  if (retired_ || !leads_) return {.error = ErrorCode::not_leader_or_follower};
  if (!enough_in_sync()) return {.error = ErrorCode::not_enough_replicas};
  if (!directory_.online())
    return {.error = ErrorCode::kafka_storage_error, .message = directory_.offline_text()};
  return appended(log_->append(batch, epoch_, std::nullopt));
}

ProduceResult Partition::appended(Result<log::AppendInfo> info) {
  if (!info) {
    auto message = info.error().message();
    if (info.error() == log::Errc::read_only) {
      message = "the files of " + name_.topic + "-" + std::to_string(name_.partition.value) +
                " are damaged from offset " + std::to_string(log_->log_end().value) +
                " on, so it is only read, up to there: restore them from a copy, or delete the "
                "topic";
    }
    return {.error = to_wire(info.error()), .message = std::move(message)};
  }
  ProduceResult result;
  result.base_offset = info->base;
  result.end = info->last.next();
  return result;
}

void Partition::when_committed(Offset end, Instant deadline, Committed done) {
  if (end <= high_watermark_) return done(ErrorCode::none);
  if (retired_ || !leads_) return done(ErrorCode::not_leader_or_follower);
  if (offline()) return done(ErrorCode::kafka_storage_error);
  wait_in(waiters_, {end, deadline, std::move(done)});
}

void Partition::when_durable(Offset end, Instant deadline, Committed done) {
  if (end <= durable_end()) return done(ErrorCode::none);
  if (retired_) return done(ErrorCode::not_leader_or_follower);
  if (offline()) return done(ErrorCode::kafka_storage_error);
  wait_in(durable_waiters_, {end, deadline, std::move(done)});
}

void Partition::wait_in(std::deque<Waiter>& waiters, Waiter waiter) {
  // A repeated batch may wait for an offset below that of the newest waiter.
  auto place = waiters.end();
  while (place != waiters.begin() && std::prev(place)->end > waiter.end) --place;
  waiters.insert(place, std::move(waiter));
}

void Partition::complete(std::deque<Waiter>& waiters, Offset end) {
  while (!waiters.empty() && waiters.front().end <= end) {
    auto done = std::move(waiters.front().done);
    waiters.pop_front();
    done(ErrorCode::none);
  }
}

void Partition::expire_waiters(Instant now) {
  std::vector<Committed> late;
  for (auto* const waiters : {&waiters_, &durable_waiters_}) {
    std::erase_if(*waiters, [&](Waiter& waiter) {
      if (waiter.deadline > now) return false;
      late.push_back(std::move(waiter.done));
      return true;
    });
  }
  const ErrorCode error =
      enough_in_sync() ? ErrorCode::request_timed_out : ErrorCode::not_enough_replicas_after_append;
  for (auto& done : late) done(error);
}

void Partition::write() {
  in_turn_ = false;
  // Retention and DeleteRecords write too, so the log may have failed since the append.
  Result<void> written = log::Errc::failed;
  if (!offline() && directory_.online()) written = log_->write_and_keep();
  if (!written && log::is_no_space(written.error())) written = take_back();
  directory_.landed(std::exchange(admitted_bytes_, 0));
  if (!written) {
    log_failed(written.error());
    fail_waiters(ErrorCode::kafka_storage_error);
    wake_readers();
    return;
  }
  followers_.wake();
  if (!waits_for_durability()) advance();
}

/// The records that found no space are as if they had never been sent.
Result<void> Partition::take_back() {
  directory_.no_space();
  if (const auto taken_back = log_->retract(); !taken_back) return taken_back;
  std::vector<Committed> refused;
  for (auto* const waiters : {&waiters_, &durable_waiters_}) {
    while (!waiters->empty() && waiters->back().end > log_->log_end()) {
      refused.push_back(std::move(waiters->back().done));
      waiters->pop_back();
    }
  }
  for (auto& done : refused) done(kNoSpace);
  return {};
}

void Partition::log_failed(const ErrorInfo& cause) {
  // A file that may not grow (EFBIG, a limit of the process) says nothing about the others.
  if (log_->state() != log::LogState::failed || cause == log::Errc::failed ||
      cause == boost::system::errc::file_too_large)
    return;
  directory_.fail(name_.topic + "-" + std::to_string(name_.partition.value), cause);
}

std::optional<log::SyncWork> Partition::take_sync(Instant now) {
  if (offline() || !directory_.online()) return std::nullopt;
  // A closed segment is there for compaction, and for a short start, once it is synced and a
  // checkpoint lies behind it.
  const bool closed_waits = log_->recovery_point() < log_->active_segment_base();
  sync_wanted_ = log_->has_unsynced_files() && (sync_wanted_ || closed_waits);
  if (!log_->needs_sync() && !sync_wanted_) return std::nullopt;
  if (!unsynced_since_) unsynced_since_ = now;
  const bool due =
      settings_.flush_sync || sync_wanted_ ||
      log_->written_end().value - log_->synced_end().value >= settings_.flush_messages ||
      (settings_.flush_ms && now - *unsynced_since_ >= *settings_.flush_ms);
  if (!due) return std::nullopt;
  auto work = log_->take_sync();
  if (work) {
    unsynced_since_.reset();
    sync_wanted_ = false;
  }
  return work;
}

void Partition::synced(const log::SyncWork& work, Result<void> result) {
  log_->synced(work, result);
  if (!result) log_failed(result.error());
  if (!offline()) advance();
  if (offline() || !directory_.online()) {
    fail_waiters(ErrorCode::kafka_storage_error);
    wake_readers();
  }
}

void Partition::journaled(Offset end, std::uint64_t generation) {
  log_->journaled(end, generation);
  if (!offline() && directory_.online()) advance();
}

void Partition::journal_failed(ErrorInfo error) {
  log_->journal_failed(error);
  log_failed(error);
  fail_waiters(ErrorCode::kafka_storage_error);
  wake_readers();
}

void Partition::advance() {
  const Offset durable = durable_end();
  if (!durable_waiters_.empty()) complete(durable_waiters_, durable);
  Offset committed = durable;
  if (leadership_) {
    committed = leadership_->high_watermark(durable, seen_);
  } else if (!leads_) {
    committed =
        replication::follower_high_watermark(high_watermark_, told_high_watermark_, durable);
  }
  if (committed <= high_watermark_) return;
  high_watermark_ = committed;
  complete(waiters_, high_watermark_);
  wake_readers();
}

void Partition::fail_waiters(ErrorCode error) {
  auto failed = std::exchange(waiters_, {});
  std::ranges::move(std::exchange(durable_waiters_, {}), std::back_inserter(failed));
  for (auto& waiter : failed) waiter.done(error);
}

void Partition::work_ended() {
  ENSURE(work_out_ > 0);
  if (--work_out_ == 0 && on_idle_) std::exchange(on_idle_, {})();
}

void Partition::when_idle(std::move_only_function<void()> task) {
  if (work_out_ == 0) return task();
  on_idle_ = std::move(task);
}

void Partition::watch(std::shared_ptr<ReadWaiter> waiter) {
  readers_.add(std::move(waiter));
}

void Partition::watch_written(std::shared_ptr<ReadWaiter> waiter) {
  followers_.add(std::move(waiter));
}

void Partition::Readers::add(std::shared_ptr<ReadWaiter> waiter) {
  if (std::ranges::find(waiting, waiter) != waiting.end()) return;
  if (waiting.size() >= 2 * live + 8) {
    std::erase_if(waiting, [](const auto& reader) { return reader->done(); });
    live = waiting.size();
  }
  waiting.push_back(std::move(waiter));
}

void Partition::Readers::wake() {
  const auto woken = std::exchange(waiting, {});
  live = 0;
  for (const auto& reader : woken) reader->wake();
}

void Partition::wake_readers() {
  readers_.wake();
  followers_.wake();
}

void Partition::set_settings(PartitionSettings settings) {
  settings_ = std::move(settings);
  log_->set_config(settings_.log);
  if (leadership_) leadership_->set(settings_.replication);
}

void Partition::retire(ErrorCode error) {
  retired_ = true;
  for (auto& batch : queue_.clear()) batch.done({.error = error});
  fail_waiters(error);
  wake_readers();
}

}  // namespace millrace::broker
