#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <variant>
#include <vector>

#include "log/files.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"

namespace millrace::log {

struct ScannedBatch;

struct ReadRequest {
  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
  Offset from;
  Offset limit;                   ///< no batch that reaches to or past it is given
  std::size_t bytes_max = 0;      ///< of all batches given
  bool whole_first_batch = true;  ///< the first batch is given even when larger than `bytes_max`
};

/// Whole batches, the first of which contains the offset asked for.
struct ReadResult {
  friend bool operator==(const ReadResult&, const ReadResult&) = default;
  BytesChain batches;
  Offset next;  ///< where to read on; the offset asked for when there is no batch
};

/// Where in a segment a scan may begin: known already, or to be looked up in the index file.
struct ScanStart {
  std::uint64_t position = 0;         ///< of a batch at or before what is looked for, by an entry
  std::int32_t relative_offset = 0;   ///< the batch that the entry says is there
  std::shared_ptr<const File> index;  ///< set: refine `position` by the entries in this file
  std::uint64_t index_entries = 0;    ///< how many entries of it may be used
};

/// From this size on `FileRead::locate` leaves batches in their file: below it two system calls
/// more per answer cost as much as the copy.
inline constexpr std::size_t kFileRangeBytesMin = 16U << 10;

/// A read of one segment, handed out by `PartitionLog::plan_read`. Self-contained: it holds its
/// files, so that it may run on any thread and outlive truncation, deletion and the log itself (it
/// then gives what it still finds, or nothing).
///
/// It ends at the end of its segment or of what was written when it was planned; the caller plans
/// the rest from `ReadResult::next`.
class FileRead {
 public:
  /// Brings the batches into memory. Blocks on the file.
  [[nodiscard]] Result<ReadResult> run() const;
  /// Finds where the batches lie, by the index and the headers next to both ends, and leaves them
  /// there: the chain holds a `FileRange` (whole batches, every byte of them written), or bytes in
  /// memory when they are few. Blocks on the file.
  [[nodiscard]] Result<ReadResult> locate() const;
  /// `locate` without waiting for the disk; nothing when it would have to, so that a shard may try.
  [[nodiscard]] std::optional<Result<ReadResult>> try_locate() const;
  [[nodiscard]] const ReadRequest& request() const { return request_; }

 private:
  friend class PartitionLog;
  FileRead() = default;

  /// The files as this read goes through them; for `try_locate` something stands in front.
  struct Sources {
    const FileSource& log;
    const FileSource* start_index;
    const FileSource* end_index;
  };
  [[nodiscard]] Sources plain() const;
  [[nodiscard]] Result<std::optional<ScannedBatch>> find_first(const Sources& sources) const;
  [[nodiscard]] Result<ReadResult> load(const FileSource& log, const ScannedBatch& first,
                                        std::size_t bytes) const;
  [[nodiscard]] Result<ReadResult> locate_in(const Sources& sources) const;

  ReadRequest request_;
  Offset segment_base_;
  std::optional<Offset> segment_next_;  // right behind the last batch; none: it is not written yet
  std::shared_ptr<const File> file_;
  ScanStart start_;
  ScanStart end_start_;     // where to look for the end of what is given
  std::uint64_t end_ = 0;   // bytes of the file that hold written batches
  std::uint64_t cuts_ = 0;  // of the file when this was planned
};

/// What `plan_read` answers: the batches themselves, when they are in memory, or the file work that
/// brings them.
using ReadPlan = std::variant<ReadResult, FileRead>;

/// A record found by time.
struct TimestampOffset {
  friend bool operator==(const TimestampOffset&, const TimestampOffset&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TimestampOffset& found);
  Offset offset;
  Timestamp timestamp;
  std::optional<LeaderEpoch> epoch;
};

/// A search by time, handed out by `PartitionLog::plan_find_by_time` and `plan_max_timestamp`; runs
/// on any thread, like `FileRead`. Reads one stretch of a segment between two index entries in the
/// usual case, at worst the headers of a segment, and decompresses one batch.
class TimeLookup {
 public:
  /// The record, or nothing when there is none below the limit.
  [[nodiscard]] Result<std::optional<TimestampOffset>> run() const;

 private:
  friend class PartitionLog;
  TimeLookup() = default;

  /// One segment to search.
  struct Stretch {
    Offset segment_base;
    std::shared_ptr<const File> file;
    std::uint64_t end = 0;                   // bytes of the file that hold written batches
    Offset target;                           // the scan begins with the batch that holds this,
    ScanStart start;                         // found like this;
    std::shared_ptr<const File> time_index;  // or where an entry of this file says,
    std::uint64_t time_index_entries = 0;
    std::optional<TimestampOffset> entry;  // or this one from memory,
    ScanStart entry_start;                 // found like this, if the entry is true
    // The newest record and its batch, when they are known to lie between log start and limit.
    std::optional<TimestampOffset> newest;
  };
  /// A batch that has a record to look at.
  struct Candidate {
    const Stretch* stretch = nullptr;
    std::uint64_t position = 0;
    Timestamp timestamp;
  };
  [[nodiscard]] std::uint64_t begin_of(const Stretch& stretch) const;
  [[nodiscard]] static std::optional<std::uint64_t> position_of(const Stretch& stretch,
                                                                const TimestampOffset& entry);
  [[nodiscard]] Result<std::optional<TimestampOffset>> find_first() const;
  [[nodiscard]] Result<std::optional<TimestampOffset>> find_newest() const;
  [[nodiscard]] Result<std::optional<Candidate>> newest_batch(const Stretch& stretch) const;
  [[nodiscard]] Result<std::optional<TimestampOffset>> pick(
      const protocol::BatchView& batch, std::optional<Timestamp> at_least) const;

  std::optional<Timestamp> at_least_;  // nothing: the record with the largest timestamp
  Offset from_;                        // log start
  Offset limit_;
  std::vector<Stretch> stretches_;
};

}  // namespace millrace::log
