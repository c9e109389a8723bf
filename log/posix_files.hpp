#pragma once

#include "log/files.hpp"

namespace millrace::log {

/// The machine's file system. Stateless and safe from any thread. Interrupted calls are repeated
/// and short transfers continued; every other error comes as the operating system says it.
class PosixFiles final : public Files {
 public:
  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  /// O_DSYNC, and O_DIRECT where the file system has it.
  Result<std::shared_ptr<File>> open_durable(const Path& path) override;
  Result<void> create_directories(const Path& path) override;
  Result<void> rename(const Path& from, const Path& to) override;
  Result<void> remove(const Path& path) override;
  Result<void> remove_all(const Path& path) override;
  Result<std::vector<DirectoryEntry>> list(const Path& directory) override;
  Result<bool> exists(const Path& path) override;
  Result<void> sync_directory(const Path& directory) override;
  Result<void> sync_all(const Path& directory) override;
  Result<DiskSpace> space(const Path& path) override;
  /// By `flock` on the file `.lock` in the directory, which stays there.
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const Path& directory) override;
};

}  // namespace millrace::log
