#pragma once

#include <array>
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
/// Behind the whole name of a file that compaction makes, until it takes the place of others.
inline constexpr std::string_view kCleanedSuffix = ".cleaned";

inline constexpr std::string_view kRecoveryPointFile = "recovery-point";
inline constexpr std::string_view kLogStartFile = "log-start";
inline constexpr std::string_view kSyncPointFile = "sync-point";
inline constexpr std::string_view kJournalFloorFile = "journal-floor";
inline constexpr std::string_view kGapPointFile = "gap-point";
inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";
inline constexpr std::string_view kAbortedFile = "aborted-transactions";
inline constexpr std::string_view kCleanerPointFile = "cleaner-point";
inline constexpr std::string_view kSwapListFile = "compaction-swap";

/// What a segment consists of.
inline constexpr std::array kSegmentSuffixes{kLogSuffix, kIndexSuffix, kTimeIndexSuffix};

[[nodiscard]] std::string file_name(Offset base, std::string_view suffix);
/// The offset in a name that ends in `suffix`; nothing for any other name.
[[nodiscard]] std::optional<Offset> parse_file_name(std::string_view name, std::string_view suffix);

}  // namespace millrace::log
