#include "protocol/checksum/crc32c.hpp"

#include <algorithm>
#include <array>
#include <bit>

#if __has_include(<isa-l/crc.h>)
#include <isa-l/crc.h>
#define MILLRACE_HAS_ISAL 1
#else
#define MILLRACE_HAS_ISAL 0
#endif

namespace millrace::protocol {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, bits reversed

// kTables[n][b]: what byte b does to the register when n more bytes follow it, so that eight bytes
// can be folded in per step.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  return tables;
}();

}  // namespace

std::uint32_t crc32c_by_table(Bytes data, std::uint32_t crc) {
  crc = ~crc;
  while (data.size() >= 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, data.data(), 8);
    if constexpr (std::endian::native == std::endian::big) eight = std::byteswap(eight);
    eight ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(eight >> (8 * i)) & 0xff];
    data = data.subspan(8);
  }
  for (const std::byte byte : data)
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(Bytes data, std::uint32_t crc) {
#if MILLRACE_HAS_ISAL
  constexpr std::size_t kStepMax = std::size_t{1} << 30;  // the library counts in int
  crc = ~crc;
  while (!data.empty()) {
    const Bytes step = data.first(std::min(data.size(), kStepMax));
    // It only reads, although its parameter is not const.
    auto* const from = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(step.data()));
    crc = crc32_iscsi(from, static_cast<int>(step.size()), crc);
    data = data.subspan(step.size());
  }
  return ~crc;
#else
  return crc32c_by_table(data, crc);
#endif
}

}  // namespace millrace::protocol
