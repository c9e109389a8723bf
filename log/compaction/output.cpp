#include "log/compaction/output.hpp"

#include <array>
#include <limits>

#include "log/batch_scan.hpp"
#include "log/file_names.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

/// One sync of a whole segment at its end would hold up every other on that disk.
constexpr std::uint64_t kUnsyncedBytesMax = 8U << 20;

Files::Path cleaned_path(const Segment& segment, std::string_view suffix) {
  Files::Path path = segment.path(suffix);
  path += kCleanedSuffix;
  return path;
}

Result<std::shared_ptr<File>> create_empty(Files& files, const Files::Path& path) {
  auto file = files.open(path, OpenMode::create);
  if (!file) return file.error();
  if (const auto emptied = (*file)->truncate(0); !emptied) return emptied.error();
  return file;
}

}  // namespace

Result<std::unique_ptr<CleanedOutput>> CleanedOutput::create(Files& files,
                                                             const std::filesystem::path& dir,
                                                             Offset base) {
  auto segment = std::make_unique<Segment>(dir, base);
  auto log = create_empty(files, cleaned_path(*segment, kLogSuffix));
  if (!log) return log.error();
  return std::unique_ptr<CleanedOutput>{
      new CleanedOutput{files, std::move(segment), std::move(*log)}};
}

bool CleanedOutput::has_room(std::size_t bytes, Offset last, const SegmentLimits& limits) const {
  if (segment_->offset_out_of_reach(last)) return false;
  if (segment_->empty()) return true;
  constexpr std::uint64_t kPositionMax = std::numeric_limits<std::int32_t>::max();
  return segment_->size_bytes() + bytes <= std::min(limits.bytes, kPositionMax) &&
         segment_->offsets().size_bytes() + OffsetEntry::kBytes <= limits.index_bytes &&
         segment_->times().size_bytes() + TimeEntry::kBytes <= limits.index_bytes;
}

Result<void> CleanedOutput::append(Bytes batch, std::uint32_t index_interval_bytes,
                                   std::size_t buffer_bytes) {
  const auto header =
      scan_header(batch.first(protocol::kBatchHeaderBytes), segment_->size_bytes(), batch.size());
  ENSURE(header.batch && header.batch->size_bytes == batch.size());
  segment_->append(*header.batch, index_interval_bytes);
  buffer_.insert(buffer_.end(), batch.begin(), batch.end());
  if (buffer_.size() < buffer_bytes) return {};
  return flush();
}

Result<void> CleanedOutput::flush() {
  if (buffer_.empty()) return {};
  const std::array pieces{Bytes{buffer_}};
  if (const auto done = log_->write_at(pieces, written_); !done) return done.error();
  written_ += buffer_.size();
  unsynced_ += buffer_.size();
  buffer_.clear();
  if (unsynced_ < kUnsyncedBytesMax) return {};
  unsynced_ = 0;
  return log_->sync();
}

Result<void> CleanedOutput::write_index(std::string_view suffix, Bytes entries) {
  const auto file = create_empty(files_, cleaned_path(*segment_, suffix));
  if (!file) return file.error();
  const std::array pieces{entries};
  if (const auto done = (*file)->write_at(pieces, 0); !done) return done.error();
  return (*file)->sync();
}

Result<void> CleanedOutput::finish() {
  if (const auto flushed = flush(); !flushed) return flushed;
  if (const auto synced = log_->sync(); !synced) return synced;
  segment_->close();
  const auto offsets = segment_->offsets().encode_new();
  if (const auto done = write_index(kIndexSuffix, offsets); !done) return done;
  const auto times = segment_->times().encode_new();
  return write_index(kTimeIndexSuffix, times);
}

Result<void> CleanedOutput::discard() {
  for (const auto suffix : kSegmentSuffixes)
    if (const auto removed = files_.remove(cleaned_path(*segment_, suffix)); !removed)
      return removed.error();
  return {};
}

SegmentFacts CleanedOutput::facts() const {
  return {.base = segment_->base(),
          .next = segment_->next(),
          .bytes = segment_->size_bytes(),
          .offset_index_bytes = segment_->offsets().size_bytes(),
          .time_index_bytes = segment_->times().size_bytes()};
}

std::unique_ptr<Segment> CleanedOutput::take() {
  segment_->adopt_files(std::move(log_));
  return std::move(segment_);
}

}  // namespace millrace::log
