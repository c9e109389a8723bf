// Reading: which batches are in memory, and what file work brings the others.
#include <algorithm>

#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "log/tail_cache.hpp"

namespace millrace::log {

std::size_t PartitionLog::segment_of(Offset offset) const {
  const auto behind = std::ranges::upper_bound(segments_, offset, {},
                                               [](const auto& segment) { return segment->base(); });
  if (behind == segments_.begin()) return 0;
  return static_cast<std::size_t>(behind - segments_.begin()) - 1;
}

Result<ReadPlan> PartitionLog::plan_read(const ReadRequest& request) const {
  if (state_ == LogState::closed) return Errc::closed;
  if (request.from < log_start_ || request.from > log_end_) return Errc::offset_out_of_range;
  const ReadPlan nothing{ReadResult{{}, request.from}};
  if (request.from >= std::min(request.limit, log_end_)) return nothing;
  if (const auto begin = cache_->begin(); begin && request.from >= *begin)
    return ReadPlan{cache_->read(request)};

  std::size_t index = segment_of(request.from);
  while (index + 1 < segments_.size() && segments_[index]->next() <= request.from) ++index;
  Segment& segment = *segments_[index];
  if (segment.written_bytes() == 0 || segment.base() >= request.limit) return nothing;
  FileRead read;
  read.request_ = request;
  read.segment_base_ = segment.base();
  read.file_ = pinned(segment.log_file());
  read.start_ = segment.start_for_offset(files_, request.from);
  read.end_ = segment.written_bytes();
  if (segment.written_bytes() == segment.size_bytes()) read.segment_next_ = segment.next();
  read.end_start_ =
      segment.start_for_end(files_, read.start_.position + request.bytes_max, request.limit);
  read.cuts_ = read.file_->cuts();
  return ReadPlan{std::move(read)};
}

Result<ReadResult> PartitionLog::read(const ReadRequest& request) const {
  auto plan = plan_read(request);
  if (!plan) return plan.error();
  if (auto* const done = std::get_if<ReadResult>(&*plan)) return std::move(*done);
  return std::get<FileRead>(*plan).run();
}

TimeLookup PartitionLog::plan_find_by_time(Timestamp time, Offset limit) const {
  TimeLookup lookup;
  lookup.at_least_ = time;
  lookup.from_ = log_start_;
  lookup.limit_ = std::min(limit, written_end_);
  for (const auto& segment : segments_) {
    if (segment->written_bytes() == 0 || segment->next() <= log_start_) continue;
    if (!segment->newest() || segment->newest()->timestamp < time) continue;
    if (segment->base() >= lookup.limit_) break;
    TimeLookup::Stretch stretch;
    stretch.segment_base = segment->base();
    stretch.file = pinned(segment->log_file());
    stretch.end = segment->written_bytes();
    stretch.target = std::max(segment->base(), log_start_);
    // Only the first stretch has the answer, unless what it has lies below the log's start.
    if (lookup.stretches_.empty()) {
      const auto& entries = segment->times().memory();
      const auto behind = std::ranges::upper_bound(entries, time.value, {}, &TimeEntry::timestamp);
      if (behind != entries.begin()) {
        const TimeEntry& entry = *std::prev(behind);
        stretch.entry = TimestampOffset{segment->base() + OffsetDelta{entry.relative_offset},
                                        Timestamp{entry.timestamp}, std::nullopt};
        stretch.entry_start = segment->start_for_offset(files_, stretch.entry->offset);
      } else if (!segment->times().all_in_memory()) {
        if (const auto file = segment->open_time_index(files_, OpenMode::read_write)) {
          stretch.time_index = pinned(*file);
          stretch.time_index_entries = segment->times().in_file();
        }
      }
      stretch.start = segment->start_for_offset(files_, stretch.target);
      // Behind a time entry from the file comes an offset that only the file can look up.
      if (stretch.time_index && !segment->offsets().all_in_memory())
        if (const auto file = segment->open_index(files_, OpenMode::read_write))
          stretch.entry_start = {.index = pinned(*file),
                                 .index_entries = segment->offsets().in_file()};
    }
    lookup.stretches_.push_back(std::move(stretch));
    // Its newest record is the answer if no other is; whatever follows is later.
    if (segment->newest()->batch >= log_start_) break;
  }
  return lookup;
}

TimeLookup PartitionLog::plan_max_timestamp(Offset limit) const {
  TimeLookup lookup;
  lookup.from_ = log_start_;
  lookup.limit_ = std::min(limit, written_end_);
  const auto all_counts = [&](const Segment& segment) {
    return segment.newest()->batch >= log_start_ && segment.next() <= lookup.limit_;
  };
  const Segment* newest_known = nullptr;  // the first of those with the largest timestamp
  for (const auto& segment : segments_) {
    if (segment->written_bytes() == 0 || !segment->newest() || !all_counts(*segment)) continue;
    if (!newest_known || segment->newest()->timestamp > newest_known->newest()->timestamp)
      newest_known = segment.get();
  }
  for (const auto& segment : segments_) {
    if (segment->written_bytes() == 0 || segment->next() <= log_start_ || !segment->newest())
      continue;
    if (segment->base() >= lookup.limit_) break;
    if (all_counts(*segment) && segment.get() != newest_known) continue;
    TimeLookup::Stretch stretch;
    stretch.segment_base = segment->base();
    stretch.file = pinned(segment->log_file());
    stretch.end = segment->written_bytes();
    stretch.target = std::max(segment->base(), log_start_);
    const Segment::Newest newest = *segment->newest();
    if (all_counts(*segment)) {
      stretch.newest = TimestampOffset{newest.batch, newest.timestamp, std::nullopt};
      stretch.target = newest.batch;
    } else {
      // Every record before an entry's batch is older than that batch, so the scan may begin there;
      // but only at the entry before the last below the limit, for the last batch may reach over
      // it.
      std::optional<TimestampOffset> last;
      for (const TimeEntry& entry : segment->times().memory()) {
        const Offset batch = segment->base() + OffsetDelta{entry.relative_offset};
        if (batch >= lookup.limit_) break;
        stretch.entry = last;
        last = TimestampOffset{batch, Timestamp{entry.timestamp}, std::nullopt};
      }
      if (stretch.entry)
        stretch.entry_start = segment->start_for_offset(files_, stretch.entry->offset);
    }
    stretch.start = segment->start_for_offset(files_, stretch.target);
    lookup.stretches_.push_back(std::move(stretch));
  }
  return lookup;
}

Result<std::optional<TimestampOffset>> PartitionLog::find_by_time(Timestamp time,
                                                                  Offset limit) const {
  return plan_find_by_time(time, limit).run();
}

Result<std::optional<TimestampOffset>> PartitionLog::max_timestamp(Offset limit) const {
  return plan_max_timestamp(limit).run();
}

}  // namespace millrace::log
