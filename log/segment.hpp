#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "log/batch_scan.hpp"
#include "log/files.hpp"
#include "log/read_work.hpp"
#include "log/sparse_index.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// A stretch of the log in files of its own: what a `PartitionLog` knows of it. It counts bytes
/// that are appended apart from those that are written; the bytes in between are in the tail cache.
/// Used on the log's thread only.
class Segment {
 public:
  using Path = std::filesystem::path;

  /// A record timestamp and the base offset of the first batch that has it.
  struct Newest {
    friend bool operator==(const Newest&, const Newest&) = default;
    Timestamp timestamp;
    Offset batch;
  };

  /// `dir` is the folder of the partition. No file is touched.
  Segment(Path dir, Offset base);

  [[nodiscard]] Offset base() const { return base_; }
  /// Right behind the last record; the base when there is none.
  [[nodiscard]] Offset next() const { return next_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_; }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// The largest record timestamp; nothing when no record has one.
  [[nodiscard]] const std::optional<Newest>& newest() const { return newest_; }
  void set_newest(std::optional<Newest> newest) { newest_ = newest; }
  /// Largest record timestamp of the first batch: from it the age of the segment counts.
  [[nodiscard]] std::optional<Timestamp> first_timestamp() const { return first_timestamp_; }
  void set_first_timestamp(std::optional<Timestamp> timestamp) { first_timestamp_ = timestamp; }
  [[nodiscard]] Path path(std::string_view suffix) const;

  /// Takes in a batch that now lies at byte `size_bytes()`; adds index entries as they fall due.
  void append(const ScannedBatch& batch, std::uint32_t index_interval_bytes);
  /// Everything appended is in the file.
  void set_written() { written_ = size_; }
  /// No batch will follow.
  void close();
  [[nodiscard]] bool closed() const { return closed_; }
  /// True when `last` cannot be expressed relative to the base.
  [[nodiscard]] bool offset_out_of_reach(Offset last) const;

  /// The log file; opened, or created when `mode` says so, at first use.
  Result<std::shared_ptr<File>> open_log(Files& files, OpenMode mode);
  [[nodiscard]] const std::shared_ptr<File>& log_file() const { return log_; }
  /// An index file, opened or created at first use.
  Result<std::shared_ptr<File>> open_index(Files& files, OpenMode mode);
  Result<std::shared_ptr<File>> open_time_index(Files& files, OpenMode mode);

  /// Where to begin scanning for the batch that holds `offset`.
  [[nodiscard]] ScanStart start_for_offset(Files& files, Offset offset);

  /// Where to begin scanning for the end of a read: at the last batch known to begin at or before
  /// both byte `position_max` and offset `limit`.
  [[nodiscard]] ScanStart start_for_end(Files& files, std::uint64_t position_max, Offset limit);

  SparseIndex<OffsetEntry>& offsets() { return offsets_; }
  SparseIndex<TimeEntry>& times() { return times_; }
  [[nodiscard]] const SparseIndex<OffsetEntry>& offsets() const { return offsets_; }
  [[nodiscard]] const SparseIndex<TimeEntry>& times() const { return times_; }

  /// True until both index files are known to exist.
  [[nodiscard]] bool needs_index_files() const { return !index_files_there_; }
  void set_index_files_there() { index_files_there_ = true; }
  /// Gives back the memory of index entries that are in the files.
  void release_indexes();
  /// All files of this closed segment were written by somebody else; `log` is the first of them.
  void adopt_files(std::shared_ptr<File> log);

  /// Forgets all that was appended and begins again behind the last entries of the indexes, as the
  /// caller has just set them; the caller then appends what the file holds from `size_bytes()` on.
  void rewind_to_indexes();
  /// The same with empty indexes.
  void rewind();

 private:
  [[nodiscard]] std::int32_t relative(Offset offset) const;
  void add_time_entry();
  /// Where the last entry for which `holds` is true says to begin.
  template <class Holds>
  [[nodiscard]] ScanStart start_before(Files& files, Holds holds);

  Path dir_;
  Offset base_;
  Offset next_;
  std::uint64_t size_ = 0;     // appended
  std::uint64_t written_ = 0;  // <= size_
  std::uint64_t bytes_since_entry_ = 0;
  bool closed_ = false;
  bool index_files_there_ = false;
  std::optional<Newest> newest_;
  std::optional<Timestamp> first_timestamp_;
  SparseIndex<OffsetEntry> offsets_;
  SparseIndex<TimeEntry> times_;
  std::shared_ptr<File> log_;
  std::shared_ptr<File> index_;
  std::shared_ptr<File> time_index_;
};

/// The files of a segment as a lookup sees them: as they are, or through something that stands in
/// between.
struct ScanFiles {
  const FileSource& log;
  const FileSource* index = nullptr;  // null: there is none to look into
};

/// Byte at which a scan for `target` may begin, looked up in the index file if `start` says so. The
/// entry must agree with the batch it points at; otherwise the scan begins at the front.
[[nodiscard]] std::uint64_t resolve(const ScanStart& start, const ScanFiles& files,
                                    Offset segment_base, Offset target, std::uint64_t end);
[[nodiscard]] std::uint64_t resolve(const ScanStart& start, const FileSource& log,
                                    Offset segment_base, Offset target, std::uint64_t end);
/// The same for `Segment::start_for_end`.
[[nodiscard]] std::uint64_t resolve_end(const ScanStart& start, const ScanFiles& files,
                                        Offset segment_base, std::uint64_t position_max,
                                        Offset limit, std::uint64_t end);

}  // namespace millrace::log
