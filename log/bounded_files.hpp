#pragma once

#include <cstddef>
#include <memory>

#include "log/files.hpp"

namespace millrace::log {

/// Another `Files` with a bound on how many files it has open, so that 50,000 partitions do not
/// need as many descriptors. A file that nobody used lately is closed and opened again at its next
/// use; whoever has one from here does not notice. A call then costs an `open` more.
///
/// Never closed are files with writes that were not synced, for an error in writing them back might
/// get lost with the descriptor (but see `File::bear_losses`), and files that somebody `pin`ned. So
/// the bound may be passed; it holds again when those have become fewer.
///
/// A file is found again by its path, and followed when it is renamed through this (not when its
/// directory is). If another one is there by then, or none, using the file is an error of the
/// system (ESTALE, ENOENT): who reads one that may be removed meanwhile pins it first.
///
/// Safe from any thread. `inner` must outlive this; the files may outlive this.
class BoundedFiles final : public Files {
 public:
  BoundedFiles(Files& inner, std::size_t open_max);
  ~BoundedFiles() override;

  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  /// Stays open; there are few of them.
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
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const Path& directory) override;

  /// Files that are open now.
  [[nodiscard]] std::size_t open_now() const;

 private:
  class Handle;
  class Table;

  Files& inner_;
  std::shared_ptr<Table> table_;
};

}  // namespace millrace::log
