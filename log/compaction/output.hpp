#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "log/compaction/plan.hpp"
#include "log/files.hpp"
#include "log/segment.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// A segment in the making, in `.cleaned` files. Used by one pass, on one thread at a time.
class CleanedOutput {
 public:
  /// Creates the log file, or empties what an earlier pass left.
  static Result<std::unique_ptr<CleanedOutput>> create(Files& files,
                                                       const std::filesystem::path& dir,
                                                       Offset base);

  /// Whether a batch of this size with this last offset still fits, in `limits` and in the indexes.
  [[nodiscard]] bool has_room(std::size_t bytes, Offset last, const SegmentLimits& limits) const;
  /// Appends one whole batch; writes when `buffer_bytes` have gathered.
  Result<void> append(Bytes batch, std::uint32_t index_interval_bytes, std::size_t buffer_bytes);
  /// Writes what is left and the indexes, and syncs all three files. The directory is the caller's.
  Result<void> finish();
  /// Removes the files again.
  Result<void> discard();

  [[nodiscard]] SegmentFacts facts() const;
  [[nodiscard]] const Segment& segment() const { return *segment_; }
  /// The finished segment; its files still have their `.cleaned` names.
  [[nodiscard]] std::unique_ptr<Segment> take();

 private:
  CleanedOutput(Files& files, std::unique_ptr<Segment> segment, std::shared_ptr<File> log)
      : files_{files}, segment_{std::move(segment)}, log_{std::move(log)} {}
  Result<void> flush();
  Result<void> write_index(std::string_view suffix, Bytes entries);

  Files& files_;
  std::unique_ptr<Segment> segment_;
  std::shared_ptr<File> log_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t unsynced_ = 0;
};

}  // namespace millrace::log
