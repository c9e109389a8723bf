#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "log/files.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/base/result.hpp"

// The two index files of a segment are arrays of entries, big-endian, in rising order. Offsets are
// relative to the segment's base.
//
//   .index       0 relative offset int32   base offset of a batch
//                4 position        int32   of its first byte in the .log file
//   .timeindex   0 timestamp       int64   largest record timestamp in the segment so far
//                8 relative offset int32   base offset of the first batch that has it
//
// One entry each is added with the first batch behind `index_interval_bytes` of log; a time entry
// only if its timestamp rose, and one more when the segment is closed.
namespace millrace::log {

struct OffsetEntry {
  static constexpr std::size_t kBytes = 8;
  static OffsetEntry load(const std::byte* from) {
    return {load_be<std::int32_t>(from), load_be<std::int32_t>(from + 4)};
  }
  void store(std::byte* to) const {
    store_be(to, relative_offset);
    store_be(to + 4, position);
  }
  [[nodiscard]] bool is_before(const OffsetEntry& other) const {
    return relative_offset < other.relative_offset && position < other.position;
  }
  friend bool operator==(const OffsetEntry&, const OffsetEntry&) = default;

  std::int32_t relative_offset = 0;
  std::int32_t position = 0;
};

struct TimeEntry {
  static constexpr std::size_t kBytes = 12;
  static TimeEntry load(const std::byte* from) {
    return {load_be<std::int64_t>(from), load_be<std::int32_t>(from + 8)};
  }
  void store(std::byte* to) const {
    store_be(to, timestamp);
    store_be(to + 8, relative_offset);
  }
  [[nodiscard]] bool is_before(const TimeEntry& other) const {
    return timestamp < other.timestamp && relative_offset <= other.relative_offset;
  }
  friend bool operator==(const TimeEntry&, const TimeEntry&) = default;

  std::int64_t timestamp = 0;
  std::int32_t relative_offset = 0;
};

/// The last of the first `entries` in an index file for which `holds` is true; it must be true for
/// a prefix of them. A binary search of short reads, so an index costs no memory; the last steps go
/// through one larger block, for a read costs more than a comparison. An unreadable entry ends the
/// search as if there were none.
template <class Entry, class Holds>
std::optional<Entry> find_last_in_file(const FileSource& file, std::uint64_t entries, Holds holds) {
  constexpr std::size_t kBlockEntries = 2048 / Entry::kBytes;
  std::uint64_t low = 0;
  std::uint64_t high = entries;  // holds below low, not at or above high
  std::optional<Entry> found;
  std::byte block[kBlockEntries * Entry::kBytes];
  while (high - low > kBlockEntries) {
    const std::uint64_t middle = low + (high - low) / 2;
    const MutableBytes one{block, Entry::kBytes};
    const auto got = file.read_at(one, middle * Entry::kBytes);
    if (!got || *got < one.size()) return std::nullopt;
    const Entry entry = Entry::load(block);
    if (holds(entry)) {
      found = entry;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const MutableBytes rest{block, static_cast<std::size_t>(high - low) * Entry::kBytes};
  if (rest.empty()) return found;
  const auto got = file.read_at(rest, low * Entry::kBytes);
  if (!got || *got < rest.size()) return std::nullopt;
  std::size_t first = 0;
  std::size_t behind = rest.size() / Entry::kBytes;
  while (first < behind) {
    const std::size_t middle = first + (behind - first) / 2;
    const Entry entry = Entry::load(block + middle * Entry::kBytes);
    if (holds(entry)) {
      found = entry;
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  return found;
}

/// One index of a segment: entries that are in its file, and those kept in memory because the
/// segment is active or they are not in the file yet.
template <class Entry>
class SparseIndex {
 public:
  [[nodiscard]] std::uint64_t count() const { return memory_first_ + memory_.size(); }
  [[nodiscard]] std::uint64_t size_bytes() const { return count() * Entry::kBytes; }
  /// Entries that a search of the file may use.
  [[nodiscard]] std::uint64_t in_file() const { return in_file_; }
  [[nodiscard]] const std::vector<Entry>& memory() const { return memory_; }
  /// True when no search needs the file.
  [[nodiscard]] bool all_in_memory() const { return memory_first_ == 0; }
  [[nodiscard]] const std::optional<Entry>& last() const { return last_; }

  void append(const Entry& entry) {
    ENSURE(!last_ || last_->is_before(entry));
    memory_.push_back(entry);
    last_ = entry;
  }
  /// The file holds `count` entries, of which `last` is the last; none of them is in memory.
  void leave_in_file(std::uint64_t count, std::optional<Entry> last) {
    *this = {};
    memory_first_ = in_file_ = count;
    last_ = last;
  }
  /// The file holds exactly these, and they stay in memory.
  void hold(std::vector<Entry> entries) {
    *this = {};
    memory_ = std::move(entries);
    in_file_ = memory_.size();
    if (!memory_.empty()) last_ = memory_.back();
  }
  /// What is not in the file yet, as it goes behind what is there.
  [[nodiscard]] std::vector<std::byte> encode_new() const {
    std::vector<std::byte> bytes((count() - in_file_) * Entry::kBytes);
    std::byte* to = bytes.data();
    for (std::uint64_t i = in_file_; i < count(); ++i, to += Entry::kBytes)
      memory_[i - memory_first_].store(to);
    return bytes;
  }
  /// The first `count` entries are in the file now.
  void persisted(std::uint64_t count) {
    ENSURE(count <= this->count());
    in_file_ = std::max(in_file_, count);
  }
  /// Gives back the memory of entries that are in the file.
  void release() {
    if (in_file_ < count()) return;
    memory_first_ = in_file_;
    memory_.clear();
    memory_.shrink_to_fit();
  }

 private:
  // memory_first_ <= in_file_ <= count(): an entry is in the file, in memory, or both
  std::uint64_t in_file_ = 0;
  std::uint64_t memory_first_ = 0;
  std::vector<Entry> memory_;
  std::optional<Entry> last_;
};

/// All of the first `entries` of an index file; nothing when they are not there or not in order.
template <class Entry>
std::optional<std::vector<Entry>> load_index(const File& file, std::uint64_t entries) {
  const auto size = file.size();
  if (!size || *size < entries * Entry::kBytes) return std::nullopt;
  std::vector<std::byte> bytes(entries * Entry::kBytes);
  const auto got = file.read_at(bytes, 0);
  if (!got || *got < bytes.size()) return std::nullopt;
  std::vector<Entry> loaded;
  loaded.reserve(entries);
  for (std::uint64_t i = 0; i < entries; ++i) {
    loaded.push_back(Entry::load(bytes.data() + i * Entry::kBytes));
    if (i > 0 && !loaded[i - 1].is_before(loaded[i])) return std::nullopt;
  }
  return loaded;
}

}  // namespace millrace::log
