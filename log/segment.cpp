#include "log/segment.hpp"

#include <algorithm>
#include <limits>

#include "log/file_names.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

Result<std::shared_ptr<File>> open_once(std::shared_ptr<File>& file, Files& files,
                                        const Segment::Path& path, OpenMode mode) {
  if (!file) {
    auto opened = files.open(path, mode);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  return file;
}

/// Says of an index entry whether its batch begins at or before an offset, and a byte.
auto not_behind(std::int64_t relative_offset,
                std::uint64_t position = std::numeric_limits<std::uint64_t>::max()) {
  return [=](const OffsetEntry& entry) {
    return entry.relative_offset <= relative_offset &&
           static_cast<std::uint64_t>(entry.position) <= position;
  };
}

}  // namespace

Segment::Segment(Path dir, Offset base) : dir_{std::move(dir)}, base_{base}, next_{base} {}

Segment::Path Segment::path(std::string_view suffix) const {
  return dir_ / file_name(base_, suffix);
}

std::int32_t Segment::relative(Offset offset) const {
  const std::int64_t distance = (offset - base_).value;
  ENSURE(distance >= 0 && distance <= std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int32_t>(distance);
}

bool Segment::offset_out_of_reach(Offset last) const {
  return (last - base_).value > std::numeric_limits<std::int32_t>::max();
}

void Segment::append(const ScannedBatch& batch, std::uint32_t index_interval_bytes) {
  ENSURE(!closed_ && batch.base >= next_);
  if (empty() && batch.max_timestamp >= Timestamp{0}) first_timestamp_ = batch.max_timestamp;
  if (batch.max_timestamp >= Timestamp{0} && (!newest_ || batch.max_timestamp > newest_->timestamp))
    newest_ = Newest{batch.max_timestamp, batch.base};
  if (bytes_since_entry_ > index_interval_bytes) {
    offsets_.append({relative(batch.base), static_cast<std::int32_t>(size_)});
    add_time_entry();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.size_bytes;
  size_ += batch.size_bytes;
  next_ = batch.next();
}

void Segment::add_time_entry() {
  if (!newest_) return;
  const TimeEntry entry{newest_->timestamp.value, relative(newest_->batch)};
  if (!times_.last() || times_.last()->is_before(entry)) times_.append(entry);
}

void Segment::close() {
  add_time_entry();
  closed_ = true;
}

Result<std::shared_ptr<File>> Segment::open_log(Files& files, OpenMode mode) {
  return open_once(log_, files, path(kLogSuffix), mode);
}
Result<std::shared_ptr<File>> Segment::open_index(Files& files, OpenMode mode) {
  return open_once(index_, files, path(kIndexSuffix), mode);
}
Result<std::shared_ptr<File>> Segment::open_time_index(Files& files, OpenMode mode) {
  return open_once(time_index_, files, path(kTimeIndexSuffix), mode);
}

template <class Holds>
ScanStart Segment::start_before(Files& files, Holds holds) {
  ScanStart start;
  const auto& memory = offsets_.memory();
  const auto behind = std::ranges::partition_point(memory, holds);
  if (behind != memory.begin()) {
    start.position = static_cast<std::uint64_t>(std::prev(behind)->position);
    start.relative_offset = std::prev(behind)->relative_offset;
    return start;
  }
  if (offsets_.all_in_memory()) return start;
  // An index that cannot be opened only makes the scan longer.
  if (const auto file = open_index(files, OpenMode::read_write)) {
    start.index = pinned(*file);
    start.index_entries = offsets_.in_file();
  }
  return start;
}

ScanStart Segment::start_for_offset(Files& files, Offset offset) {
  return start_before(files, not_behind((offset - base_).value));
}

ScanStart Segment::start_for_end(Files& files, std::uint64_t position_max, Offset limit) {
  return start_before(files, not_behind((limit - base_).value, position_max));
}

void Segment::release_indexes() {
  offsets_.release();
  times_.release();
}

void Segment::adopt_files(std::shared_ptr<File> log) {
  ENSURE(closed_);
  log_ = std::move(log);
  set_written();
  set_index_files_there();
  offsets_.persisted(offsets_.count());
  times_.persisted(times_.count());
  release_indexes();
}

void Segment::rewind_to_indexes() {
  closed_ = false;
  next_ = base_;
  size_ = written_ = bytes_since_entry_ = 0;
  newest_.reset();
  first_timestamp_.reset();
  if (const auto& last = offsets_.last()) {
    next_ = base_ + OffsetDelta{last->relative_offset};
    size_ = written_ = static_cast<std::uint64_t>(last->position);
  }
  if (const auto& last = times_.last())
    newest_ = Newest{Timestamp{last->timestamp}, base_ + OffsetDelta{last->relative_offset}};
}

void Segment::rewind() {
  index_files_there_ = false;
  offsets_ = {};
  times_ = {};
  rewind_to_indexes();
}

namespace {

template <class Holds>
std::uint64_t resolve_before(const ScanStart& start, const ScanFiles& files, Offset segment_base,
                             std::uint64_t end, Holds holds) {
  // Entries in memory may have come from a file as well.
  OffsetEntry entry{start.relative_offset, static_cast<std::int32_t>(start.position)};
  if (start.index) {
    ENSURE(files.index != nullptr);
    const auto found = find_last_in_file<OffsetEntry>(*files.index, start.index_entries, holds);
    if (found) entry = *found;
  }
  if (entry.position <= 0) return 0;
  const auto position = static_cast<std::uint64_t>(entry.position);
  BatchScan scan{files.log, {position, end}, protocol::kBatchHeaderBytes};
  const auto batch = scan.next();
  if (!batch) return position;  // the scan that follows meets the same error and tells it
  const bool agrees = *batch && (*batch)->base == segment_base + OffsetDelta{entry.relative_offset};
  return agrees ? position : 0;
}

}  // namespace

std::uint64_t resolve(const ScanStart& start, const ScanFiles& files, Offset segment_base,
                      Offset target, std::uint64_t end) {
  return resolve_before(start, files, segment_base, end, not_behind((target - segment_base).value));
}

std::uint64_t resolve(const ScanStart& start, const FileSource& log, Offset segment_base,
                      Offset target, std::uint64_t end) {
  return resolve(start, ScanFiles{log, start.index.get()}, segment_base, target, end);
}

std::uint64_t resolve_end(const ScanStart& start, const ScanFiles& files, Offset segment_base,
                          std::uint64_t position_max, Offset limit, std::uint64_t end) {
  return resolve_before(start, files, segment_base, end,
                        not_behind((limit - segment_base).value, position_max));
}

}  // namespace millrace::log
