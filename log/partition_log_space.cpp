// Taking back what found no space. Nothing below the written end is touched, so what was
// acknowledged, synced or shown to readers stays as it is. What was cut is gone durably before its
// producer is told so, or a power failure could bring back a batch that was refused.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "log/segment_restore.hpp"
#include "log/tail_cache.hpp"

namespace millrace::log {

Result<void> PartitionLog::retract() {
  if (state_ != LogState::full) return {};
  const auto done = cut_unwritten();
  if (!done) return fail(done.error());
  state_ = LogState::writable;
  return {};
}

bool PartitionLog::unwritten_has_producers() const {
  for (const Bytes piece : cache_->unwritten(log_end_))
    for (const protocol::BatchView batch : protocol::BatchRun{piece})
      if (batch.producer_id()) return true;
  return false;
}

Result<void> PartitionLog::cut_unwritten() {
  const Offset end = written_end_;
  // A checkpoint under way may know index entries of what goes. The sync that may be under way is
  // overtaken with it, so its files are synced once more.
  supersede_work();
  for (const auto& file : syncing_)
    if (std::ranges::find(dirty_, file) == dirty_.end()) dirty_.push_back(file);
  new_files_ = new_files_ || !syncing_.empty();
  journal_next_ = synced_end_;  // what a journal has under way is overtaken, too
  unsynced_gap_.reset();
  if (has_gaps_) unsynced_gap_ = synced_end_;  // there may be one among what that sync was to cover
  point_in_sync_.reset();

  const bool producers_change = unwritten_has_producers();
  cache_->drop_unwritten();
  bool removed = false;
  while (segments_.size() > 1 && active().base() > end) {
    if (active().log_file() != nullptr) {
      const auto done = files_.remove(active().path(kLogSuffix));
      if (!done) return done.error();
      removed = true;
    }
    segments_.pop_back();
  }
  if (removed)
    if (const auto synced = files_.sync_directory(dir_); !synced) return synced.error();
  Segment& segment = active();
  const std::uint64_t bytes = segment.written_bytes();
  if (segment.log_file() != nullptr) {
    if (const auto cut = segment.log_file()->truncate(bytes); !cut) return cut.error();
    if (const auto synced = segment.log_file()->sync(); !synced) return synced.error();
  }
  segment.rewind();
  if (bytes > 0) {
    // Read through, rare as it is: what its time index has lost meanwhile nobody else knows.
    const TrustedPart written{.bytes = bytes, .end = end, .exact = true, .active = true};
    const auto restored = restore_from_headers(segment, written, config_.index_interval_bytes);
    if (!restored) return restored.error();
    if (!*restored) return Errc::corrupt_file;
  }
  std::erase_if(roll_snapshots_, [&](const auto& item) { return item.first > end; });
  epochs_.truncate_to(end);
  log_end_ = end;
  if (!producers_change) return {};
  return rebuild_producers(end);
}

}  // namespace millrace::log
