#include "protocol/record/validate.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/legacy.hpp"
#include "protocol/record/record.hpp"

namespace millrace::protocol {
namespace {

constexpr std::int16_t kProduceVersionOfZstd = 7;
constexpr std::size_t kBufferBytesKept = std::size_t{4} << 20;

Rejection reject(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message), .records = {}};
}

std::string number(std::int64_t v) {
  return std::to_string(v);
}

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

/// The bytes hold exactly one batch that an up-to-date leader takes, by its outer shape alone.
std::variant<BatchView, Rejection> only_batch(Bytes records, const ProduceRules& rules) {
  const auto magic = detect_magic(records);
  if (!magic)
    return reject(ErrorCode::invalid_record,
                  "expected exactly one record batch, got " + number(records.size()) + " bytes");
  if (*magic != kBatchMagic)
    return reject(ErrorCode::invalid_record,
                  "message format " + number(*magic) +
                      " is not accepted any more: send record batches (format 2)");
  const auto batch = parse_batch(records);
  if (!batch && batch.error() == Errc::truncated)
    return reject(ErrorCode::invalid_record, "the record batch is cut off");
  if (!batch)
    return reject(ErrorCode::corrupt_message,
                  "the record batch states a length that is shorter than its header");
  if (batch->size_bytes() != records.size())
    return reject(ErrorCode::invalid_record, "expected exactly one record batch, got " +
                                                 number(records.size() - batch->size_bytes()) +
                                                 " bytes behind the first");
  if (batch->codec() == Codec::zstd && rules.produce_version < kProduceVersionOfZstd)
    return reject(ErrorCode::unsupported_compression_type,
                  "zstd needs version 7 or later of the produce request");
  return *batch;
}

std::optional<Rejection> too_large(std::size_t size, const ProduceRules& rules) {
  if (size <= static_cast<std::size_t>(std::max(rules.max_message_bytes, 0))) return std::nullopt;
  return reject(ErrorCode::message_too_large, "the record batch has " + number(size) +
                                                  " bytes and the topic's max.message.bytes is " +
                                                  number(rules.max_message_bytes));
}

std::optional<Rejection> check_header(const BatchView& batch, const ProduceRules& rules) {
  if (batch.base_offset() != Offset{0})
    return reject(
        ErrorCode::invalid_record,
        "the base offset is " + number(batch.base_offset().value) + " and a producer must send 0");
  if (auto rejection = too_large(batch.size_bytes(), rules)) return rejection;
  if (!batch.crc_ok())
    return reject(ErrorCode::corrupt_message, "the record batch does not match its checksum");
  if (std::to_underlying(batch.codec()) > kCodecMax)
    return reject(ErrorCode::unsupported_compression_type,
                  "there is no compression codec " + number(std::to_underlying(batch.codec())));
  // In 64 bits, for the delta may be the largest 32-bit number.
  const std::int64_t span = std::int64_t{batch.last_offset_delta()} + 1;
  if (span <= 0 || batch.record_count() <= 0 || batch.record_count() != span)
    return reject(ErrorCode::invalid_record, "the record batch states " +
                                                 number(batch.record_count()) +
                                                 " records and offsets for " + number(span));
  if (batch.is_control())
    return reject(ErrorCode::invalid_record, "producers must not send control batches");
  if (batch.producer_id() && !batch.base_sequence())
    return reject(ErrorCode::invalid_record,
                  "the record batch has a producer id but no base sequence");
  if (batch.is_transactional() && !batch.producer_id())
    return reject(ErrorCode::invalid_record,
                  "the record batch is transactional but has no producer id");
  return std::nullopt;
}

/// One walk over the records: holds each against the rules and learns what the header must say.
class RecordCheck {
 public:
  RecordCheck(const BatchView& batch, const ProduceRules& rules, Timestamp now)
      : batch_{batch},
        rules_{rules},
        producer_set_append_time_{batch.timestamp_type() == TimestampType::log_append_time},
        earliest_{saturating_add(now.value, -rules.before_max.count())},
        latest_{saturating_add(now.value, rules.after_max.count())} {}

  /// Nothing if all is well.
  std::optional<Rejection> run(Bytes section) {
    RecordReader reader{section, batch_.record_count()};
    for (;;) {
      const auto record = reader.next();
      if (!record) {
        if (record.error() == Errc::end_of_stream) break;
        return malformed(record.error());
      }
      check(*record);
      if (record->offset_delta != index_) consecutive_ = false;
      ++index_;
    }
    return verdict();
  }

  /// True when the offset deltas are 0, 1, 2 ...
  [[nodiscard]] bool consecutive() const { return consecutive_; }
  [[nodiscard]] std::int64_t max_timestamp() const { return max_timestamp_; }

 private:
  void check(const RecordView& record) {
    // Not `timestamp_of`: what counts is the record's own time, once a wrongly set bit 3 is gone.
    const auto timestamp =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(batch_.base_timestamp().value) +
                                  static_cast<std::uint64_t>(record.timestamp_delta));
    max_timestamp_ = std::max(max_timestamp_, timestamp);
    if (rules_.compacted && !record.key)
      return fault(ErrorCode::invalid_record, "a compacted topic takes no record without a key");
    const bool topic_appends = rules_.timestamp_type == TimestampType::log_append_time;
    if (producer_set_append_time_ && (topic_appends || batch_.max_timestamp().value == -1))
      return fault(ErrorCode::invalid_timestamp,
                   "a producer must not set the timestamp type to log append time");
    if (!topic_appends && timestamp != -1 && (timestamp < earliest_ || timestamp > latest_))
      return fault(ErrorCode::invalid_timestamp, "the timestamp " + number(timestamp) +
                                                     " is outside of " + number(earliest_) +
                                                     " to " + number(latest_));
  }

  void fault(ErrorCode code, std::string message) {
    ++faults_;
    if (code == ErrorCode::invalid_timestamp) code_ = code;
    if (errors_.size() < kRecordErrorsMax)
      errors_.push_back({.index = index_, .message = std::move(message)});
  }

  std::optional<Rejection> verdict() {
    if (faults_ == 0) return std::nullopt;
    std::string message =
        number(faults_) + " of " + number(index_) +
        " records are not acceptable, the first of them: " + errors_.front().message;
    return Rejection{.code = code_, .message = std::move(message), .records = std::move(errors_)};
  }

  Rejection malformed(const ErrorInfo& error) {
    std::string message = "record " + number(index_) + " is malformed: " + error.message();
    return {.code = ErrorCode::invalid_record,
            .message = message,
            .records = {{.index = index_, .message = message}}};
  }

  const BatchView& batch_;
  const ProduceRules& rules_;
  bool producer_set_append_time_;
  std::int64_t earliest_;
  std::int64_t latest_;

  std::int32_t index_ = 0;
  bool consecutive_ = true;
  std::int64_t max_timestamp_ = -1;
  std::int64_t faults_ = 0;
  ErrorCode code_ = ErrorCode::invalid_record;  // a timestamp at fault outweighs the other faults
  std::vector<RecordError> errors_;
};

Rejection cannot_decompress(const ErrorInfo& error, const ProduceRules& rules) {
  if (error == Errc::decompressed_too_large)
    return reject(ErrorCode::message_too_large, "the records are larger than " +
                                                    number(rules.decompressed_bytes_max) +
                                                    " bytes when decompressed");
  return reject(ErrorCode::invalid_record,
                "the records cannot be decompressed: " + error.message());
}

/// The records with offset deltas 0, 1, 2 ...; `section` has been read once and is sound.
std::vector<std::byte> renumbered(Bytes section, std::int32_t count) {
  std::vector<std::byte> records;
  records.reserve(section.size());
  RecordReader reader{section, count};
  for (std::int32_t i = 0; i < count; ++i) {
    const auto record = reader.next();
    ENSURE(record.has_value());
    append_record_with_delta(records, *record, record->timestamp_delta, i);
  }
  return records;
}

Result<std::vector<std::byte>> rebuild(const BatchView& batch, const ProduceRules& rules,
                                       Bytes section, bool consecutive, const Accepted& accepted) {
  std::vector<std::byte> records;
  if (!consecutive) {
    records = renumbered(section, batch.record_count());
    section = records;
  }
  BatchHeader header = batch.header();
  header.codec = rules.target_codec.value_or(batch.codec());
  header.timestamp_type = rules.timestamp_type;
  header.max_timestamp = accepted.max_timestamp;
  if (header.codec == Codec::none) return assemble_batch(header, section);
  const auto level = rules.target_codec ? rules.target_level : std::nullopt;
  const auto compressed = compress(header.codec, section, level);
  if (!compressed) return compressed.error();
  return assemble_batch(header, *compressed);
}

enum class Effort : std::uint8_t { light, full };

/// Nothing when it takes more than a light effort.
std::optional<ProduceVerdict> judge(const BatchView& batch, const ProduceRules& rules,
                                    Timestamp now, DecompressionBuffer& buffer, Effort effort) {
  const bool light = effort == Effort::light;
  const bool other_codec = rules.target_codec.value_or(batch.codec()) != batch.codec();
  if (light && other_codec) return std::nullopt;
  const auto bytes_max =
      light ? std::min(rules.decompressed_bytes_max, kLightBytesMax) : rules.decompressed_bytes_max;
  const auto section = decompress_into(buffer, batch.codec(), batch.records_section(), bytes_max);
  if (!section) {
    if (section.error() == Errc::decompressed_too_large && bytes_max < rules.decompressed_bytes_max)
      return std::nullopt;
    return cannot_decompress(section.error(), rules);
  }
  RecordCheck check{batch, rules, now};
  if (auto rejection = check.run(*section)) return *std::move(rejection);
  if (light && !check.consecutive()) return std::nullopt;

  Accepted accepted{.record_count = batch.record_count()};
  if (rules.timestamp_type == TimestampType::log_append_time) {
    accepted.max_timestamp = now;
    accepted.fix = TimestampFix::append_time;
  } else {
    accepted.max_timestamp = Timestamp{check.max_timestamp()};
    if (batch.timestamp_type() != TimestampType::create_time ||
        batch.max_timestamp() != accepted.max_timestamp)
      accepted.fix = TimestampFix::max_timestamp;
  }

  std::size_t size = batch.size_bytes();
  if (other_codec || !check.consecutive()) {
    auto rebuilt = rebuild(batch, rules, *section, check.consecutive(), accepted);
    if (!rebuilt)
      return reject(ErrorCode::unknown_server_error,
                    "the records cannot be compressed: " + rebuilt.error().message());
    size = rebuilt->size();
    if (auto rejection = too_large(size, rules)) return *std::move(rejection);
    accepted.rebuilt = *std::move(rebuilt);
    accepted.fix = TimestampFix::none;
  }
  if (size > static_cast<std::size_t>(std::max(rules.segment_bytes, 0)))
    return reject(ErrorCode::record_list_too_large, "the record batch has " + number(size) +
                                                        " bytes and the topic's segment.bytes is " +
                                                        number(rules.segment_bytes));
  return accepted;
}

std::optional<ProduceVerdict> validate(Bytes records, const ProduceRules& rules, Timestamp now,
                                       Effort effort) {
  const auto only = only_batch(records, rules);
  if (const auto* const rejection = std::get_if<Rejection>(&only)) return *rejection;
  const auto& batch = std::get<BatchView>(only);
  if (auto rejection = check_header(batch, rules)) return *std::move(rejection);
  thread_local DecompressionBuffer buffer;
  auto verdict = judge(batch, rules, now, buffer, effort);
  buffer.clear(kBufferBytesKept);
  return verdict;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Rejection& rejection) {
  out << rejection.code << ": " << rejection.message;
  for (const RecordError& error : rejection.records)
    out << " [record " << error.index << ": " << error.message << ']';
  return out;
}

ProduceVerdict validate_produced(Bytes records, const ProduceRules& rules, Timestamp now) {
  return *validate(records, rules, now, Effort::full);
}

std::optional<ProduceVerdict> validate_lightly(Bytes records, const ProduceRules& rules,
                                               Timestamp now) {
  return validate(records, rules, now, Effort::light);
}

void apply_fix(const Accepted& accepted, MutableBytes batch) {
  switch (accepted.fix) {
    case TimestampFix::none:
      return;
    case TimestampFix::append_time:
      return patch_append_time(batch, accepted.max_timestamp);
    case TimestampFix::max_timestamp:
      return patch_max_timestamp(batch, accepted.max_timestamp);
  }
}

}  // namespace millrace::protocol
