#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/record/builder.hpp"

// What the tests of record batches share.
namespace millrace::protocol::test {

inline constexpr auto kCodecs =
    std::to_array({Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd});
inline constexpr Timestamp kGoldenTime{1'700'000'000'000};

inline std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return bytes;
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes view = as_bytes(text);
  return {view.begin(), view.end()};
}

inline std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// Bytes that compress about as well as real ones: short runs from a small alphabet.
inline std::vector<std::byte> random_bytes(Rng& rng, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size;) {
    const auto value = static_cast<std::byte>(rng.chance(1, 8) ? rng.below(256) : rng.below(20));
    for (std::size_t run = 1 + rng.below(6); run > 0 && i < size; --run) bytes[i++] = value;
  }
  return bytes;
}

/// Makes the checksum right again after a test has changed something else.
inline void reseal(MutableBytes batch) {
  store_be(batch.data() + 17, crc32c(batch.subspan(21)));
}

/// A record that owns its parts.
struct OwnedRecord {
  Timestamp timestamp;
  std::optional<std::vector<std::byte>> key;
  std::optional<std::vector<std::byte>> value;
  std::vector<std::pair<std::string, std::optional<std::vector<std::byte>>>> headers;
};

inline std::optional<Bytes> view_of(const std::optional<std::vector<std::byte>>& bytes) {
  if (!bytes) return std::nullopt;
  return Bytes{*bytes};
}

inline std::vector<HeaderView> header_views(const OwnedRecord& record) {
  std::vector<HeaderView> views;
  for (const auto& [key, value] : record.headers) views.push_back({key, view_of(value)});
  return views;
}

inline OwnedRecord random_record(Rng& rng) {
  OwnedRecord record;
  record.timestamp = Timestamp{kGoldenTime.value + static_cast<std::int64_t>(rng.below(100'000))};
  if (!rng.chance(1, 4)) record.key = random_bytes(rng, rng.below(40));
  if (!rng.chance(1, 6))
    record.value = random_bytes(rng, rng.below(rng.chance(1, 20) ? 90'000 : 300));
  for (std::size_t i = rng.chance(1, 3) ? rng.below(4) : 0; i > 0; --i) {
    std::optional<std::vector<std::byte>> value;
    if (!rng.chance(1, 4)) value = random_bytes(rng, rng.below(20));
    record.headers.emplace_back(repeat("h", rng.below(5)), std::move(value));
  }
  return record;
}

}  // namespace millrace::protocol::test
