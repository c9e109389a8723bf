#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/types.hpp"

// Names in the folder of a partition. Offsets are written in 20 digits, so that names sort by them.
namespace millrace::log {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
/// Behind the whole name of a file that waits for `purge`.
inline constexpr std::string_view kDeletedSuffix = ".deleted";
/// Behind the whole name of a file that `write_atomically` had not finished.
inline constexpr std::string_view kUnfinishedSuffix = ".tmp";

inline constexpr std::string_view kRecoveryPointFile = "recovery-point";
inline constexpr std::string_view kLogStartFile = "log-start";
inline constexpr std::string_view kSyncPointFile = "sync-point";
inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";

[[nodiscard]] std::string file_name(Offset base, std::string_view suffix);
/// The offset in a name that ends in `suffix`; nothing for any other name.
[[nodiscard]] std::optional<Offset> parse_file_name(std::string_view name, std::string_view suffix);

}  // namespace millrace::log
