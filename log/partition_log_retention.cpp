// Deleting from the front. The new log start is durable before a file goes, so that a crash in
// between leaves files that are known to be obsolete, never a log that lost its beginning.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"

namespace millrace::log {

Result<void> PartitionLog::save_log_start(Offset start, bool has_gaps) {
  const auto saved =
      files_.write_atomically(dir_ / kLogStartFile, LogStart{start, has_gaps}.encode());
  if (!saved) return saved.error();
  has_gaps_ = has_gaps;
  return {};
}

bool PartitionLog::too_old(const Segment& segment, Timestamp now) const {
  return config_.delete_old && config_.retention_ms && segment.newest() &&
         now - segment.newest()->timestamp > *config_.retention_ms;
}

Result<RetentionReport> PartitionLog::apply_retention(Timestamp now, Offset high_watermark) {
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  now_ = std::max(now_, now);
  if (const auto written = write(); !written) return written.error();
  (void)producers_.last_stable(high_watermark);  // forgets transactions that are long complete
  RetentionReport report;
  if (compaction_out_) return report;  // it reads these files, and will replace some
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
      report.rolled = true;
    }
    size = rest;
    report.bytes += segment.size_bytes();
    ++report.segments;
  }
  if (count == 0) return report;
  const auto deleted = delete_front(count, now);
  if (!deleted) return deleted.error();
  return report;
}

Result<void> PartitionLog::delete_front(std::size_t count, Timestamp now) {
  const Offset start = std::max(log_start_, segments_[count]->base());
  if (const auto saved = save_log_start(start, has_gaps_); !saved)
    return fail_unless_full(saved.error());
  log_start_ = start;
  epochs_.trim_front(start);
  ErrorInfo error;
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string_view suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix}) {
      const Path path = segments_[i]->path(suffix);
      const auto there = files_.exists(path);
      if (there && !*there) continue;
      Path renamed = path;
      renamed += kDeletedSuffix;
      // One that cannot be renamed stays, is found obsolete at the next start and goes then.
      if (const auto done = files_.rename(path, renamed))
        deleted_.push_back({std::move(renamed), now});
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
  if (start > files_synced_end_ && journal_mark_) {
    // A start may lie inside a batch, and must not come before the batch does.
    if (const auto written = write(); !written) return written.error();
    if (const auto synced = sync_all_dirty(); !synced) return fail(synced.error());
  }
  if (const auto saved = save_log_start(start, has_gaps_); !saved)
    return fail_unless_full(saved.error());
  log_start_ = start;
  epochs_.trim_front(start);
  return {};
}

Result<std::size_t> PartitionLog::purge(Timestamp now) {
  std::size_t removed = 0;
  while (!deleted_.empty() && now - deleted_.front().since >= config_.file_delete_delay) {
    if (const auto done = files_.remove(deleted_.front().path); !done) return done.error();
    deleted_.erase(deleted_.begin());
    ++removed;
  }
  return removed;
}

}  // namespace millrace::log
