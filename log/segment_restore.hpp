#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "log/errc.hpp"
#include "log/files.hpp"
#include "log/segment.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// How far a segment's file is to be believed without looking at every byte.
struct TrustedPart {
  std::uint64_t bytes = 0;
  Offset end;  // offset right behind the last batch of these bytes
  /// Whether `end` must be met exactly; otherwise it only must not be passed.
  bool exact = true;
  /// The segment will be appended to: its index stays in memory, cut to the trusted part.
  bool active = false;
  /// The largest timestamp in these bytes (-1: none has one), when known otherwise than from the
  /// last entry of the time index.
  std::optional<Segment::Newest> newest = std::nullopt;
};

/// Fills in what is known of a segment from its index files and the headers behind their last
/// entries; its log file is open. False when indexes and log do not agree on the trusted part: the
/// segment is as new then, and only reading all of it can help.
Result<bool> restore_from_indexes(Segment& segment, Files& files, const TrustedPart& trusted,
                                  std::uint32_t index_interval_bytes);

/// The same from the headers of all batches in the trusted part; builds the indexes anew. False
/// when those bytes are not batches one behind the other.
Result<bool> restore_from_headers(Segment& segment, const TrustedPart& trusted,
                                  std::uint32_t index_interval_bytes);

/// Calls `visit(batch, scan)` for the written batches of `segments` that reach past `from`, in
/// order. `scan.view()` gives the bytes of the batch. `visit` gives a Result<void>.
template <class Visit>
Result<void> for_each_batch(std::span<const std::unique_ptr<Segment>> segments, Files& files,
                            Offset from, Visit visit) {
  for (const auto& segment : segments) {
    if (segment->next() <= from || segment->written_bytes() == 0) continue;
    const File& file = *segment->log_file();
    const std::uint64_t end = segment->written_bytes();
    const ScanStart start = segment->start_for_offset(files, from);
    const std::uint64_t begin = resolve(start, file, segment->base(), from, end);
    BatchScan scan{file, {begin, end}, BatchScan::kHeaderBlockBytes};
    for (;;) {
      const auto batch = scan.next();
      if (!batch) return batch.error();
      if (!*batch) break;
      if ((*batch)->next() <= from) continue;
      if (const auto visited = visit(**batch, scan); !visited) return visited.error();
    }
    if (!scan.stopped().empty()) return Errc::corrupt_file;
  }
  return {};
}

}  // namespace millrace::log
