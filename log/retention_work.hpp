#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <ostream>
#include <vector>

#include "log/files.hpp"
#include "log/points.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// What retention deleted.
struct RetentionReport {
  friend bool operator==(const RetentionReport&, const RetentionReport&) = default;
  std::uint32_t segments = 0;
  std::uint64_t bytes = 0;
  bool rolled = false;  ///< the active segment was rolled, because its newest record expired
};

/// Lets the log's own writes of its `log-start` file overtake a `RetentionWork` that is out.
struct LogStartFence {
  std::mutex mutex;  // held while the file is written
  std::uint64_t generation = 0;
};

/// Makes durable that the log begins further on, before whole segments go. Handed out by
/// `PartitionLog::take_retention`; `run` on any thread, once; then `PartitionLog::retained` on the
/// owner's.
class RetentionWork {
 public:
  /// `superseded`: the log's start was moved, or the log truncated or closed, in the meantime.
  [[nodiscard]] Result<void> run() const;

 private:
  friend class PartitionLog;
  RetentionWork() = default;

  Files* files_ = nullptr;
  std::filesystem::path file_;
  std::shared_ptr<LogStartFence> fence_;
  std::uint64_t generation_ = 0;
  LogStart start_;
  std::vector<Offset> segments_;  // bases of those that go
  RetentionReport report_;
};

/// Removes files that were deleted long enough ago. Handed out by `PartitionLog::take_purge`; `run`
/// on any thread, once; then `PartitionLog::purged` on the owner's.
class PurgeWork {
 public:
  /// How many it removed. After an error the others are tried again with the next purge.
  [[nodiscard]] Result<std::size_t> run();

 private:
  friend class PartitionLog;
  PurgeWork() = default;

  Files* files_ = nullptr;
  std::vector<std::filesystem::path> paths_;
  std::size_t removed_ = 0;
};

}  // namespace millrace::log
