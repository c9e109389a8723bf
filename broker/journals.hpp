#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "log/files.hpp"
#include "log/journal/journal_files.hpp"
#include "log/journal/journal_recovery.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::broker {

/// The journals of a data directory over one run: what the last run left in them, until every log
/// that needs it is open, and then this run's, one for each shard. Owned by `Broker`; each method
/// says who calls it.
///
/// A start that fails half way leaves the old journals as they are. So does one in which a log
/// could not be opened: then this run does without, and each append waits for a sync of its
/// segment.
class Journals {
 public:
  Journals(log::Files& files, std::filesystem::path directory)
      : files_{files}, directory_{std::move(directory)} {}

  /// Reads what the last run left. Blocks; before any log is opened. Damage is logged.
  Result<void> load();
  /// What `load` found; nothing once this run's journals have begun. From any thread.
  [[nodiscard]] std::shared_ptr<const log::JournalContents> left_over() const;
  /// Somebody could not take what is his from `left_over`, or could not close his log: the journals
  /// are read again at the next start. From any thread.
  void keep() { kept_ = true; }
  [[nodiscard]] bool kept() const { return kept_; }

  /// One shard's files and the life they belong to.
  struct Prepared {
    log::JournalFiles files;
    std::uint64_t life = 0;
  };
  /// All logs are open and synced: begins this run's life with `bytes` of space in all. Gives one
  /// for each of `streams` shards, or none when there is a reason to do without, which is logged.
  /// Blocks, the first time as long as it takes to write `bytes`.
  [[nodiscard]] std::vector<Prepared> begin(std::size_t streams, std::uint64_t bytes, Rng& rng);
  /// All logs are closed cleanly, so the next start has nothing to read. Blocks.
  void end();

 private:
  log::Files& files_;
  std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const log::JournalContents> left_over_ =
      std::make_shared<const log::JournalContents>();  // under the mutex
  std::atomic<bool> kept_ = false;
  std::uint64_t last_life_ = 0;  // of the run before, if it did not end cleanly
  std::uint64_t life_ = 0;       // of this run; 0: it has none
};

}  // namespace millrace::broker
