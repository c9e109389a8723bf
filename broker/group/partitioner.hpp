#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::broker {

/// Java's `String.hashCode` of a text that is given as UTF-8: h = 31 * h + unit over the UTF-16
/// code units, in wrapping 32-bit arithmetic. Malformed UTF-8 counts as U+FFFD, byte by byte.
[[nodiscard]] std::int32_t java_string_hash(std::string_view utf8);

/// The partition of `__consumer_offsets` (which has `partitions` > 0 of them) that a group belongs
/// to: |hash| mod partitions, where |-2^31| is 0. All brokers and clients' tools agree on this.
[[nodiscard]] std::int32_t partition_for_group(std::string_view group_id, std::int32_t partitions);

}  // namespace millrace::broker
