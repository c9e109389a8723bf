#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <vector>

#include "log/compaction/key_map.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/compression.hpp"

namespace millrace::log {

/// The same for all batches of a pass.
struct FilterRules {
  Timestamp now;
  std::chrono::milliseconds delete_retention{0};  ///< `delete.retention.ms`
  Offset covered_end;  ///< the key map knows every record below; from here on all stays
};

/// What the pass knows of one batch.
struct BatchRole {
  bool aborted = false;          ///< data of an aborted transaction
  bool marker_unneeded = false;  ///< a marker of abort or commit, and no data of it is left
  bool keeps_producer = false;   ///< the last trace of an active producer: stays, if only empty
};

enum class BatchFate : std::uint8_t {
  copied,   ///< stays as it is, byte for byte
  rebuilt,  ///< some records stay, or a delete horizon was set
  emptied,  ///< no record stays, but the batch does
  dropped,
};
std::ostream& operator<<(std::ostream& out, BatchFate fate);

struct FilteredBatch {
  BatchFate fate = BatchFate::copied;
  std::vector<std::byte> bytes;  ///< of `rebuilt` and `emptied`
  std::int64_t records_dropped = 0;
};

/// Decides about one sound batch. Of data the latest record of each key stays; a record without key
/// goes. A tombstone (null value) that stays gives its batch a delete horizon, now plus the
/// retention: attribute bit 6, the time itself in place of the base timestamp (KIP-534). Once that
/// time has come it goes as well. A marker that is not needed any more goes in the same two steps.
/// A batch that changes keeps base offset, last offset, producer, epoch, sequence and codec.
/// Errors are those of decompression and of records that do not parse.
[[nodiscard]] Result<FilteredBatch> filter_batch(const protocol::BatchView& batch,
                                                 const BatchRole& role, const KeyMap& keys,
                                                 const FilterRules& rules,
                                                 protocol::DecompressionBuffer& buffer);

/// A batch without records and producer that covers the offsets of `header`'s: what keeps the last
/// offset of a segment known when nothing else does.
[[nodiscard]] std::vector<std::byte> placeholder_for(const protocol::BatchHeader& header);

}  // namespace millrace::log
