#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"

// The journal's files: `<stream>-<slot>.journal` and, for the whole folder, `life`.
//
// A journal file is a fixed number of 4 KiB blocks that were written once before it is used, so
// that writing them again changes no metadata of the file system. Groups lie behind one another,
// each from the start of a block on; what follows the last byte of a group in its last block means
// nothing. All integers are big-endian.
//
//    0  magic      4 bytes  "MJG1"
//    4  CRC        uint32   CRC-32C of the `size` bytes from byte 8 on
//    8  size       uint32   from byte 8 to the end of the last entry
//   12  entries    uint32   how many follow
//   16  life       uint64   of the run that wrote it; see journal_recovery.hpp
//   24  sequence   uint64   number of the group in its stream and life
//   32  entries, each:
//         0  topic id   16 bytes
//        16  partition  int32
//        20  bytes      uint32   of the batches
//        24  base       int64    end of the log before these batches
//        32  end        int64    end of the log behind them
//        40  batches    as they lie in the segment
namespace millrace::log {

inline constexpr std::size_t kJournalBlockBytes = 4096;
inline constexpr std::size_t kGroupHeaderBytes = 32;
inline constexpr std::size_t kEntryHeaderBytes = 40;
inline constexpr std::string_view kJournalSuffix = ".journal";
inline constexpr std::string_view kJournalLifeFile = "life";

/// The partition that an entry belongs to.
struct JournalKey {
  friend auto operator<=>(const JournalKey&, const JournalKey&) = default;
  TopicId topic;
  PartitionIndex partition;
};

/// An entry in the journals of one data directory.
struct JournalPosition {
  friend bool operator==(const JournalPosition&, const JournalPosition&) = default;
  /// Within one stream.
  [[nodiscard]] bool is_at_or_before(const JournalPosition& other) const {
    return life == other.life &&
           (sequence < other.sequence || (sequence == other.sequence && index <= other.index));
  }
  std::uint64_t life = 0;
  std::uint64_t sequence = 0;  ///< of its group
  std::uint32_t index = 0;     ///< in its group
};

struct JournalEntryView {
  JournalKey key;
  Offset base;
  Offset end;
  Bytes batches;
};

struct JournalGroupView {
  std::uint64_t life = 0;
  std::uint64_t sequence = 0;
  std::vector<JournalEntryView> entries;
  std::size_t size_bytes = 0;  // without the padding
};

/// The group that begins with the first of `blocks`; nothing when there is none, or not a whole
/// one.
[[nodiscard]] std::optional<JournalGroupView> parse_journal_group(Bytes blocks);

/// Writes an entry's header to `to` (`kEntryHeaderBytes`).
void put_entry_header(std::byte* to, const JournalKey& key, Offset base, Offset end,
                      std::size_t batch_bytes);
/// Completes the header of a group of `size_bytes`, all of whose entries are in place.
void put_group_header(std::byte* group, std::size_t size_bytes, std::size_t entries,
                      std::uint64_t life, std::uint64_t sequence);

[[nodiscard]] constexpr std::size_t whole_blocks(std::size_t bytes) {
  return (bytes + kJournalBlockBytes - 1) / kJournalBlockBytes * kJournalBlockBytes;
}

struct JournalFileId {
  std::size_t stream = 0;  ///< whose; one for each shard
  std::size_t slot = 0;    ///< they are written in turn
};
[[nodiscard]] std::string journal_file_name(std::size_t stream, std::size_t slot);
/// Nothing for any other name.
[[nodiscard]] std::optional<JournalFileId> parse_journal_file_name(std::string_view name);

}  // namespace millrace::log

template <>
struct std::hash<millrace::log::JournalKey> {
  std::size_t operator()(const millrace::log::JournalKey& key) const noexcept {
    return std::hash<millrace::Uuid>{}(key.topic) * 31 +
           static_cast<std::size_t>(key.partition.value);
  }
};
