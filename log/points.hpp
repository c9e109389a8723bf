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
//   recovery-point   offset int64, segment base int64, position int64, count uint32, then per
//                    segment below it: base int64, bytes uint64, largest timestamp int64 (-1 none),
//                    base offset int64 of the first batch that has it
//       The log below `offset`, which is byte `position` of that segment, is durable and was
//       verified, its index entries are in the files and a producer snapshot was taken there. The
//       times are those of the segments' parts below it: an index may have lost its last entries.
//       Replaced atomically, after syncs. Missing or damaged: everything is scanned.
//   log-start        start int64, has gaps uint8
//       First readable offset; whether batches were ever appended with gaps. Replaced atomically.
//   sync-point       offset int64
//       Written in place right behind each sync, before anything is acknowledged by it, and not
//       synced itself: after the death of the process it is exact, after a power failure it may be
//       old. What is missing below it was acknowledged. Missing or damaged: the recovery point
//       counts.
//   gap-point        offset int64
//       Offsets below it were skipped on purpose, and durably so; a gap further on is what a crash
//       left. Replaced atomically before a sync that covers a gap counts, and by truncations.
//   cleaner-point    first dirty offset int64, gaps below int64
//       Below the first it was compacted: no key twice, nothing of aborted transactions. Below the
//       second offsets may have gaps, which are durable then. Replaced atomically before the first
//       swap of a pass and when it is through, and lowered before a truncation. Missing: nothing
//       was compacted; damaged: likewise, but for the gaps.
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
  struct SegmentTime {
    friend bool operator==(const SegmentTime&, const SegmentTime&) = default;
    Offset base;
    std::uint64_t bytes = 0;
    Timestamp newest{-1};
    Offset newest_batch;
  };
  Offset offset;
  Offset segment_base;
  std::uint64_t position = 0;
  std::vector<SegmentTime> times = {};

  /// What is known of the segment when so many bytes of it are taken; null: nothing.
  [[nodiscard]] const SegmentTime* time_of(Offset base, std::uint64_t bytes) const;

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
  Offset gaps_below;

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

struct GapPoint {
  friend bool operator==(const GapPoint&, const GapPoint&) = default;
  Offset offset;

  [[nodiscard]] std::vector<std::byte> encode() const;
  [[nodiscard]] static Result<GapPoint> decode(Bytes file);
};

}  // namespace millrace::log
