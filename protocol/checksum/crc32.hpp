#pragma once

#include <cstdint>

#include "protocol/base/bytes.hpp"

namespace millrace::protocol {

/// CRC-32 (IEEE, as in zlib) of `data`, the final value as old message sets carry it. Chainable
/// like `crc32c`.
[[nodiscard]] std::uint32_t crc32(Bytes data, std::uint32_t crc = 0);

}  // namespace millrace::protocol
