// Syncs and checkpoints: what is handed out as work, and what its end changes.
#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {

bool PartitionLog::checkpoint_due() const {
  return rolled_ || synced_since_checkpoint_ + unsynced_bytes_ >= config_.checkpoint_interval_bytes;
}

PartitionLog::Point PartitionLog::point_at_end() const {
  Point point{{log_end_, active().base(), active().size_bytes()}, producers_.encode(), {}};
  point.where.times = times_of(segments_.size());
  if (!producers_.aborted().empty()) point.aborted = producers_.aborted().encode(log_end_);
  return point;
}

std::vector<RecoveryPoint::SegmentTime> PartitionLog::times_of(std::size_t count) const {
  std::vector<RecoveryPoint::SegmentTime> times;
  for (const auto& segment : std::span{segments_}.first(count)) {
    const auto newest = segment->newest().value_or(Segment::Newest{Timestamp{-1}, Offset{0}});
    times.push_back({segment->base(), segment->size_bytes(), newest.timestamp, newest.batch});
  }
  return times;
}

std::optional<SyncWork> PartitionLog::take_sync() {
  if (sync_out_ || state_ != LogState::writable || dirty_.empty()) return std::nullopt;
  SyncWork work;
  work.files_ = &files_;
  work.dirty_ = std::exchange(dirty_, {});
  if (std::exchange(new_files_, false)) work.new_files_in_ = dir_;
  work.sync_point_ = sync_point_;
  work.fence_ = fence_;
  work.generation_ = fence_->generation;
  work.end_ = sync_out_end_ = written_end_;
  if (unsynced_gap_) work.gap_point_ = dir_ / kGapPointFile;
  if (unsynced_gap_ && *unsynced_gap_ < written_end_) unsynced_gap_.reset();
  syncing_ = work.dirty_;
  if (checkpoint_due() && log_end_ == written_end_) point_in_sync_ = point_at_end();
  synced_since_checkpoint_ += std::exchange(unsynced_bytes_, 0);
  sync_out_ = true;
  return work;
}

void PartitionLog::synced(const SyncWork& work, Result<void> result) {
  if (state_ == LogState::closed) return;
  ENSURE(sync_out_);
  sync_out_ = false;
  syncing_.clear();
  const auto point = std::exchange(point_in_sync_, std::nullopt);
  if (!result) {
    static_cast<void>(fail(result.error()));
    return;
  }
  if (work.generation_ != fence_->generation) return;
  if (state_ != LogState::writable && state_ != LogState::full) return;
  files_synced_end_ = std::max(files_synced_end_, work.end_);
  synced_end_ = std::max(synced_end_, work.end_);
  journal_next_ = std::max(journal_next_, synced_end_);
  if (point) point_ready_ = point;
}

Result<void> PartitionLog::sync_now() {
  if (const auto written = write(); !written) return written.error();
  ENSURE(!sync_out_);
  const auto work = take_sync();
  if (!work) return ready_to_append();
  const auto result = work->run();
  synced(*work, result);
  return result;
}

Result<void> PartitionLog::add_index_writes(CheckpointWork& work) {
  for (const auto& segment : segments_) {
    if (segment->log_file() == nullptr) continue;
    const auto add = [&](const auto& index, const Result<std::shared_ptr<File>>& file,
                         bool is_time) -> Result<void> {
      if (!file) return file.error();
      work.indexes_.push_back(
          {.file = *file,
           .position = index.in_file() * (is_time ? TimeEntry::kBytes : OffsetEntry::kBytes),
           .bytes = index.encode_new(),
           .segment_base = segment->base(),
           .is_time_index = is_time,
           .entries_after = index.count()});
      return {};
    };
    // An index that is empty for good still needs its file, or it would count as lost.
    const bool missing = segment->needs_index_files();
    if (missing || segment->offsets().count() > segment->offsets().in_file()) {
      const auto added =
          add(segment->offsets(), segment->open_index(files_, OpenMode::create), false);
      if (!added) return added.error();
    }
    if (missing || segment->times().count() > segment->times().in_file()) {
      const auto added =
          add(segment->times(), segment->open_time_index(files_, OpenMode::create), true);
      if (!added) return added.error();
    }
  }
  return {};
}

std::optional<CheckpointWork> PartitionLog::take_checkpoint() {
  if (checkpoint_out_ || state_ != LogState::writable) return std::nullopt;
  if (!point_ready_ && checkpoint_due() && !sync_out_ && files_synced_end_ == log_end_)
    point_ready_ = point_at_end();
  if (!point_ready_) return std::nullopt;
  CheckpointWork work;
  // An index file that cannot be created now is tried again with the next checkpoint.
  if (!add_index_writes(work)) return std::nullopt;
  const Point point = *std::exchange(point_ready_, std::nullopt);
  work.files_ = &files_;
  work.fence_ = fence_;
  work.generation_ = fence_->generation;
  work.sync_point_ = sync_point_;
  work.point_ = point.where;
  const auto add_snapshot = [&](Offset offset, std::vector<std::byte> bytes) {
    work.small_files_.push_back({snapshots_.path(offset), std::move(bytes)});
    // Known from now on, so that a truncation removes it even if nobody reported that it is there.
    snapshots_.add(offset);
  };
  // Before the snapshots, which say that it is there.
  if (point.aborted) work.small_files_.push_back({dir_ / kAbortedFile, *point.aborted});
  // A snapshot must not speak of a log that may not survive: only up to the point.
  for (auto& [offset, bytes] : roll_snapshots_)
    if (offset < point.where.offset) add_snapshot(offset, bytes);
  add_snapshot(point.where.offset, point.snapshot);
  work.small_files_.push_back({dir_ / kLeaderEpochFile, epochs_.encode()});
  work.small_files_.push_back({dir_ / kRecoveryPointFile, point.where.encode()});
  rolled_ = point.where.offset < active().base();  // what was closed since is due for the next one
  synced_since_checkpoint_ = 0;
  checkpoint_out_ = true;
  point_may_be_ahead_ = true;
  return work;
}

void PartitionLog::checkpoint_if_idle() {
  if (std::exchange(idle_end_, log_end_) != log_end_) return;
  rolled_ = rolled_ || recovery_point_.offset < log_end_;
}

void PartitionLog::checkpointed(const CheckpointWork& work, Result<void> result) {
  if (state_ == LogState::closed) return;
  ENSURE(checkpoint_out_);
  checkpoint_out_ = false;
  if (!result || work.generation_ != fence_->generation) {
    rolled_ = true;  // what it should have written is still due
    return;
  }
  recovery_point_ = work.point_;
  point_may_be_ahead_ = false;
  for (const auto& index : work.indexes_) {
    const auto found = std::ranges::find(segments_, index.segment_base,
                                         [](const auto& segment) { return segment->base(); });
    if (found == segments_.end()) continue;
    Segment& segment = **found;
    segment.set_index_files_there();
    if (index.is_time_index)
      segment.times().persisted(index.entries_after);
    else
      segment.offsets().persisted(index.entries_after);
    if (segment.closed()) segment.release_indexes();
  }
  std::erase_if(roll_snapshots_,
                [&](const auto& item) { return item.first <= recovery_point_.offset; });
  std::set<Offset> bases;
  for (const auto& segment : segments_) bases.insert(segment->base());
  // One that cannot be removed now is tried again with the next checkpoint.
  (void)snapshots_.prune(files_, bases);
}

}  // namespace millrace::log
