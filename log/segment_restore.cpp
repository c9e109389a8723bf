#include "log/segment_restore.hpp"

#include <algorithm>
#include <optional>

#include "log/file_names.hpp"

namespace millrace::log {
namespace {

/// Appends the headers from where the segment stands to the end of the trusted part.
Result<bool> read_headers(Segment& segment, const TrustedPart& trusted,
                          std::uint32_t index_interval_bytes) {
  BatchScan scan{
      *segment.log_file(), {segment.size_bytes(), trusted.bytes}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch) return {boost::system::in_place_error, batch.error()};
    if (!*batch) break;
    if ((*batch)->base < segment.next() || (*batch)->base < segment.base()) return false;
    if (segment.offset_out_of_reach((*batch)->last)) return false;
    segment.append(**batch, index_interval_bytes);
  }
  segment.set_written();
  if (!scan.stopped().empty() || segment.size_bytes() != trusted.bytes) return false;
  return trusted.exact ? segment.next() == trusted.end : segment.next() <= trusted.end;
}

/// The entry must point at a batch with its offset.
bool points_at_batch(const Segment& segment, const OffsetEntry& entry, std::uint64_t end) {
  if (entry.position < 0 || static_cast<std::uint64_t>(entry.position) >= end) return false;
  BatchScan scan{*segment.log_file(),
                 {static_cast<std::uint64_t>(entry.position), end},
                 protocol::kBatchHeaderBytes};
  const auto batch = scan.next();
  return batch && *batch && (*batch)->base == segment.base() + OffsetDelta{entry.relative_offset};
}

/// The last time entry must tell the truth about the batch that it names: from it the largest
/// timestamp of the segment comes.
bool names_batch(Segment& segment, Files& files, const TimeEntry& entry, std::uint64_t end) {
  const Offset target = segment.base() + OffsetDelta{entry.relative_offset};
  const std::uint64_t begin = resolve(segment.start_for_offset(files, target), *segment.log_file(),
                                      segment.base(), target, end);
  BatchScan scan{*segment.log_file(), {begin, end}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch || !*batch || (*batch)->base > target) return false;
    if ((*batch)->base == target) return (*batch)->max_timestamp == Timestamp{entry.timestamp};
  }
}

template <class Entry>
std::optional<Entry> last_in_file(const File& file, std::uint64_t count) {
  std::byte bytes[Entry::kBytes];
  const auto got = file.read_at(bytes, (count - 1) * Entry::kBytes);
  if (!got || *got < Entry::kBytes) return std::nullopt;
  return Entry::load(bytes);
}

/// Takes the entries of one file that lie inside the trusted part, as `keeps` says. False when the
/// file is not usable.
template <class Entry, class Keeps>
Result<bool> take_entries(SparseIndex<Entry>& index, File& file, bool active, Keeps keeps) {
  const auto size = file.size();
  if (!size) return {boost::system::in_place_error, size.error()};
  const std::uint64_t count = *size / Entry::kBytes;
  if (!active) {
    if (count == 0) {
      index.leave_in_file(0, std::nullopt);
      return true;
    }
    const auto last = last_in_file<Entry>(file, count);
    if (!last || !keeps(*last)) return false;
    index.leave_in_file(count, last);
    return true;
  }
  auto entries = load_index<Entry>(file, count);
  if (!entries) return false;
  while (!entries->empty() && !keeps(entries->back())) entries->pop_back();
  const std::uint64_t kept_bytes = entries->size() * Entry::kBytes;
  index.hold(std::move(*entries));
  if (kept_bytes == *size) return true;
  // Durably: no checkpoint writes an index that got no new entry.
  auto cut = file.truncate(kept_bytes);
  if (cut) cut = file.sync();
  if (!cut) return {boost::system::in_place_error, cut.error()};
  return true;
}

}  // namespace

Result<bool> restore_from_indexes(Segment& segment, Files& files, const TrustedPart& trusted,
                                  std::uint32_t index_interval_bytes) {
  const auto index = segment.open_index(files, OpenMode::read_write);
  const auto time_index = segment.open_time_index(files, OpenMode::read_write);
  if (!index || !time_index) return false;

  const auto offsets =
      take_entries(segment.offsets(), **index, trusted.active, [&](const OffsetEntry& entry) {
        return entry.position >= 0 && static_cast<std::uint64_t>(entry.position) < trusted.bytes;
      });
  if (!offsets) return offsets;
  const std::int64_t reach = (trusted.end - segment.base()).value;
  const auto times =
      take_entries(segment.times(), **time_index, trusted.active, [&](const TimeEntry& entry) {
        return entry.relative_offset >= 0 && entry.relative_offset < reach;
      });
  if (!times) return times;
  const auto& last = segment.offsets().last();
  const auto& newest = segment.times().last();
  // What was the newest when the last offset entry was made has a time entry.
  const bool lacks_newest =
      trusted.newest && last && trusted.newest->timestamp >= Timestamp{0} &&
      trusted.newest->batch < segment.base() + OffsetDelta{last->relative_offset} &&
      (!newest || Timestamp{newest->timestamp} != trusted.newest->timestamp);
  const bool believed =
      *offsets && *times && !lacks_newest &&
      (!last || points_at_batch(segment, *last, trusted.bytes)) &&
      (trusted.newest || !newest || names_batch(segment, files, *newest, trusted.bytes));
  if (believed) {
    segment.rewind_to_indexes();
    segment.set_index_files_there();
    // An index that lost its last entries gets them back on the way.
    const auto restored = read_headers(segment, trusted, index_interval_bytes);
    if (restored && *restored && trusted.newest)
      segment.set_newest(trusted.newest->timestamp < Timestamp{0} ? std::nullopt : trusted.newest);
    if (!restored || *restored) return restored;
  }
  segment.rewind();
  return false;
}

Result<bool> restore_from_headers(Segment& segment, const TrustedPart& trusted,
                                  std::uint32_t index_interval_bytes) {
  segment.rewind();
  const auto restored = read_headers(segment, trusted, index_interval_bytes);
  if (restored && !*restored) segment.rewind();
  return restored;
}

}  // namespace millrace::log
