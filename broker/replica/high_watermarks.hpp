#pragma once

#include <filesystem>
#include <map>

#include "log/files.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"
#include "replication/replica/fetch_session.hpp"

namespace millrace::broker {

/// Up to where partitions with several replicas were committed, as a file in the data directory. A
/// start takes no more for committed than that: what a replica has beyond, others may not have. Of
/// age it is only too low, which a leader mends with the first fetches of its followers.
///
///     0 magic "MHW1"   4 CRC-32C of the rest, uint32   8 count, uint32
///     then for each: topic id, 16 bytes   partition int32   offset int64       all big-endian
using HighWatermarks = std::map<replication::PartitionPlace, Offset>;

inline constexpr std::string_view kHighWatermarksFile = "high-watermarks";

/// Replaced as a whole, and durable when it returns.
Result<void> save_high_watermarks(log::Files& files, const std::filesystem::path& directory,
                                  const HighWatermarks& offsets);
/// What was saved last; nothing of a file that is not there or is damaged.
HighWatermarks load_high_watermarks(log::Files& files, const std::filesystem::path& directory);

}  // namespace millrace::broker
