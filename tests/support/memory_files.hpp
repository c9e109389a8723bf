#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "log/files.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::sim {

/// Kinds of calls that a `MemoryFiles` counts and can be told to fail.
enum class FileCall : std::uint8_t {
  open,
  read,
  write,
  sync,
  truncate,
  size,
  create_directories,
  rename,
  remove,
  remove_all,
  list,
  exists,
  sync_directory,
  space,
  allocate,
  lock_directory,
  sync_all,
};
std::ostream& operator<<(std::ostream& out, FileCall call);

/// The simulated disk. It keeps what was synced apart from what was only written, in files and in
/// directories, and `crash` decides by chance what of the latter survives. Everything else that a
/// disk does to people can be asked for: flipped bits, zeroed ranges, no space left, a failing Nth
/// call, a sync that lies.
///
/// Thread-safe by one mutex; every call is a point in time, so a sync makes durable exactly what
/// was written before it began. Files that are open at a crash fail from then on.
class MemoryFiles final : public log::Files {
 public:
  MemoryFiles();
  ~MemoryFiles() override;

  // -- log::Files --------------------------------------------------------------------------------
  Result<std::shared_ptr<log::File>> open(const Path& path, log::OpenMode mode) override;
  Result<void> create_directories(const Path& path) override;
  Result<void> rename(const Path& from, const Path& to) override;
  Result<void> remove(const Path& path) override;
  Result<void> remove_all(const Path& path) override;
  Result<std::vector<log::DirectoryEntry>> list(const Path& directory) override;
  Result<bool> exists(const Path& path) override;
  Result<void> sync_directory(const Path& directory) override;
  Result<void> sync_all(const Path& directory) override;
  Result<log::DiskSpace> space(const Path& path) override;
  Result<std::unique_ptr<log::DirectoryLock>> lock_directory(const Path& directory) override;

  // -- The weather -------------------------------------------------------------------------------

  /// Power failure. Each unsynced write survives wholly, torn (at a byte or sector by sector) or
  /// not at all, independently of the others; so does each unsynced creation, renaming and removal.
  /// Locks are released.
  void crash(Rng& rng);
  /// The process dies, the machine does not: everything written survives. Locks are released.
  void kill_process();
  /// The `nth` call from now (1: the next) and all behind it fail, until `crash` or `kill_process`
  /// says what became of the machine: so that a failure may strike inside of any operation. A write
  /// that it strikes is half done.
  void lose_power_at_call(std::uint64_t nth);
  [[nodiscard]] bool power_lost() const;
  /// From now on a failed sync leaves what it should have synced visible, but it never reaches the
  /// disk, not by a later sync either: Linux counts such pages as clean. What is written into them
  /// later does not either, see `MemoryNode::forget_unsynced`.
  void forget_on_failed_sync(bool forget);
  /// Called before each call of files, with the file's path, outside of all locks: it may call back
  /// and so let other work happen in the middle of this. Set it while nothing runs.
  using CallHook = std::function<void(FileCall, const Path&)>;
  void on_call(CallHook hook);
  /// From now on `sync` and `sync_directory` report success and do nothing: the disk that the
  /// checkers of crash tests must find out.
  void lie_on_sync(bool lie);

  /// Bytes that files may still grow by; nothing (the default): without end. A write that does not
  /// fit stores what fits and fails with ENOSPC; a file that is removed gives its bytes back.
  void set_space(std::optional<std::uint64_t> bytes);
  /// The `nth` call from now (1: the next) fails with `error`; of `kind`, or of any kind. A failing
  /// write stores half of its bytes, a failing sync makes nothing durable. Later calls succeed.
  void fail_call(std::uint64_t nth, std::optional<FileCall> kind = std::nullopt, int error = EIO);
  void fail_nothing();
  /// While cold, nothing is in memory: what must not wait for the disk finds nothing.
  void set_cold(bool cold);
  /// Calls so far, of one kind or of all.
  [[nodiscard]] std::uint64_t calls(std::optional<FileCall> kind = std::nullopt) const;

  // -- Behind the back of the program: on the durable and on the visible contents alike ----------

  void flip_bit(const Path& path, std::uint64_t byte, unsigned bit);
  void zero(const Path& path, std::uint64_t from, std::uint64_t count);
  void cut(const Path& path, std::uint64_t size);
  void erase(const Path& path);
  void put(const Path& path, Bytes contents);
  /// What is in a directory, in order.
  [[nodiscard]] std::vector<std::string> names(const Path& directory) const;
  /// Contents as a reader sees them; empty when there is no such file.
  [[nodiscard]] std::vector<std::byte> contents(const Path& path) const;
  [[nodiscard]] std::uint64_t size_of(const Path& path) const;

 private:
  struct Disk;
  class Handle;
  class Lock;

  std::shared_ptr<Disk> disk_;
};

}  // namespace millrace::sim
