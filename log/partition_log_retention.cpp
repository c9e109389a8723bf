// Deleting from the front. The new log start is durable before a file goes, so that a crash in
// between leaves files that are known to be obsolete, never a log that lost its beginning.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {

Result<void> PartitionLog::save_log_start(Offset start, bool has_gaps) {
  const std::scoped_lock lock{log_start_fence_->mutex};
  ++log_start_fence_->generation;
  const auto saved =
      files_.write_atomically(dir_ / kLogStartFile, LogStart{start, has_gaps}.encode());
  if (!saved) return saved.error();
  has_gaps_ = has_gaps;
  return {};
}

bool PartitionLog::too_old(const Segment& segment, Timestamp now) const {
  if (!config_.delete_old || !config_.retention_ms) return false;
  if (segment.newest()) return now - segment.newest()->timestamp > *config_.retention_ms;
  if (segment.log_file() == nullptr) return false;
  const auto written = segment.log_file()->modified();
  return written && now - *written > *config_.retention_ms;
}

Result<std::optional<RetentionWork>> PartitionLog::take_retention(Timestamp now,
                                                                  Offset high_watermark) {
  using Taken = std::optional<RetentionWork>;
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  now_ = std::max(now_, now);
  if (const auto written = write(); !written) return written.error();
  (void)producers_.last_stable(high_watermark);  // forgets transactions that are long complete
  // A pass of compaction reads these files, and will replace some.
  if (retention_out_ || compaction_out_) return Taken{};
  RetentionWork work;
  std::uint64_t size = size_bytes();
  std::size_t count = 0;
  for (; count < segments_.size(); ++count) {
    const Segment& segment = *segments_[count];
    if (segment.empty() && &segment == &active()) break;
    const bool is_active = &segment == &active();
    const std::uint64_t rest = size - segment.size_bytes();
    const bool too_many = !is_active && config_.delete_old && config_.retention_bytes &&
                          rest >= *config_.retention_bytes;
    const bool below_start = segment.next() <= log_start_;
    // The log will start at the next segment, which may begin behind a gap.
    const Offset start = is_active ? segment.next() : segments_[count + 1]->base();
    if (start > high_watermark) break;
    if (!too_old(segment, now) && !too_many && !below_start) break;
    if (is_active) {
      roll(log_end_);
      work.report_.rolled = true;
    }
    size = rest;
    work.segments_.push_back(segment.base());
    work.report_.bytes += segment.size_bytes();
    ++work.report_.segments;
  }
  if (count == 0) return Taken{};
  const Offset start = std::max(log_start_, segments_[count]->base());
  work.files_ = &files_;
  work.file_ = dir_ / kLogStartFile;
  work.fence_ = log_start_fence_;
  work.generation_ = log_start_fence_->generation;
  work.start_ = {start, has_gaps_};
  retention_out_ = true;
  return Taken{std::move(work)};
}

Result<RetentionReport> PartitionLog::retained(const RetentionWork& work, Result<void> result) {
  if (state_ == LogState::closed) return RetentionReport{};
  ENSURE(retention_out_);
  retention_out_ = false;
  // What overtook it has written the file again.
  if (work.generation_ != log_start_fence_->generation) return RetentionReport{};
  if (!result) return fail_unless_full(result.error());
  if (state_ != LogState::writable) return ready_to_append().error();
  log_start_ = work.start_.start;
  epochs_.trim_front(log_start_);
  producers_.aborted().forget_below(log_start_);
  ENSURE(work.segments_.size() < segments_.size() &&
         work.segments_.front() == segments_.front()->base());
  const auto deleted = delete_front(work.segments_.size());
  if (!deleted) return deleted.error();
  return work.report_;
}

Result<RetentionReport> PartitionLog::apply_retention(Timestamp now, Offset high_watermark) {
  const auto work = take_retention(now, high_watermark);
  if (!work) return work.error();
  if (!*work) return RetentionReport{};
  return retained(**work, (*work)->run());
}

Result<void> PartitionLog::delete_front(std::size_t count) {
  ErrorInfo error;
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string_view suffix : kSegmentSuffixes) {
      const Path path = segments_[i]->path(suffix);
      const auto there = files_.exists(path);
      if (there && !*there) continue;
      Path renamed = path;
      renamed += kDeletedSuffix;
      // One that cannot be renamed stays, is found obsolete at the next start and goes then.
      if (const auto done = files_.rename(path, renamed))
        deleted_.push_back({std::move(renamed), now_});
      else
        error = done.error();
    }
  }
  const auto last = segments_.begin() + static_cast<std::ptrdiff_t>(count);
  segments_.erase(segments_.begin(), last);
  if (error) return error;
  return {};
}

Result<void> PartitionLog::advance_log_start(Offset start) {
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  if (start <= log_start_) return {};
  if (start > log_end_) return Errc::offset_out_of_range;
  // What is not written may yet be taken back for want of space, and the log must not end below its
  // start.
  if (start > written_end_)
    if (const auto written = write(); !written) return written.error();
  if (start > files_synced_end_ && journal_mark_) {
    // A start may lie inside a batch, and must not come before the batch does.
    if (const auto synced = sync_all_dirty(written_end_); !synced) return fail(synced.error());
  }
  if (const auto saved = save_log_start(start, has_gaps_); !saved)
    return fail_unless_full(saved.error());
  log_start_ = start;
  epochs_.trim_front(start);
  producers_.aborted().forget_below(start);
  return {};
}

std::optional<PurgeWork> PartitionLog::take_purge(Timestamp now) {
  PurgeWork work;
  while (!deleted_.empty() && now - deleted_.front().since >= config_.file_delete_delay) {
    work.paths_.push_back(std::move(deleted_.front().path));
    deleted_.erase(deleted_.begin());
  }
  if (work.paths_.empty()) return std::nullopt;
  work.files_ = &files_;
  return work;
}

void PartitionLog::purged(const PurgeWork& work) {
  // They have waited long enough already.
  for (std::size_t i = work.removed_; i < work.paths_.size(); ++i)
    deleted_.insert(deleted_.begin(), {work.paths_[i], Timestamp{0}});
}

Result<std::size_t> PartitionLog::purge(Timestamp now) {
  auto work = take_purge(now);
  if (!work) return std::size_t{0};
  const auto removed = work->run();
  purged(*work);
  return removed;
}

}  // namespace millrace::log
