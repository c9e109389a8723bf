#include "broker/group/partitioner.hpp"

#include <cstddef>
#include <limits>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

namespace {

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

constexpr CodePoint kMalformed{0xFFFD, 1};

CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<std::uint8_t>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < length) return kMalformed;
  std::uint32_t value = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<std::uint8_t>(text[at + i]);
    if ((next & 0xC0) != 0x80) return kMalformed;
    value = (value << 6) | (next & 0x3Fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast[length] || value > 0x10FFFF || surrogate) return kMalformed;
  return {value, length};
}

}  // namespace

std::int32_t java_string_hash(std::string_view utf8) {
  std::uint32_t hash = 0;  // unsigned, for it wraps
  for (std::size_t at = 0; at < utf8.size();) {
    const auto [value, bytes] = code_point_at(utf8, at);
    at += bytes;
    if (value < 0x10000) {
      hash = 31 * hash + value;
    } else {
      const std::uint32_t rest = value - 0x10000;
      hash = 31 * hash + (0xD800 + (rest >> 10));
      hash = 31 * hash + (0xDC00 + (rest & 0x3FF));
    }
  }
  return static_cast<std::int32_t>(hash);
}

std::int32_t partition_for_group(std::string_view group_id, std::int32_t partitions) {
  ENSURE(partitions > 0);
  const std::int32_t hash = java_string_hash(group_id);
  if (hash == std::numeric_limits<std::int32_t>::min()) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace millrace::broker
