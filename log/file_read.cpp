#include <algorithm>

#include "log/batch_scan.hpp"
#include "log/errc.hpp"
#include "log/read_work.hpp"
#include "log/segment.hpp"

namespace millrace::log {
namespace {

/// Whole batches at the front of `bytes`, as many as the request allows.
ReadResult cut_to_request(const SharedBytes& bytes, std::uint64_t position,
                          const ReadRequest& request) {
  ReadResult result{{}, request.from};
  std::size_t taken = 0;
  while (bytes.size() - taken >= protocol::kBatchHeaderBytes) {
    const Bytes rest = bytes.view().subspan(taken);
    const auto header = scan_header(rest, position + taken, rest.size());
    if (!header.batch) break;
    // Only the first batch may begin before the offset that is wanted next.
    if (taken > 0 && header.batch->base < result.next) break;
    const auto size = static_cast<std::size_t>(header.batch->size_bytes);
    const bool fits =
        taken + size <= request.bytes_max || (taken == 0 && request.whole_first_batch);
    if (header.batch->next() > request.limit || !fits) break;
    taken += size;
    result.next = header.batch->next();
  }
  result.batches.append(bytes.slice(0, taken));
  return result;
}

}  // namespace

Result<ReadResult> FileRead::run() const {
  const std::uint64_t begin = resolve(start_, *file_, segment_base_, request_.from, end_);
  BatchScan scan{*file_, {begin, end_}, BatchScan::kHeaderBlockBytes};
  std::optional<ScannedBatch> first;
  do {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    first = *batch;
  } while (first && first->next() <= request_.from);
  if (!first) {
    if (!scan.stopped().empty()) return Errc::corrupt_file;
    return ReadResult{{}, request_.from};
  }
  if (first->next() > request_.limit) return ReadResult{{}, request_.from};

  const std::uint64_t floor = request_.whole_first_batch ? first->size_bytes : 0;
  const auto wanted = static_cast<std::size_t>(
      std::min(std::max<std::uint64_t>(request_.bytes_max, floor), end_ - first->position));
  auto memory = std::make_shared_for_overwrite<std::byte[]>(wanted);
  const auto got = file_->read_at({memory.get(), wanted}, first->position);
  if (!got) return got.error();
  const Bytes view{memory.get(), *got};
  return cut_to_request(SharedBytes{std::move(memory), view}, first->position, request_);
}

}  // namespace millrace::log
