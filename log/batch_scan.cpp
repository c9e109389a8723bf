#include "log/batch_scan.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace millrace::log {
namespace {

using protocol::BatchView;
using protocol::kBatchHeaderBytes;
using protocol::kBatchOverheadBytes;

constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kSearchBlockBytes = 1U << 20;

}  // namespace

HeaderOutcome scan_header(Bytes header, std::uint64_t position, std::uint64_t room) {
  const auto length = load_be<std::int32_t>(header.data() + 8);
  const auto magic = load_be<std::int8_t>(header.data() + kMagicAt);
  const auto base = load_be<std::int64_t>(header.data());
  const auto last_delta = load_be<std::int32_t>(header.data() + 23);
  const bool zeros =
      std::ranges::all_of(header, [](std::byte byte) { return byte == std::byte{0}; });
  if (zeros) return {{}, "zeros instead of a batch"};
  if (magic != protocol::kBatchMagic) return {{}, "no batch in format 2 begins here"};
  constexpr auto kLengthMin = static_cast<std::int64_t>(kBatchHeaderBytes - kBatchOverheadBytes);
  if (length < kLengthMin) return {{}, "the length of a batch is impossible"};
  const std::uint64_t size = static_cast<std::uint64_t>(length) + kBatchOverheadBytes;
  if (size > room) return {{}, "a batch ends behind the end of the file"};
  if (base < 0 || last_delta < 0 ||
      base > std::numeric_limits<std::int64_t>::max() - last_delta - 1)
    return {{}, "the offsets of a batch are impossible"};
  ScannedBatch batch;
  batch.position = position;
  batch.size_bytes = size;
  batch.base = Offset{base};
  batch.last = Offset{base + last_delta};
  batch.leader_epoch = LeaderEpoch{load_be<std::int32_t>(header.data() + 12)};
  // What compaction emptied still says when its newest record was, but no search may find that.
  const bool has_records = load_be<std::int32_t>(header.data() + 57) != 0;
  batch.max_timestamp = Timestamp{has_records ? load_be<std::int64_t>(header.data() + 35) : -1};
  batch.has_producer = load_be<std::int64_t>(header.data() + 43) >= 0;
  return {batch, {}};
}

Result<Bytes> BatchScan::bytes_at(std::uint64_t position, std::size_t count) {
  const bool inside =
      position >= block_position_ && position + count <= block_position_ + block_size_;
  if (!inside) {
    // Most of a block would be read in vain where batches are larger than that.
    const std::size_t useful = large_ ? count : std::max(count, block_bytes_);
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(useful, end_ - position));
    if (block_capacity_ < wanted) {
      block_ = std::make_unique_for_overwrite<std::byte[]>(wanted);
      block_capacity_ = wanted;
    }
    block_size_ = 0;
    const auto got = file_.read_at({block_.get(), wanted}, position);
    if (!got) return got.error();
    block_position_ = position;
    block_size_ = *got;
  }
  const std::size_t from = static_cast<std::size_t>(position - block_position_);
  return Bytes{block_.get() + from, std::min(count, block_size_ - std::min(from, block_size_))};
}

Result<std::optional<ScannedBatch>> BatchScan::next() {
  current_.reset();
  stopped_ = {};
  if (position_ >= end_) return std::optional<ScannedBatch>{};
  if (end_ - position_ < kBatchHeaderBytes) {
    stopped_ = "too few bytes for a batch";
    return std::optional<ScannedBatch>{};
  }
  const auto header = bytes_at(position_, kBatchHeaderBytes);
  if (!header) return header.error();
  if (header->size() < kBatchHeaderBytes) {
    stopped_ = "the file ends too early";
    return std::optional<ScannedBatch>{};
  }
  auto outcome = scan_header(*header, position_, end_ - position_);
  if (!outcome.batch) {
    stopped_ = outcome.wrong;
    return std::optional<ScannedBatch>{};
  }
  current_ = outcome.batch;
  large_ = current_->size_bytes > block_bytes_;
  position_ += current_->size_bytes;
  return current_;
}

Result<std::optional<BatchView>> BatchScan::view() {
  if (!current_) return std::optional<BatchView>{};
  const auto bytes = bytes_at(current_->position, static_cast<std::size_t>(current_->size_bytes));
  if (!bytes) return bytes.error();
  const auto batch = protocol::parse_batch(*bytes);
  if (!batch) return std::optional<BatchView>{};
  return std::optional<BatchView>{*batch};
}

Result<std::optional<std::uint64_t>> find_sound_batch(const File& file, BatchScan::Range range,
                                                      Offset at_least) {
  std::vector<std::byte> block;
  std::uint64_t from = range.begin;
  while (from < range.end && range.end - from >= kBatchHeaderBytes) {
    block.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(kSearchBlockBytes, range.end - from)));
    const auto got = file.read_at(block, from);
    if (!got) return got.error();
    if (*got < kBatchHeaderBytes) break;
    const std::size_t starts = *got - kBatchHeaderBytes + 1;
    for (std::size_t i = 0; i < starts; ++i) {
      if (block[i + kMagicAt] != std::byte{protocol::kBatchMagic}) continue;
      const Bytes header = Bytes{block}.subspan(i, kBatchHeaderBytes);
      const auto outcome = scan_header(header, from + i, range.end - from - i);
      if (!outcome.batch || outcome.batch->base < at_least) continue;
      BatchScan candidate{file, {from + i, range.end}, outcome.batch->size_bytes};
      const auto batch = candidate.next();
      if (!batch) return batch.error();
      const auto view = candidate.view();
      if (!view) return view.error();
      if (*view && (*view)->crc_ok()) return std::optional{from + i};
    }
    from += starts;
  }
  return std::optional<std::uint64_t>{};
}

}  // namespace millrace::log
