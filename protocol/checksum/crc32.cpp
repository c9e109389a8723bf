#include "protocol/checksum/crc32.hpp"

#include <zlib.h>

namespace millrace::protocol {

std::uint32_t crc32(Bytes data, std::uint32_t crc) {
  if (data.empty()) return crc;  // zlib takes a null pointer for "give me the initial value"
  const auto* const from = reinterpret_cast<const unsigned char*>(data.data());
  return static_cast<std::uint32_t>(::crc32_z(crc, from, data.size()));
}

}  // namespace millrace::protocol
