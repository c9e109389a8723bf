#include <algorithm>

#include "broker/errors.hpp"
#include "broker/partition.hpp"
#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"

/// What a partition does because it has other replicas.
namespace millrace::broker {

using protocol::ErrorCode;

Partition::Role Partition::adopt(BrokerId self, const replication::PartitionImage& image,
                                 Instant now) {
  seen_ = std::max(seen_, now);
  if (retired_ || image.leader_epoch < epoch_) return Role::unchanged;
  const bool newer = image.leader_epoch > epoch_;
  if (image.leader != self) {
    if (!newer && !leads_ && leader_ == image.leader) return Role::unchanged;
    follow(image);
    return Role::follows;
  }
  if (newer || !leads_) {
    lead(self, image, now);
    return Role::began_to_lead;
  }
  if (leadership_) {
    leadership_->adopt(image, now);
  } else if (image.replicas.size() > 1) {
    leadership_ = std::make_unique<replication::Leadership>(self, image, settings_.replication,
                                                            log_->log_end(), high_watermark_, now);
  }
  advance();
  return Role::unchanged;
}

void Partition::lead(BrokerId self, const replication::PartitionImage& image, Instant now) {
  const bool led = std::exchange(leads_, true);
  epoch_ = image.leader_epoch;
  leader_.reset();
  leadership_.reset();
  log_->begin_epoch(epoch_);
  if (!led) verifications_.forget();
  if (image.replicas.size() > 1) {
    leadership_ = std::make_unique<replication::Leadership>(self, image, settings_.replication,
                                                            log_->log_end(), high_watermark_, now);
  }
  if (!offline()) advance();
  wake_readers();  // whoever waits named the epoch before
}

void Partition::follow(const replication::PartitionImage& image) {
  leads_ = false;
  epoch_ = image.leader_epoch;
  leader_ = image.leader;
  leadership_.reset();
  told_high_watermark_ = high_watermark_;
  for (auto& batch : queue_.clear()) batch.done({.error = ErrorCode::not_leader_or_follower});
  fail_waiters(ErrorCode::not_leader_or_follower);
  wake_readers();
}

// As a leader -----------------------------------------------------------------------------------

ErrorCode Partition::fetched(const replication::Leadership::FollowerFetch& fetch, Instant now) {
  seen_ = std::max(seen_, now);
  if (!leadership_) return ErrorCode::not_leader_or_follower;
  const auto error = leadership_->fetched(fetch, now);
  if (error == ErrorCode::none && !offline()) advance();
  return error;
}

std::optional<replication::InSyncProposal> Partition::in_sync_proposal(Instant now) {
  if (!leadership_ || retired_) return std::nullopt;
  auto proposal = leadership_->proposal(log_->log_end(), now);
  if (!proposal) return std::nullopt;
  proposal->topic = topic_id_;
  proposal->partition = name_.partition;
  return proposal;
}

void Partition::in_sync_answered(std::int32_t asked_at, ErrorCode error,
                                 const replication::PartitionImage& image, Instant now) {
  seen_ = std::max(seen_, now);
  if (!leadership_) return;
  leadership_->answered(asked_at, error, image, now);
  if (!offline()) advance();
}

void Partition::look_again(Instant now) {
  seen_ = std::max(seen_, now);
  if (leadership_ && !offline() && !retired_) advance();
}

// As a follower ---------------------------------------------------------------------------------

std::optional<replication::FetchWish> Partition::next_fetch() const {
  const Offset end = log_->log_end();
  if (leads_ || !leader_ || retired_ || offline() || durable_end() != end) return std::nullopt;
  std::optional<LeaderEpoch> last;
  // Of the last record, not the newest epoch: a leadership without a record is not history.
  if (end > log_->log_start()) last = log_->epoch_at(Offset{end.value - 1});
  return replication::FetchWish{.leader_epoch = epoch_,
                                .offset = end,
                                .last_epoch = last ? last->value : -1,
                                .log_start = log_->log_start(),
                                .high_watermark = high_watermark_};
}

Result<log::AppendInfo> Partition::append_from_leader(Bytes run) {
  ENSURE(!leads_);
  if (retired_) return log::Errc::closed;
  if (!directory_.online()) return log::Errc::failed;
  if (!directory_.admit(run.size())) return log::Errc::no_space;
  auto result = log_->append_as_is(run);
  const bool empty = log_->log_start() == log_->log_end();
  if (!result && result.error() == log::Errc::offsets_not_ahead && empty) {
    // The leader's log begins within a batch, and a batch comes whole.
    const auto first = protocol::parse_batch(run);
    const bool covers =
        first && first->base_offset() < log_->log_end() && first->next_offset() > log_->log_end();
    if (covers) {
      if (const auto restarted = log_->restart_at(first->base_offset()); !restarted) {
        directory_.landed(run.size());
        log_failed(restarted.error());
        return restarted.error();
      }
      high_watermark_ = log_->log_start();
      result = log_->append_as_is(run);
    }
  }
  if (result) {
    admitted_bytes_ += run.size();
  } else {
    directory_.landed(run.size());
    log_failed(result.error());
  }
  return result;
}

void Partition::leader_says(Offset high_watermark, Offset log_start) {
  if (leads_ || offline()) return;
  told_high_watermark_ = std::max(told_high_watermark_, high_watermark);
  advance();
  // Never past what is committed here: what the leader has deleted is.
  const Offset start = std::min(log_start, high_watermark_);
  if (start <= log_->log_start()) return;
  if (const auto advanced = log_->advance_log_start(start); !advanced) log_failed(advanced.error());
}

Result<void> Partition::truncate_to(Offset end) {
  ENSURE(!leads_);
  const auto done = log_->truncate_to(end);
  if (!done) log_failed(done.error());
  cut(log_->log_end());
  return done;
}

Result<void> Partition::restart_at(Offset start) {
  ENSURE(!leads_);
  const auto done = log_->restart_at(start);
  if (!done) log_failed(done.error());
  cut(log_->log_end());
  return done;
}

void Partition::cut(Offset end) {
  fail_waiters(ErrorCode::not_leader_or_follower);
  high_watermark_ =
      std::clamp(high_watermark_, log_->log_start(), std::max(end, log_->log_start()));
  told_high_watermark_ = high_watermark_;
  wake_readers();
}

}  // namespace millrace::broker
