#pragma once

#include <cstdint>
#include <vector>

#include "log/journal/format.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

// The small files that say where a log stands; the frame is that of small_file.hpp, integers
// are big-endian.
//
//   recovery-point   offset int64, segment base int64, position int64
//       The log below `offset`, which is byte `position` of that segment, is durable and was
//       verified, its index entries are in the files and a producer snapshot was taken there.
//       Replaced atomically, after syncs. Missing or damaged: everything is scanned.
//   log-start        start int64, has gaps uint8
//       First readable offset; whether batches were ever appended with gaps. Replaced atomically.
//   sync-point       offset int64
//       Written in place right behind each sync, before anything is acknowledged by it, and not
//       synced itself: after the death of the process it is exact, after a power failure it may be
//       old. What is missing below it was acknowledged. Missing or damaged: the recovery point
//       counts.
//   cleaner-point    first dirty offset int64
//       Below it the log was compacted: no key twice, nothing of aborted transactions. Replaced
//       atomically when a pass is through, and lowered before a truncation. That the file is there
//       says that offsets may have gaps, though only below the recovery point. Missing: nothing was
//       compacted; damaged: likewise.
//   compaction-swap  output count uint32, then base int64, log bytes uint64 each,
//                    source count uint32, then base int64 each
//       The decision that the outputs, complete and durable under their `.cleaned` names, take the
//       place of the sources. While it is there, a start carries it out (again).
//   journal-floor   life uint64, sequence uint64, index uint32
//       Entries of the journal up to this one are none of this log's any more: it was truncated
//       since. Replaced atomically, before the truncation. Missing: all of them count.
namespace millrace::log {

struct RecoveryPoint {
  friend bool operator==(const RecoveryPoint&, const RecoveryPoint&) = default;
  Offset offset;
  Offset segment_base;
  std::uint64_t position = 0;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<RecoveryPoint> decode(Bytes file);
};

struct LogStart {
  friend bool operator==(const LogStart&, const LogStart&) = default;
  Offset start;
  bool has_gaps = false;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<LogStart> decode(Bytes file);
};

struct SyncPoint {
  friend bool operator==(const SyncPoint&, const SyncPoint&) = default;
  Offset offset;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<SyncPoint> decode(Bytes file);
};

struct CleanerPoint {
  friend bool operator==(const CleanerPoint&, const CleanerPoint&) = default;
  Offset first_dirty;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<CleanerPoint> decode(Bytes file);
};

struct SwapList {
  friend bool operator==(const SwapList&, const SwapList&) = default;
  struct Output {
    friend bool operator==(const Output&, const Output&) = default;
    Offset base;
    std::uint64_t bytes = 0;
  };
  std::vector<Output> outputs;  // by base
  std::vector<Offset> sources;  // likewise

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<SwapList> decode(Bytes file);
};

struct JournalFloor {
  friend bool operator==(const JournalFloor&, const JournalFloor&) = default;
  JournalPosition at;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<JournalFloor> decode(Bytes file);
};

}  // namespace millrace::log
