#include "protocol/record/batch.hpp"

#include <string_view>

#include "protocol/base/ensure.hpp"
#include "protocol/checksum/crc32c.hpp"

namespace millrace::protocol {
namespace {

constexpr std::size_t kLengthPosition = 8;
constexpr std::size_t kLeaderEpochPosition = 12;
constexpr std::size_t kMagicPosition = 16;
constexpr std::size_t kCrcPosition = 17;
constexpr std::size_t kAttributesPosition = 21;  // the CRC covers everything from here on
constexpr std::size_t kMaxTimestampPosition = 35;

constexpr std::uint16_t kLogAppendTimeBit = 0x08;
constexpr std::uint16_t kTransactionalBit = 0x10;
constexpr std::uint16_t kControlBit = 0x20;
constexpr std::uint16_t kDeleteHorizonBit = 0x40;

// A field where -1 stands for "none"; other negative values make no sense and count as none too.
template <class Strong, class Int>
std::optional<Strong> unless_negative(Int value) {
  if (value < 0) return std::nullopt;
  return Strong{value};
}

// Any other time before 1970 is a time.
std::optional<Timestamp> unless_none(Timestamp timestamp) {
  if (timestamp.value == -1) return std::nullopt;
  return timestamp;
}

template <class Int, class Strong>
Int or_none(const std::optional<Strong>& value) {
  return value ? value->value : Int{-1};
}

// Fields of a batch from outside may hold anything, so sums of them wrap instead of overflowing.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::uint16_t attributes_of(const BatchHeader& header) {
  unsigned bits = static_cast<unsigned>(header.codec);
  if (header.timestamp_type == TimestampType::log_append_time) bits |= kLogAppendTimeBit;
  if (header.transactional) bits |= kTransactionalBit;
  if (header.control) bits |= kControlBit;
  if (header.has_delete_horizon) bits |= kDeleteHorizonBit;
  return static_cast<std::uint16_t>(bits);
}

void write_crc(MutableBytes batch) {
  store_be(batch.data() + kCrcPosition, crc32c(batch.subspan(kAttributesPosition)));
}

void write_timestamps(MutableBytes batch, TimestampType type, Timestamp max_timestamp) {
  ENSURE(batch.size() >= kBatchHeaderBytes);
  std::byte* const attributes_at = batch.data() + kAttributesPosition;
  unsigned attributes = load_be<std::uint16_t>(attributes_at);
  if (type == TimestampType::log_append_time)
    attributes |= kLogAppendTimeBit;
  else
    attributes &= ~unsigned{kLogAppendTimeBit};
  store_be(attributes_at, static_cast<std::uint16_t>(attributes));
  store_be(batch.data() + kMaxTimestampPosition, max_timestamp.value);
  write_crc(batch);
}

template <class T>
std::ostream& print(std::ostream& out, std::string_view name, const std::optional<T>& value) {
  out << ' ' << name << '=';
  if (value) return out << *value;
  return out << "none";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Codec codec) {
  switch (codec) {
    case Codec::none:
      return out << "none";
    case Codec::gzip:
      return out << "gzip";
    case Codec::snappy:
      return out << "snappy";
    case Codec::lz4:
      return out << "lz4";
    case Codec::zstd:
      return out << "zstd";
  }
  return out << "codec " << static_cast<int>(codec);
}

std::ostream& operator<<(std::ostream& out, TimestampType type) {
  return out << (type == TimestampType::create_time ? "create_time" : "log_append_time");
}

std::ostream& operator<<(std::ostream& out, const BatchHeader& header) {
  out << "batch base_offset=" << header.base_offset
      << " last_offset_delta=" << header.last_offset_delta << " records=" << header.record_count
      << " codec=" << header.codec << ' ' << header.timestamp_type;
  print(out, "leader_epoch", header.leader_epoch);
  print(out, "base_timestamp", header.base_timestamp);
  print(out, "max_timestamp", header.max_timestamp);
  print(out, "producer_id", header.producer_id);
  print(out, "producer_epoch", header.producer_epoch);
  print(out, "base_sequence", header.base_sequence);
  if (header.transactional) out << " transactional";
  if (header.control) out << " control";
  if (header.has_delete_horizon) out << " delete_horizon";
  return out;
}

Offset BatchView::last_offset() const {
  return offset_of(last_offset_delta());
}

Offset BatchView::next_offset() const {
  return Offset{wrapping_add(last_offset().value, 1)};
}

std::optional<LeaderEpoch> BatchView::leader_epoch() const {
  return unless_negative<LeaderEpoch>(at<std::int32_t>(kLeaderEpochPosition));
}

std::optional<Timestamp> BatchView::delete_horizon() const {
  if (!has_delete_horizon()) return std::nullopt;
  return base_timestamp();
}

std::optional<ProducerId> BatchView::producer_id() const {
  return unless_negative<ProducerId>(at<std::int64_t>(43));
}

std::optional<ProducerEpoch> BatchView::producer_epoch() const {
  return unless_negative<ProducerEpoch>(at<std::int16_t>(51));
}

std::optional<Sequence> BatchView::base_sequence() const {
  return unless_negative<Sequence>(at<std::int32_t>(53));
}

std::optional<Sequence> BatchView::last_sequence() const {
  const auto first = base_sequence();
  if (!first || last_offset_delta() < 0) return std::nullopt;
  return first->plus(last_offset_delta());
}

bool BatchView::crc_ok() const {
  return crc() == crc32c(bytes_.subspan(kAttributesPosition));
}

BatchHeader BatchView::header() const {
  return {
      .base_offset = base_offset(),
      .leader_epoch = leader_epoch(),
      .codec = codec(),
      .timestamp_type = timestamp_type(),
      .transactional = is_transactional(),
      .control = is_control(),
      .has_delete_horizon = has_delete_horizon(),
      .last_offset_delta = last_offset_delta(),
      .base_timestamp = unless_none(base_timestamp()),
      .max_timestamp = unless_none(max_timestamp()),
      .producer_id = producer_id(),
      .producer_epoch = producer_epoch(),
      .base_sequence = base_sequence(),
      .record_count = record_count(),
  };
}

Offset BatchView::offset_of(std::int32_t offset_delta) const {
  return Offset{wrapping_add(base_offset().value, offset_delta)};
}

Timestamp BatchView::timestamp_of(std::int64_t timestamp_delta) const {
  if (timestamp_type() == TimestampType::log_append_time) return max_timestamp();
  return Timestamp{wrapping_add(base_timestamp().value, timestamp_delta)};
}

Result<BatchView> parse_batch(Bytes bytes) {
  if (bytes.size() <= kMagicPosition) return Errc::truncated;
  if (load_be<std::int8_t>(bytes.data() + kMagicPosition) != kBatchMagic) return Errc::bad_magic;
  const auto length = load_be<std::int32_t>(bytes.data() + kLengthPosition);
  if (length < static_cast<std::int32_t>(kBatchHeaderBytes - kBatchOverheadBytes))
    return Errc::bad_length;
  const std::size_t size = static_cast<std::size_t>(length) + kBatchOverheadBytes;
  if (size > bytes.size()) return Errc::truncated;
  return BatchView{bytes.first(size)};
}

std::optional<BatchView> BatchRun::next() {
  if (error_.failed()) return std::nullopt;
  const auto batch = parse_batch(rest_);
  if (!batch) {
    if (batch.error() != Errc::truncated) error_ = batch.error();
    return std::nullopt;
  }
  rest_ = rest_.subspan(batch->size_bytes());
  return *batch;
}

void seal_batch(MutableBytes batch, const BatchHeader& header) {
  ENSURE(batch.size() >= kBatchHeaderBytes);
  ENSURE(batch.size() - kBatchOverheadBytes <= INT32_MAX);
  std::byte* const to = batch.data();
  store_be(to, header.base_offset.value);
  store_be(to + kLengthPosition, static_cast<std::int32_t>(batch.size() - kBatchOverheadBytes));
  store_be(to + kLeaderEpochPosition, or_none<std::int32_t>(header.leader_epoch));
  store_be(to + kMagicPosition, kBatchMagic);
  store_be(to + kAttributesPosition, attributes_of(header));
  store_be(to + 23, header.last_offset_delta);
  store_be(to + 27, or_none<std::int64_t>(header.base_timestamp));
  store_be(to + kMaxTimestampPosition, or_none<std::int64_t>(header.max_timestamp));
  store_be(to + 43, or_none<std::int64_t>(header.producer_id));
  store_be(to + 51, or_none<std::int16_t>(header.producer_epoch));
  store_be(to + 53, or_none<std::int32_t>(header.base_sequence));
  store_be(to + 57, header.record_count);
  write_crc(batch);
}

void patch_base_offset_and_epoch(MutableBytes batch, Offset base_offset, LeaderEpoch epoch) {
  ENSURE(batch.size() >= kBatchHeaderBytes);
  store_be(batch.data(), base_offset.value);
  store_be(batch.data() + kLeaderEpochPosition, epoch.value);
}

void patch_append_time(MutableBytes batch, Timestamp now) {
  write_timestamps(batch, TimestampType::log_append_time, now);
}

void patch_max_timestamp(MutableBytes batch, Timestamp max_timestamp) {
  write_timestamps(batch, TimestampType::create_time, max_timestamp);
}

}  // namespace millrace::protocol
