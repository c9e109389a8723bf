#include <algorithm>

#include "log/file_names.hpp"
#include "log/inspection.hpp"

namespace millrace::log {
namespace {

constexpr std::size_t kEntriesAtOnce = 4096;

constexpr std::string_view kLookupsScan =
    "no record is lost: a lookup that meets it reads the segment from its front";

/// -1, where no batch can be, if there is no such offset.
Offset offset_of(Offset base, std::int32_t relative) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(base.value, std::int64_t{relative}, &sum)) return Offset{-1};
  return Offset{sum};
}

/// Calls `visit(entry, number)` for the whole entries of an index file of `size` bytes.
template <class Entry, class Visit>
Result<void> for_each_entry(const File& file, std::uint64_t size, Visit visit) {
  std::vector<std::byte> block(kEntriesAtOnce * Entry::kBytes);
  const std::uint64_t count = size / Entry::kBytes;
  for (std::uint64_t first = 0; first < count; first += kEntriesAtOnce) {
    const auto wanted = std::min<std::uint64_t>(kEntriesAtOnce, count - first);
    const auto got = file.read_at({block.data(), static_cast<std::size_t>(wanted * Entry::kBytes)},
                                  first * Entry::kBytes);
    if (!got) return got.error();
    for (std::uint64_t i = 0; i < *got / Entry::kBytes; ++i)
      if (!visit(Entry::load(block.data() + i * Entry::kBytes), first + i)) return {};
  }
  return {};
}

/// What every index must be: whole entries that rise.
template <class Entry>
class OrderCheck {
 public:
  /// The finding when `entry`, which is number `number`, is the first that does not rise.
  std::optional<Finding> take(const Entry& entry, std::uint64_t number) {
    const bool falls = last_ && !last_->is_before(entry);
    last_ = entry;
    if (!falls || told_) return std::nullopt;
    told_ = true;
    return Finding{.position = number * Entry::kBytes,
                   .bytes = Entry::kBytes,
                   .what = "the entries do not rise",
                   .meaning = std::string{kLookupsScan}};
  }
  static std::optional<Finding> rest(std::uint64_t size) {
    const std::uint64_t left = size % Entry::kBytes;
    if (left == 0) return std::nullopt;
    return Finding{.position = size - left,
                   .bytes = left,
                   .what = "the last entry is cut off",
                   .meaning = "no record is lost: the next start puts it right"};
  }

 private:
  std::optional<Entry> last_;
  bool told_ = false;
};

}  // namespace

Result<void> Inspection::inspect_index(Offset base) {
  const Path path = dir_ / file_name(base, kIndexSuffix);
  const auto file = open(path);
  if (!file) return file.error();
  if (!*file) return {};
  const auto size = (*file)->size();
  if (!size) return size.error();
  const auto log = open(dir_ / file_name(base, kLogSuffix));
  if (!log) return log.error();
  std::uint64_t log_bytes = 0;
  if (*log) {
    const auto bytes = (*log)->size();
    if (!bytes) return bytes.error();
    log_bytes = *bytes;
  }
  Open opened{*this, path, FileKind::index, *size};
  if (!*log) opened.found({.what = "its segment is missing", .meaning = "the file serves nobody"});
  OrderCheck<OffsetEntry> order;
  bool astray = !*log;
  const auto read =
      for_each_entry<OffsetEntry>(**file, *size, [&](const OffsetEntry& entry, std::uint64_t i) {
        opened.count();
        sink_.entry(base, entry);
        if (const auto finding = order.take(entry, i)) opened.found(*finding);
        if (astray) return sink_.wants_more();
        const Offset wanted = offset_of(base, entry.relative_offset);
        const auto at = static_cast<std::uint64_t>(std::max(entry.position, 0));
        BatchScan scan{**log, {at, std::max(at, log_bytes)}, protocol::kBatchHeaderBytes};
        const auto batch = scan.next();
        astray = entry.position < 0 || !batch || !*batch || (*batch)->base != wanted;
        if (astray)
          opened.found({.position = i * OffsetEntry::kBytes,
                        .bytes = OffsetEntry::kBytes,
                        .offset = wanted,
                        .what = "an entry leads to byte " + std::to_string(entry.position) +
                                " of the segment, where no batch of that offset begins",
                        .meaning = std::string{kLookupsScan}});
        return sink_.wants_more();
      });
  if (!read) return read.error();
  if (const auto finding = OrderCheck<OffsetEntry>::rest(*size)) opened.found(*finding);
  return {};
}

/// Entries rise with the batches, so both are walked side by side.
Result<void> Inspection::inspect_time_index(Offset base) {
  const Path path = dir_ / file_name(base, kTimeIndexSuffix);
  const auto file = open(path);
  if (!file) return file.error();
  if (!*file) return {};
  const auto size = (*file)->size();
  if (!size) return size.error();
  const auto log = open(dir_ / file_name(base, kLogSuffix));
  if (!log) return log.error();
  std::uint64_t log_bytes = 0;
  if (*log) {
    const auto bytes = (*log)->size();
    if (!bytes) return bytes.error();
    log_bytes = *bytes;
  }
  Open opened{*this, path, FileKind::time_index, *size};
  if (!*log) opened.found({.what = "its segment is missing", .meaning = "the file serves nobody"});
  OrderCheck<TimeEntry> order;
  bool astray = !*log;
  std::optional<BatchScan> scan;
  if (*log) scan.emplace(**log, BatchScan::Range{0, log_bytes}, BatchScan::kHeaderBlockBytes);
  std::optional<ScannedBatch> batch;
  std::optional<Timestamp> newest;  // of the batches before `batch`
  const auto advance_to = [&](Offset wanted) {
    while (!batch || batch->base < wanted) {
      if (batch && (!newest || batch->max_timestamp > *newest)) newest = batch->max_timestamp;
      const auto next = scan->next();
      if (!next || !*next) return false;
      batch = **next;
    }
    return true;
  };
  const auto read =
      for_each_entry<TimeEntry>(**file, *size, [&](const TimeEntry& entry, std::uint64_t i) {
        opened.count();
        sink_.entry(base, entry);
        if (const auto finding = order.take(entry, i)) opened.found(*finding);
        if (astray) return sink_.wants_more();
        const Offset wanted = offset_of(base, entry.relative_offset);
        if (!advance_to(wanted) && !scan->stopped().empty()) {
          opened.found({.damage = false,
                        .position = i * TimeEntry::kBytes,
                        .bytes = *size - i * TimeEntry::kBytes,
                        .offset = wanted,
                        .what = "the segment is damaged, and the entries from here on could not be "
                                "held against it",
                        .meaning = "see the segment"});
          astray = true;
          return sink_.wants_more();
        }
        astray = !batch || batch->base != wanted ||
                 batch->max_timestamp != Timestamp{entry.timestamp} ||
                 (newest && *newest >= batch->max_timestamp);
        if (astray)
          opened.found({.position = i * TimeEntry::kBytes,
                        .bytes = TimeEntry::kBytes,
                        .offset = wanted,
                        .what = "an entry names offset " + std::to_string(wanted.value) +
                                " for the time " + std::to_string(entry.timestamp) +
                                ", and no batch there is the first with that time",
                        .meaning = "no record is lost; lookups by time may miss records"});
        return sink_.wants_more();
      });
  if (!read) return read.error();
  if (const auto finding = OrderCheck<TimeEntry>::rest(*size)) opened.found(*finding);
  return {};
}

}  // namespace millrace::log
