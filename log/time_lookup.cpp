#include "log/batch_scan.hpp"
#include "log/errc.hpp"
#include "log/read_work.hpp"
#include "log/segment.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/record.hpp"

namespace millrace::log {
namespace {

// What one batch may decompress to before a lookup gives up on it.
constexpr std::size_t kDecompressedBytesMax = 1U << 30;

}  // namespace

std::ostream& operator<<(std::ostream& out, const TimestampOffset& found) {
  return out << "offset " << found.offset << " at " << found.timestamp;
}

Result<std::optional<TimestampOffset>> TimeLookup::run() const {
  return at_least_ ? find_first() : find_newest();
}

/// Where the batch begins that a time entry names; nothing when there is no such batch there.
std::optional<std::uint64_t> TimeLookup::position_of(const Stretch& stretch,
                                                     const TimestampOffset& entry) {
  const std::uint64_t begin =
      resolve(stretch.entry_start, *stretch.file, stretch.segment_base, entry.offset, stretch.end);
  BatchScan scan{*stretch.file, {begin, stretch.end}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch || !*batch || (*batch)->base > entry.offset) return std::nullopt;
    if ((*batch)->base < entry.offset) continue;
    if ((*batch)->max_timestamp != entry.timestamp) return std::nullopt;
    return (*batch)->position;
  }
}

std::uint64_t TimeLookup::begin_of(const Stretch& stretch) const {
  std::optional<TimestampOffset> entry = stretch.entry;
  if (stretch.time_index && at_least_) {
    const auto found = find_last_in_file<TimeEntry>(
        *stretch.time_index, stretch.time_index_entries,
        [&](const TimeEntry& e) { return e.timestamp <= at_least_->value; });
    if (found && found->relative_offset > 0)
      entry = TimestampOffset{stretch.segment_base + OffsetDelta{found->relative_offset},
                              Timestamp{found->timestamp}, std::nullopt};
  }
  if (entry && entry->offset > stretch.target)
    if (const auto position = position_of(stretch, *entry)) return *position;
  return resolve(stretch.start, *stretch.file, stretch.segment_base, stretch.target, stretch.end);
}

Result<std::optional<TimestampOffset>> TimeLookup::find_first() const {
  for (const Stretch& stretch : stretches_) {
    BatchScan scan{*stretch.file, {begin_of(stretch), stretch.end}, BatchScan::kHeaderBlockBytes};
    for (;;) {
      const auto batch = scan.next();
      if (!batch) return batch.error();
      if (!*batch) break;
      if ((*batch)->base >= limit_) return std::optional<TimestampOffset>{};
      if ((*batch)->next() <= from_ || (*batch)->max_timestamp < *at_least_) continue;
      const auto view = scan.view();
      if (!view) return view.error();
      if (!*view) return Errc::corrupt_file;
      const auto found = pick(**view, at_least_);
      if (!found || *found) return found;
    }
    if (!scan.stopped().empty()) return Errc::corrupt_file;
  }
  return std::optional<TimestampOffset>{};
}

Result<std::optional<TimeLookup::Candidate>> TimeLookup::newest_batch(
    const Stretch& stretch) const {
  std::optional<Candidate> newest;
  BatchScan scan{*stretch.file, {begin_of(stretch), stretch.end}, BatchScan::kHeaderBlockBytes};
  for (;;) {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    if (!*batch || (*batch)->base >= limit_) break;
    const bool timed = (*batch)->max_timestamp >= Timestamp{0};
    if ((*batch)->next() <= from_ || !timed) continue;
    if (stretch.newest) {
      if ((*batch)->base < stretch.newest->offset) continue;
      return std::optional{Candidate{&stretch, (*batch)->position, (*batch)->max_timestamp}};
    }
    Timestamp timestamp = (*batch)->max_timestamp;
    if ((*batch)->base < from_ || (*batch)->next() > limit_) {
      // The header speaks of all records of the batch, and not all of them count.
      const auto view = scan.view();
      if (!view) return view.error();
      if (!*view) return Errc::corrupt_file;
      const auto record = pick(**view, std::nullopt);
      if (!record) return record.error();
      if (!*record) continue;
      timestamp = (*record)->timestamp;
    }
    if (!newest || timestamp > newest->timestamp)
      newest = Candidate{&stretch, (*batch)->position, timestamp};
  }
  if (!scan.stopped().empty()) return Errc::corrupt_file;
  return newest;
}

Result<std::optional<TimestampOffset>> TimeLookup::find_newest() const {
  // Segments whose newest record is known need no scan unless theirs is the newest of all.
  const Stretch* known = nullptr;
  for (const Stretch& stretch : stretches_)
    if (stretch.newest && (!known || stretch.newest->timestamp > known->newest->timestamp))
      known = &stretch;
  std::optional<Candidate> newest;
  for (const Stretch& stretch : stretches_) {
    if (stretch.newest && &stretch != known) continue;
    const auto candidate = newest_batch(stretch);
    if (!candidate) return candidate.error();
    if (*candidate && (!newest || (*candidate)->timestamp > newest->timestamp)) newest = *candidate;
  }
  if (!newest) return std::optional<TimestampOffset>{};
  const Stretch& stretch = *newest->stretch;
  BatchScan scan{*stretch.file, {newest->position, stretch.end}, BatchScan::kHeaderBlockBytes};
  const auto batch = scan.next();
  if (!batch) return batch.error();
  const auto view = scan.view();
  if (!view) return view.error();
  if (!*view) return Errc::corrupt_file;
  return pick(**view, std::nullopt);
}

Result<std::optional<TimestampOffset>> TimeLookup::pick(const protocol::BatchView& batch,
                                                        std::optional<Timestamp> at_least) const {
  protocol::DecompressionBuffer buffer;
  const auto section = protocol::decompress_into(buffer, batch.codec(), batch.records_section(),
                                                 kDecompressedBytesMax);
  if (!section) return section.error();
  protocol::RecordReader records{*section, batch.record_count()};
  std::optional<TimestampOffset> found;
  while (records.left() > 0) {
    const auto record = records.next();
    if (!record) return record.error();
    const Offset offset = batch.offset_of(record->offset_delta);
    const Timestamp timestamp = batch.timestamp_of(record->timestamp_delta);
    if (offset < from_ || offset >= limit_) continue;
    if (timestamp < at_least.value_or(Timestamp{0})) continue;
    if (found && timestamp <= found->timestamp) continue;
    found = TimestampOffset{offset, timestamp, batch.leader_epoch()};
    if (at_least) break;
  }
  return found;
}

}  // namespace millrace::log
