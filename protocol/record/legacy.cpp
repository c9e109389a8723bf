#include "protocol/record/legacy.hpp"

#include <utility>

#include "protocol/checksum/crc32.hpp"
#include "protocol/record/compression.hpp"

namespace millrace::protocol {
namespace {

constexpr std::size_t kEntryOverheadBytes = 12;  // offset and size
constexpr std::size_t kTimestampBytes = 8;
constexpr unsigned kLogAppendTimeBit = 0x08;
constexpr unsigned kCodecBits = 0x07;

/// One entry as it stands, its value still compressed.
struct RawEntry {
  LegacyMessage message;
  std::size_t size_bytes;
  std::int8_t magic;
  Codec codec;
};

/// A length and its bytes from `at` on, null when the length is -1; moves `at` behind them.
Result<std::optional<Bytes>> take_nullable(Bytes entry, std::size_t& at) {
  if (entry.size() - at < sizeof(std::int32_t)) return Errc::corrupt_batch;
  const auto length = load_be<std::int32_t>(entry.data() + at);
  at += sizeof length;
  if (length == -1) return std::optional<Bytes>{};
  if (length < 0 || static_cast<std::size_t>(length) > entry.size() - at)
    return Errc::corrupt_batch;
  const Bytes bytes = entry.subspan(at, static_cast<std::size_t>(length));
  at += bytes.size();
  return std::optional<Bytes>{bytes};
}

Result<RawEntry> parse_raw(Bytes bytes) {
  const auto magic = detect_magic(bytes);
  if (!magic) return Errc::truncated;
  if (*magic != 0 && *magic != 1) return Errc::bad_magic;
  const std::size_t size_min = kLegacyMessageBytesMin + (*magic == 1 ? kTimestampBytes : 0);
  const auto size = load_be<std::int32_t>(bytes.data() + 8);
  if (size < static_cast<std::int32_t>(size_min)) return Errc::corrupt_batch;
  if (static_cast<std::size_t>(size) > bytes.size() - kEntryOverheadBytes) return Errc::truncated;
  const Bytes entry = bytes.first(kEntryOverheadBytes + static_cast<std::size_t>(size));
  if (load_be<std::uint32_t>(entry.data() + 12) != crc32(entry.subspan(kLegacyMagicPosition)))
    return Errc::corrupt_batch;

  const auto attributes = std::to_integer<unsigned>(entry[17]);
  RawEntry raw{.message = {.offset = Offset{load_be<std::int64_t>(entry.data())}},
               .size_bytes = entry.size(),
               .magic = *magic,
               .codec = static_cast<Codec>(attributes & kCodecBits)};
  if (std::to_underlying(raw.codec) > std::to_underlying(Codec::lz4))
    return Errc::unsupported_codec;
  std::size_t at = 18;
  if (*magic == 1) {
    const auto timestamp = load_be<std::int64_t>(entry.data() + at);
    at += kTimestampBytes;
    if (timestamp != -1) raw.message.timestamp = Timestamp{timestamp};
    if ((attributes & kLogAppendTimeBit) != 0)
      raw.message.timestamp_type = TimestampType::log_append_time;
  }
  const auto key = take_nullable(entry, at);
  if (!key) return key.error();
  const auto value = take_nullable(entry, at);
  if (!value) return value.error();
  if (at != entry.size()) return Errc::corrupt_batch;
  raw.message.key = *key;
  raw.message.value = *value;
  return raw;
}

Result<std::vector<LegacyMessage>> parse_inner(const RawEntry& wrapper, Bytes set) {
  std::vector<LegacyMessage> messages;
  while (!set.empty()) {
    const auto inner = parse_raw(set);
    // What is cut off in here does not continue anywhere, and nothing is compressed twice.
    if (!inner || inner->magic != wrapper.magic || inner->codec != Codec::none)
      return Errc::corrupt_batch;
    const Offset offset = inner->message.offset;
    if (offset < Offset{0} || (!messages.empty() && offset <= messages.back().offset))
      return Errc::corrupt_batch;
    messages.push_back(inner->message);
    if (wrapper.message.timestamp_type == TimestampType::log_append_time) {
      messages.back().timestamp = wrapper.message.timestamp;
      messages.back().timestamp_type = TimestampType::log_append_time;
    }
    set = set.subspan(inner->size_bytes);
  }
  if (messages.empty()) return Errc::corrupt_batch;
  if (wrapper.magic == 0) return messages;
  // Relative offsets: the wrapper's is that of the last one. Some producers left theirs at 0, and
  // then the inner ones are all there is.
  const Offset last = messages.back().offset;
  if (wrapper.message.offset < last) return messages;
  const OffsetDelta shift = wrapper.message.offset - last;
  for (LegacyMessage& message : messages) message.offset = message.offset + shift;
  return messages;
}

}  // namespace

std::optional<std::int8_t> detect_magic(Bytes bytes) {
  if (bytes.size() <= kLegacyMagicPosition) return std::nullopt;
  return load_be<std::int8_t>(bytes.data() + kLegacyMagicPosition);
}

Result<LegacyEntry> parse_legacy_entry(Bytes bytes, std::size_t decompressed_bytes_max) {
  const auto raw = parse_raw(bytes);
  if (!raw) return raw.error();
  LegacyEntry entry;
  entry.size_bytes_ = raw->size_bytes;
  entry.magic_ = raw->magic;
  entry.codec_ = raw->codec;
  if (raw->codec == Codec::none) {
    entry.messages_.push_back(raw->message);
    return entry;
  }
  if (!raw->message.value) return Errc::corrupt_batch;
  auto plain = raw->magic == 0 && raw->codec == Codec::lz4
                   ? decompress_lz4_of_magic0(*raw->message.value, decompressed_bytes_max)
                   : decompress(raw->codec, *raw->message.value, decompressed_bytes_max);
  if (!plain) return plain.error();
  entry.decompressed_ = *std::move(plain);
  auto messages = parse_inner(*raw, entry.decompressed_);
  if (!messages) return messages.error();
  entry.messages_ = *std::move(messages);
  return entry;
}

}  // namespace millrace::protocol
