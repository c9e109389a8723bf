#pragma once

#include <cstdint>

#include "protocol/base/bytes.hpp"

namespace millrace::protocol {

/// CRC-32C (Castagnoli) of `data`, the final value as record batches carry it. Chainable:
/// `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`. Runs at memory speed (ISA-L).
[[nodiscard]] std::uint32_t crc32c(Bytes data, std::uint32_t crc = 0);

/// The same by table, on any machine: what `crc32c` falls back to where ISA-L is absent, and what
/// the tests hold it against.
[[nodiscard]] std::uint32_t crc32c_by_table(Bytes data, std::uint32_t crc = 0);

}  // namespace millrace::protocol
