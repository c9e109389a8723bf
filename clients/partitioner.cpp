#include "clients/partitioner.hpp"

#include <bit>
#include <cstring>

namespace millrace::clients {

namespace {

constexpr std::uint32_t kSeed = 0x9747b28c;
constexpr std::uint32_t kMultiplier = 0x5bd1e995;
constexpr int kShift = 24;

std::uint32_t load_le(const std::byte* from) {
  std::uint32_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

std::uint32_t murmur2(Bytes key) {
  static_assert(std::endian::native == std::endian::little);
  auto hash = kSeed ^ static_cast<std::uint32_t>(key.size());
  const std::size_t whole = key.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    auto word = load_le(key.data() + i) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash * kMultiplier) ^ (word * kMultiplier);
  }
  const auto tail = key.subspan(whole);
  if (!tail.empty()) {
    for (std::size_t i = 0; i < tail.size(); ++i) {
      hash ^= std::to_integer<std::uint32_t>(tail[i]) << (8 * i);
    }
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ (hash >> 15);
}

PartitionIndex partition_for_key(Bytes key, std::int32_t partitions) {
  const auto positive = murmur2(key) & 0x7fffffff;
  return PartitionIndex{
      static_cast<std::int32_t>(positive % static_cast<std::uint32_t>(partitions))};
}

}  // namespace millrace::clients
