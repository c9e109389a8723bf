#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/batch.hpp"

namespace millrace::protocol {

/// What a leader holds a produced batch against; from the topic's settings and the request.
struct ProduceRules {
  bool compacted = false;  ///< every record must have a key
  TimestampType timestamp_type = TimestampType::create_time;
  /// How far a record's timestamp may lie before and after the broker's time (create time only).
  std::chrono::milliseconds before_max = std::chrono::milliseconds::max();
  std::chrono::milliseconds after_max = std::chrono::milliseconds::max();
  std::int32_t max_message_bytes = 1048588;  ///< of the whole batch, as it is stored
  std::int32_t segment_bytes = 1073741824;
  /// The topic's compression.type; empty for `producer`, which keeps what came.
  std::optional<Codec> target_codec;
  std::optional<int> target_level;
  std::int16_t produce_version = 9;
  /// Bound on one batch's records section when decompressed.
  std::size_t decompressed_bytes_max = std::size_t{128} << 20;
};

struct RecordError {
  std::int32_t index = 0;  ///< of the record in its batch
  std::string message;
  friend bool operator==(const RecordError&, const RecordError&) = default;
};

/// The whole batch is refused and nothing of it may be written.
struct Rejection {
  ErrorCode code = ErrorCode::none;
  std::string message;
  /// The records at fault where it was records; the first `kRecordErrorsMax` of them.
  std::vector<RecordError> records;
  friend bool operator==(const Rejection&, const Rejection&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Rejection& rejection);
};
inline constexpr std::size_t kRecordErrorsMax = 100;

/// What is left to do to the header before the batch is written.
enum class TimestampFix : std::uint8_t {
  none,           ///< the usual case: append the bytes as they are
  append_time,    ///< `patch_append_time`
  max_timestamp,  ///< `patch_max_timestamp`
};

struct Accepted {
  /// A new batch to append instead of the bytes received; empty, and that is the usual case, when
  /// the bytes received serve. Needs no fix.
  std::optional<std::vector<std::byte>> rebuilt;
  TimestampFix fix = TimestampFix::none;
  /// Of the batch as it will be stored; -1 if no record has a timestamp.
  Timestamp max_timestamp{-1};
  std::int32_t record_count = 0;
};

using ProduceVerdict = std::variant<Accepted, Rejection>;

/// Decides about the bytes that a producer sent for one partition: exactly one batch, sound, within
/// the limits, each record within the rules of the topic. Records are decompressed and read once;
/// nothing is allocated per record. What needs the partition's state (offsets, leader epoch,
/// producer sequences) is not looked at here. Safe from any thread; `records` is not changed.
[[nodiscard]] ProduceVerdict validate_produced(Bytes records, const ProduceRules& rules,
                                               Timestamp now);

/// Most bytes that `validate_lightly` decompresses.
inline constexpr std::size_t kLightBytesMax = std::size_t{1} << 20;

/// The same for a thread that must not be held up. Nothing when the verdict takes more than one
/// look at the batch: when it has to be built anew, for the topic's compression or its record's
/// offsets, or decompresses to more than `kLightBytesMax`. Then `validate_produced` is to be called
/// elsewhere.
[[nodiscard]] std::optional<ProduceVerdict> validate_lightly(Bytes records,
                                                             const ProduceRules& rules,
                                                             Timestamp now);

/// Carries out `accepted.fix` on the batch that was accepted.
void apply_fix(const Accepted& accepted, MutableBytes batch);

}  // namespace millrace::protocol
