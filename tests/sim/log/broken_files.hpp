#pragma once

#include <memory>
#include <vector>

#include "log/files.hpp"

namespace millrace::log_sim {

/// Passes every call on, but for the directory syncs, which it claims to have done.
class SkipsDirectorySyncs final : public log::Files {
 public:
  explicit SkipsDirectorySyncs(log::Files& inner) : inner_{inner} {}
  Result<std::shared_ptr<log::File>> open(const Path& path, log::OpenMode mode) override {
    return inner_.open(path, mode);
  }
  Result<void> create_directories(const Path& path) override {
    return inner_.create_directories(path);
  }
  Result<void> rename(const Path& from, const Path& to) override { return inner_.rename(from, to); }
  Result<void> remove(const Path& path) override { return inner_.remove(path); }
  Result<void> remove_all(const Path& path) override { return inner_.remove_all(path); }
  Result<std::vector<log::DirectoryEntry>> list(const Path& directory) override {
    return inner_.list(directory);
  }
  Result<bool> exists(const Path& path) override { return inner_.exists(path); }
  Result<void> sync_directory(const Path&) override { return {}; }
  Result<void> sync_all(const Path&) override { return {}; }
  Result<log::DiskSpace> space(const Path& path) override { return inner_.space(path); }
  Result<std::unique_ptr<log::DirectoryLock>> lock_directory(const Path& directory) override {
    return inner_.lock_directory(directory);
  }

 private:
  log::Files& inner_;
};

}  // namespace millrace::log_sim
