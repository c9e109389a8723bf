#include <algorithm>
#include <boost/system/errc.hpp>

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

/// Bytes that may be given from the first batch on.
std::size_t wanted_of(const ScannedBatch& first, const ReadRequest& request, std::uint64_t end) {
  const std::uint64_t floor = request.whole_first_batch ? first.size_bytes : 0;
  return static_cast<std::size_t>(
      std::min(std::max<std::uint64_t>(request.bytes_max, floor), end - first.position));
}

/// A file as far as it can be read without waiting. After the first miss, of any of those that
/// share the flag, every read fails, so that whoever reads stops soon.
class ResidentOnly final : public FileSource {
 public:
  ResidentOnly(const File& file, bool& missed) : file_{file}, missed_{missed} {}
  Result<std::size_t> read_at(MutableBytes into, std::uint64_t position) const override {
    if (!missed_) {
      const auto got = file_.read_resident(into, position);
      if (got && *got == into.size()) return got;
      missed_ = true;  // or the file is at fault: then the pool finds the same
    }
    return make_error_code(boost::system::errc::resource_unavailable_try_again);
  }

 private:
  const File& file_;
  bool& missed_;
};

}  // namespace

FileRead::Sources FileRead::plain() const {
  return {*file_, start_.index.get(), end_start_.index.get()};
}

/// The first batch to give; nothing when the limit comes before.
Result<std::optional<ScannedBatch>> FileRead::find_first(const Sources& sources) const {
  const ScanFiles files{sources.log, sources.start_index};
  const std::uint64_t begin = resolve(start_, files, segment_base_, request_.from, end_);
  BatchScan scan{sources.log, {begin, end_}, BatchScan::kHeaderBlockBytes};
  std::optional<ScannedBatch> first;
  Offset passed{-1};  // nothing covers a batch's base offset, and one that goes back is damage
  do {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    first = *batch;
    if (!first) break;
    if (first->base < passed) return Errc::corrupt_file;
    passed = first->next();
  } while (first->next() <= request_.from);
  if (!first && !scan.stopped().empty()) return Errc::corrupt_file;
  if (first && first->next() > request_.limit) first.reset();
  return first;
}

/// Reads up to `bytes` from the first batch on.
Result<ReadResult> FileRead::load(const FileSource& log, const ScannedBatch& first,
                                  std::size_t bytes) const {
  auto memory = std::make_shared_for_overwrite<std::byte[]>(bytes);
  const auto got = log.read_at({memory.get(), bytes}, first.position);
  if (!got) return got.error();
  const Bytes view{memory.get(), *got};
  return cut_to_request(SharedBytes{std::move(memory), view}, first.position, request_);
}

Result<ReadResult> FileRead::run() const {
  const auto first = find_first(plain());
  if (!first) return first.error();
  if (!*first) return ReadResult{{}, request_.from};
  return load(*file_, **first, wanted_of(**first, request_, end_));
}

Result<ReadResult> FileRead::locate_in(const Sources& sources) const {
  const auto first = find_first(sources);
  if (!first) return first.error();
  if (!*first) return ReadResult{{}, request_.from};
  const ScannedBatch& head = **first;
  const std::size_t wanted = wanted_of(head, request_, end_);
  if (wanted < kFileRangeBytesMin) return load(sources.log, head, wanted);
  if (head.size_bytes > wanted) return ReadResult{{}, request_.from};

  const std::uint64_t position_max = head.position + wanted;
  std::uint64_t end = head.position + head.size_bytes;
  Offset next = head.next();
  if (position_max == end_ && segment_next_ && *segment_next_ <= request_.limit) {
    end = end_;
    next = *segment_next_;
  } else {
    const ScanFiles files{sources.log, sources.end_index};
    const std::uint64_t found =
        resolve_end(end_start_, files, segment_base_, position_max, request_.limit, end_);
    end = std::max(end, std::min(found, end_));  // an index in memory knows of unwritten batches
    BatchScan scan{sources.log, {end, end_}, BatchScan::kHeaderBlockBytes};
    for (;;) {
      const auto batch = scan.next();
      if (!batch) return batch.error();
      if (!*batch) break;
      next = std::max(next, (*batch)->base);
      if ((*batch)->next() > request_.limit || scan.position() > position_max) break;
      end = scan.position();
      next = (*batch)->next();
    }
  }
  const auto size = static_cast<std::size_t>(end - head.position);
  if (size < kFileRangeBytesMin) return load(sources.log, head, size);
  return ReadResult{BytesChain{FileRange{file_, head.position, size, cuts_}}, next};
}

Result<ReadResult> FileRead::locate() const {
  return locate_in(plain());
}

std::optional<Result<ReadResult>> FileRead::try_locate() const {
  bool missed = false;
  const ResidentOnly log{*file_, missed};
  std::optional<ResidentOnly> start_index;
  std::optional<ResidentOnly> end_index;
  if (start_.index) start_index.emplace(*start_.index, missed);
  if (end_start_.index) end_index.emplace(*end_start_.index, missed);
  auto result =
      locate_in({log, start_index ? &*start_index : nullptr, end_index ? &*end_index : nullptr});
  if (missed) return std::nullopt;
  return result;
}

}  // namespace millrace::log
