// Truncation. The order is what makes it safe against a crash at any step: first the points that
// promise what is about to go are lowered and synced, then files shrink, newest first.
#include <algorithm>
#include <array>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "log/segment_restore.hpp"
#include "log/tail_cache.hpp"

namespace millrace::log {

void PartitionLog::supersede_work() {
  const std::scoped_lock lock{fence_->sync_mutex, fence_->checkpoint_mutex};
  ++fence_->generation;
}

Result<void> PartitionLog::truncate_to(Offset end) {
  if (const auto taken_back = retract(); !taken_back) return taken_back.error();
  if (state_ == LogState::closed) return Errc::closed;
  if (state_ == LogState::failed) return Errc::failed;
  if (state_ == LogState::writable) {
    if (end >= log_end_) return {};
    if (const auto written = write(); !written) return written.error();
  }
  const auto done = truncate_at(std::min(end, log_end_));
  if (!done) return fail(done.error());
  return {};
}

Result<void> PartitionLog::restart_at(Offset start) {
  if (const auto taken_back = retract(); !taken_back) return taken_back.error();
  if (state_ == LogState::closed) return Errc::closed;
  if (state_ == LogState::failed) return Errc::failed;
  if (state_ == LogState::writable)
    if (const auto written = write(); !written) return written.error();
  const auto done = empty_at(start);
  if (!done) return fail(done.error());
  return {};
}

/// From here on nothing in the journals concerns this log: what they hold is in the segments, and a
/// start must not bring back what is about to be cut off.
Result<void> PartitionLog::leave_journal() {
  if (!journal_mark_) return {};
  if (const auto synced = sync_all_dirty(written_end_); !synced) return synced.error();
  const auto saved =
      files_.write_atomically(dir_ / kJournalFloorFile, JournalFloor{*journal_mark_}.encode());
  if (!saved) return saved.error();
  journal_mark_.reset();
  return {};
}

Result<RecoveryPoint> PartitionLog::find_cut(Segment& segment, Offset end) const {
  RecoveryPoint cut{segment.base(), segment.base(), 0};
  if (segment.written_bytes() == 0) return cut;
  const File& file = *segment.log_file();
  // One before: when `end` is the base of a batch, the end of its predecessor is still needed.
  const Offset target = std::max(segment.base(), Offset{end.value - 1});
  const std::uint64_t begin = resolve(segment.start_for_offset(files_, target), file,
                                      segment.base(), target, segment.written_bytes());
  BatchScan scan{file, {begin, segment.written_bytes()}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    if (!*batch && !scan.stopped().empty()) return Errc::corrupt_file;
    if (!*batch || (*batch)->next() > end) break;
    cut.offset = (*batch)->next();
    cut.position = scan.position();
  }
  if (cut.position > 0 || begin == 0) return cut;
  // The batch found reaches over `end`: where the one before it ended, only a walk from the front
  // tells, because there may be a gap between the two.
  BatchScan walk{file, {0, begin}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = walk.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    cut.offset = (*batch)->next();
    cut.position = walk.position();
  }
  if (!walk.stopped().empty()) return Errc::corrupt_file;
  return cut;
}

Result<void> PartitionLog::save_gap_point(Offset offset) {
  if (!has_gaps_) return {};
  return files_.write_atomically(dir_ / kGapPointFile, GapPoint{offset}.encode());
}

Result<void> PartitionLog::lower_points(const RecoveryPoint& to) {
  supersede_work();
  if (const auto settled = settle_compaction(to.offset); !settled) return settled.error();
  // Retention may have moved the start on disk already, for a log that reached further.
  if (retention_out_)
    if (const auto saved = save_log_start(log_start_, has_gaps_); !saved) return saved.error();
  // Lowered, never raised: what is not synced yet must not be promised on the way.
  const Offset low = std::min(to.offset, files_synced_end_);
  const auto point = SyncPoint{low}.encode();
  const std::array pieces{Bytes{point}};
  if (const auto written = sync_point_->write_at(pieces, 0); !written) return written.error();
  if (const auto synced = sync_point_->sync(); !synced) return synced.error();
  if (const auto saved = save_gap_point(low); !saved) return saved.error();
  // Never past the point that is known: up to there snapshots and leader epochs are on disk. It may
  // be at the same offset, in a segment that goes.
  const bool goes =
      recovery_point_.offset > to.offset || recovery_point_.segment_base > to.segment_base;
  if (!goes && !point_may_be_ahead_) return {};
  if (goes) recovery_point_ = to;
  const auto saved = files_.write_atomically(dir_ / kRecoveryPointFile, recovery_point_.encode());
  if (!saved) return saved.error();
  point_may_be_ahead_ = false;
  return {};
}

/// Readers may have located batches in segments that are about to go, and must not send them then.
Result<void> PartitionLog::cut_readers_off(std::size_t first) {
  for (std::size_t i = segments_.size(); i-- > first;)
    if (const auto& file = segments_[i]->log_file(); file != nullptr)
      if (const auto cut = file->truncate(0); !cut) return cut.error();
  return {};
}

Result<void> PartitionLog::remove_files_behind(Offset last_base) {
  const auto entries = files_.list(dir_);
  if (!entries) return entries.error();
  for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
    for (const std::string_view suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix}) {
      const auto base = parse_file_name(entry->name, suffix);
      if (!base || *base <= last_base) continue;
      if (const auto removed = files_.remove(dir_ / entry->name); !removed) return removed.error();
    }
  }
  return {};
}

/// Makes the log durable up to `end`, where it ends.
Result<void> PartitionLog::sync_all_dirty(Offset end) {
  for (const auto* const list : {&syncing_, &dirty_})
    for (const auto& file : *list)
      if (const auto synced = file->sync(); !synced) return synced.error();
  if (const auto synced = files_.sync_directory(dir_); !synced) return synced.error();
  {
    const std::scoped_lock lock{fence_->sync_mutex};
    if (fence_->sync_failed) return Errc::failed;
  }
  if (const auto saved = save_gap_point(end); !saved) return saved.error();
  const auto point = SyncPoint{end}.encode();
  const std::array pieces{Bytes{point}};
  (void)sync_point_->write_at(pieces, 0);  // as behind any sync
  return {};
}

/// What is known of a segment whose file was cut at `cut`: the index files are cut with it, or
/// entries of what is gone would come back to life.
Result<void> PartitionLog::restore_segment(Segment& segment, const RecoveryPoint& cut) {
  const TrustedPart trusted{
      .bytes = cut.position, .end = cut.offset, .exact = true, .active = true};
  const std::uint32_t interval = config_.index_interval_bytes;
  auto restored = restore_from_indexes(segment, files_, trusted, interval);
  if (restored && !*restored) restored = restore_from_headers(segment, trusted, interval);
  if (!restored) return restored.error();
  if (!*restored) return Errc::corrupt_file;
  BatchScan first{*segment.log_file(), {0, cut.position}, protocol::kBatchHeaderBytes};
  const auto batch = first.next();
  if (batch && *batch && (*batch)->max_timestamp >= Timestamp{0})
    segment.set_first_timestamp((*batch)->max_timestamp);
  return {};
}

Result<void> PartitionLog::truncate_segment(Segment& segment, const RecoveryPoint& cut) {
  if (segment.log_file() == nullptr) return {};
  File& file = *segment.log_file();
  if (const auto done = file.truncate(cut.position); !done) return done.error();
  if (const auto synced = file.sync(); !synced) return synced.error();
  if (const auto restored = restore_segment(segment, cut); !restored) return restored.error();
  for (const auto& index : {segment.open_index(files_, OpenMode::create),
                            segment.open_time_index(files_, OpenMode::create)}) {
    if (!index) return index.error();
    if (!segment.needs_index_files()) {
      if (const auto synced = (*index)->sync(); !synced) return synced.error();
    } else if (const auto emptied = (*index)->truncate(0); !emptied) {
      return emptied.error();
    }
  }
  return {};
}

Result<void> PartitionLog::truncate_at(Offset end) {
  if (const auto left = leave_journal(); !left) return left.error();
  if (end < log_start_ || end <= segments_.front()->base()) return empty_at(end);
  std::size_t index = segment_of(Offset{end.value - 1});
  auto cut = find_cut(*segments_[index], end);
  if (!cut) return cut.error();
  if (cut->position == 0 && index > 0) {
    // Nothing of that segment stays, and offsets between the two were skipped, if any.
    const Segment& before = *segments_[--index];
    cut = RecoveryPoint{before.next(), before.base(), before.size_bytes()};
  }
  if (cut->offset < log_start_) return empty_at(cut->offset);
  cut->times = times_of(cut->position == segments_[index]->size_bytes() ? index + 1 : index);
  if (const auto lowered = lower_points(*cut); !lowered) return lowered.error();
  if (const auto forgotten = cut_aborted(cut->offset); !forgotten) return forgotten.error();
  if (const auto cut_off = cut_readers_off(index + 1); !cut_off) return cut_off.error();
  if (const auto removed = remove_files_behind(segments_[index]->base()); !removed)
    return removed.error();
  segments_.resize(index + 1);
  const auto truncated = truncate_segment(active(), *cut);
  if (!truncated) return truncated.error();
  const auto forgotten = snapshots_.remove_behind(files_, cut->offset);
  if (!forgotten) return forgotten.error();
  if (const auto synced = sync_all_dirty(cut->offset); !synced) return synced.error();
  // A log that was read-only for damage may have lost its start, which recovery left alone.
  if (state_ == LogState::read_only)
    if (const auto saved = save_log_start(log_start_, has_gaps_); !saved) return saved.error();
  cache_->truncate_to(cut->offset);
  std::erase_if(roll_snapshots_, [&](const auto& item) { return item.first > cut->offset; });
  epochs_.truncate_to(cut->offset);
  const auto rebuilt = rebuild_producers(cut->offset);
  if (!rebuilt) return rebuilt.error();
  settle_at(cut->offset);
  rolled_ = true;  // the next start wants a snapshot of the producers there
  return {};
}

Result<void> PartitionLog::empty_at(Offset start) {
  if (const auto left = leave_journal(); !left) return left.error();
  // From here on nothing is promised: a crash may leave any of the old files.
  const Offset low = std::min({start, log_start_, segments_.front()->base()});
  if (const auto lowered = lower_points({low, low, 0}); !lowered) return lowered.error();
  if (const auto forgotten = cut_aborted(low); !forgotten) return forgotten.error();
  if (const auto cut_off = cut_readers_off(0); !cut_off) return cut_off.error();
  if (const auto removed = remove_files_behind(Offset{-1}); !removed) return removed.error();
  if (const auto forgotten = snapshots_.remove_behind(files_, Offset{-1}); !forgotten)
    return forgotten.error();
  if (const auto synced = files_.sync_directory(dir_); !synced) return synced.error();
  // The start first: a recovery point above it would promise what lies between.
  if (const auto saved = save_log_start(start, has_gaps_); !saved) return saved.error();
  recovery_point_ = {start, start, 0};
  if (const auto saved =
          files_.write_atomically(dir_ / kRecoveryPointFile, recovery_point_.encode());
      !saved)
    return saved.error();
  segments_.clear();
  segments_.push_back(std::make_unique<Segment>(dir_, start));
  cache_->clear();
  roll_snapshots_.clear();
  producers_.clear();
  epochs_.clear();
  log_start_ = start;
  settle_at(start);
  return {};
}

Result<void> PartitionLog::rebuild_producers(Offset end) {
  Offset from = segments_.front()->base();
  auto aborted = std::move(producers_.aborted());
  aborted.truncate_to(end);
  producers_.clear();
  if (auto loaded = snapshots_.load_newest(files_, end)) {
    from = loaded->offset;
    producers_ = std::move(loaded->state);
  }
  producers_.take_aborted(std::move(aborted));
  return for_each_batch(segments_, files_, from,
                        [&](const ScannedBatch& batch, BatchScan& scan) -> Result<void> {
                          if (!batch.has_producer) return {};
                          const auto view = scan.view();
                          if (!view) return view.error();
                          if (!*view) return Errc::corrupt_file;
                          producers_.apply(**view, now_);
                          return {};
                        });
}

void PartitionLog::settle_at(Offset end) {
  log_end_ = written_end_ = synced_end_ = files_synced_end_ = journal_next_ = end;
  unsynced_bytes_ = 0;
  unsynced_gap_.reset();
  new_files_ = false;
  dirty_.clear();
  syncing_.clear();
  point_in_sync_.reset();
  point_ready_.reset();
  state_ = LogState::writable;
}

}  // namespace millrace::log
