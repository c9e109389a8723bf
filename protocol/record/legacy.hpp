#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "protocol/record/batch.hpp"

// Message sets, the formats before the record batch (big-endian). Entries follow one another:
//
//    0  offset      int64
//    8  size        int32   of what follows
//   12  CRC         uint32  CRC-32 (IEEE) of everything from byte 16 on
//   16  magic       int8    0 or 1
//   17  attributes  int8    bits 0-2 codec, bit 3 timestamp type (magic 1)
//   18  timestamp   int64   magic 1 only, -1 none
//    .  key         int32 length (-1 null) and bytes
//    .  value       int32 length (-1 null) and bytes
//
// A compressed entry's value is a message set again. Inner offsets of magic 0 are absolute; those
// of magic 1 count from 0 and the entry's offset is that of the last inner message.
// They are read only: segments from before the record batch are served as they are, and a produced
// message set is refused.
namespace millrace::protocol {

inline constexpr std::size_t kLegacyMagicPosition = 16;
inline constexpr std::size_t kLegacyMessageBytesMin = 14;  // magic 0: CRC to value length

/// The magic of the entry or batch that `bytes` begins with; nothing when too short to tell. Valid
/// in all formats, since it is at the same place in all.
[[nodiscard]] std::optional<std::int8_t> detect_magic(Bytes bytes);

struct LegacyMessage {
  Offset offset;
  std::optional<Timestamp> timestamp;  ///< never set in magic 0
  TimestampType timestamp_type = TimestampType::create_time;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
};

/// One entry of a message set, verified by its checksum and, if it was a compressed one, unpacked.
/// Moves, but does not copy: the messages point into it.
class LegacyEntry {
 public:
  LegacyEntry(LegacyEntry&&) = default;
  LegacyEntry& operator=(LegacyEntry&&) = default;

  /// In offset order; one unless the entry was compressed. Valid as long as this entry and the
  /// bytes it was parsed from are.
  [[nodiscard]] const std::vector<LegacyMessage>& messages() const { return messages_; }
  /// Of the whole entry in the set.
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::int8_t magic() const { return magic_; }
  [[nodiscard]] Codec codec() const { return codec_; }

 private:
  LegacyEntry() = default;
  friend Result<LegacyEntry> parse_legacy_entry(Bytes bytes, std::size_t decompressed_bytes_max);
  std::vector<std::byte> decompressed_;  // what messages_ point into when the entry was compressed
  std::vector<LegacyMessage> messages_;
  std::size_t size_bytes_ = 0;
  std::int8_t magic_ = 0;
  Codec codec_ = Codec::none;
};

/// The first entry of a message set. `truncated`: the bytes end before the entry does, which is
/// normal at the end of a fetch answer. `bad_magic`: not magic 0 or 1. `corrupt_batch`: wrong
/// checksum or nonsense inside. `unsupported_codec`, `decompression_failed`,
/// `decompressed_too_large`: as `decompress` says.
[[nodiscard]] Result<LegacyEntry> parse_legacy_entry(Bytes bytes,
                                                     std::size_t decompressed_bytes_max);

}  // namespace millrace::protocol
