#pragma once

#include <cstdint>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"

namespace millrace::clients {

/// The 32-bit murmur2 that Kafka's own clients hash keys with (seed 0x9747b28c).
[[nodiscard]] std::uint32_t murmur2(Bytes key);

/// Where a record with this key belongs among `partitions` (at least 1), the same for every client
/// that follows Java's default.
[[nodiscard]] PartitionIndex partition_for_key(Bytes key, std::int32_t partitions);

}  // namespace millrace::clients
