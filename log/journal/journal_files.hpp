#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "log/files.hpp"
#include "log/journal/journal_recovery.hpp"
#include "protocol/base/result.hpp"

namespace millrace::log {

/// The files of one stream, as `Journal` takes them.
struct JournalFiles {
  std::vector<std::shared_ptr<File>> files;
  std::uint64_t file_bytes = 0;  // of each
};

/// Which life the journals in `dir` are of; nothing when there never was one.
/// `Errc::corrupt_file` when the file that says so is damaged.
Result<std::optional<JournalLife>> read_journal_life(Files& files,
                                                     const std::filesystem::path& dir);
/// Durable when it returns.
Result<void> write_journal_life(Files& files, const std::filesystem::path& dir, JournalLife life);

/// Makes sure that `dir` has `slots` files of `file_bytes` (whole blocks) for `stream` that were
/// written to the end. Those that are there already cost nothing, others are written once with
/// zeros. Blocks.
Result<JournalFiles> prepare_journal_files(Files& files, const std::filesystem::path& dir,
                                           std::size_t stream, std::size_t slots,
                                           std::uint64_t file_bytes);

/// Removes journals of streams from `streams` on, which a run with more shards left.
Result<void> remove_surplus_journals(Files& files, const std::filesystem::path& dir,
                                     std::size_t streams);

}  // namespace millrace::log
