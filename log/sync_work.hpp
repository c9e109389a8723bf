#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "log/files.hpp"
#include "log/points.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// Shared by a log and the work it handed out: lets a truncation overtake work that is still on its
/// way to a pool thread, so that a late one cannot promise offsets that are gone. Two mutexes, so
/// that no sync waits for a recovery point.
struct WorkFence {
  std::mutex sync_mutex;        // held while a sync runs
  std::mutex checkpoint_mutex;  // held while a checkpoint writes its files
  // Raised by truncation, under both; work of an older one writes nothing.
  std::uint64_t generation = 0;
  // Under sync_mutex. A system tells of a failed sync once, and nothing of the next one: who syncs
  // the same files again, before the owner was told, must not believe it.
  bool sync_failed = false;
};

/// Makes durable what was written to one log since the last such work. Handed out by
/// `PartitionLog::take_sync`; `run` on any thread, once; then `PartitionLog::synced` on the
/// owner's.
class SyncWork {
 public:
  /// Syncs the files, then the directory if it has new ones, then notes how far the log is synced;
  /// the gap point before that, durably, if offsets were skipped.
  [[nodiscard]] Result<void> run() const;
  /// The end of the log that this makes durable.
  [[nodiscard]] Offset end() const { return end_; }

 private:
  friend class PartitionLog;
  SyncWork() = default;
  [[nodiscard]] Result<void> sync_files() const;

  Files* files_ = nullptr;
  std::vector<std::shared_ptr<File>> dirty_;
  std::optional<std::filesystem::path> new_files_in_;
  std::shared_ptr<File> sync_point_;
  std::shared_ptr<WorkFence> fence_;
  std::uint64_t generation_ = 0;
  Offset end_;
  // Offsets were skipped, which only a gap point tells from writes that a crash lost: its path.
  std::optional<std::filesystem::path> gap_point_;
};

/// Moves the recovery point: index entries, producer snapshot and leader epochs become durable,
/// then the point itself. Nobody waits for it, so a slow one delays no acknowledgement. Handed out
/// by `PartitionLog::take_checkpoint`; `run` on any thread, once; then
/// `PartitionLog::checkpointed`.
class CheckpointWork {
 public:
  [[nodiscard]] Result<void> run() const;

 private:
  friend class PartitionLog;
  CheckpointWork() = default;

  struct IndexWrite {
    std::shared_ptr<File> file;
    std::uint64_t position = 0;
    std::vector<std::byte> bytes;
    Offset segment_base;
    bool is_time_index = false;
    std::uint64_t entries_after = 0;
  };
  struct SmallFile {
    std::filesystem::path path;
    std::vector<std::byte> contents;
  };

  Files* files_ = nullptr;
  std::shared_ptr<WorkFence> fence_;
  std::uint64_t generation_ = 0;
  std::vector<IndexWrite> indexes_;
  std::vector<SmallFile> small_files_;  // written in order; the recovery point is the last
  std::shared_ptr<File> sync_point_;
  RecoveryPoint point_;
};

}  // namespace millrace::log
