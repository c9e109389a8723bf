#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "log/files.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"

namespace millrace::log {

/// What the header of a batch in a file says, checked for being possible, not by checksum.
struct ScannedBatch {
  [[nodiscard]] Offset next() const { return last.next(); }

  std::uint64_t position = 0;
  std::uint64_t size_bytes = 0;
  Offset base;
  Offset last;
  LeaderEpoch leader_epoch;
  Timestamp max_timestamp;  // -1 none, and without records there is none
  bool has_producer = false;
};

/// Walks the batches of one file front to back, reading what it needs in blocks; bodies that nobody
/// asks for are skipped when they are large. Not thread-safe. `file` outlives it.
class BatchScan {
 public:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  /// Block sizes for looking at headers only, and for reading everything.
  static constexpr std::size_t kHeaderBlockBytes = 8U << 10;
  static constexpr std::size_t kBodyBlockBytes = 256U << 10;

  BatchScan(const FileSource& file, Range range, std::size_t block_bytes)
      : file_{file}, position_{range.begin}, end_{range.end}, block_bytes_{block_bytes} {}

  /// The next batch whose header is possible and which lies wholly inside the range. Nothing at the
  /// end and where the bytes are no batch; `stopped` tells which. Errors are those of the file.
  Result<std::optional<ScannedBatch>> next();
  /// The whole of the batch that `next` gave last, valid until the following call of either.
  /// Nothing when the file has become shorter meanwhile.
  Result<std::optional<protocol::BatchView>> view();

  /// Why `next` gave nothing: empty at the end of the range, otherwise what is wrong at
  /// `position()`.
  [[nodiscard]] std::string_view stopped() const { return stopped_; }
  /// Where the next batch should begin.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  Result<Bytes> bytes_at(std::uint64_t position, std::size_t count);

  const FileSource& file_;
  std::uint64_t position_;
  std::uint64_t end_;
  std::size_t block_bytes_;
  std::string_view stopped_;
  std::optional<ScannedBatch> current_;
  bool large_ = false;  // the last batch was larger than a block, so the next one may be as well

  std::unique_ptr<std::byte[]> block_;
  std::size_t block_capacity_ = 0;
  std::uint64_t block_position_ = 0;
  std::size_t block_size_ = 0;
};

/// Reads the header of a batch from its first `protocol::kBatchHeaderBytes`; what is wrong with it
/// otherwise. `room`: bytes from its beginning to the end of the range.
struct HeaderOutcome {
  std::optional<ScannedBatch> batch;
  std::string_view wrong;
};
[[nodiscard]] HeaderOutcome scan_header(Bytes header, std::uint64_t position, std::uint64_t room);

/// Position of the first batch in the range that verifies in full and begins at or behind
/// `at_least`, wherever in the bytes it is. To tell a torn tail from damage in the middle.
[[nodiscard]] Result<std::optional<std::uint64_t>> find_sound_batch(const File& file,
                                                                    BatchScan::Range range,
                                                                    Offset at_least);

}  // namespace millrace::log
