#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/types.hpp"

namespace millrace::log {

/// One open file. Reads and `sync` may run on any thread, also at the same time as a write; writes
/// and `truncate` come from one thread at a time. Calls block. Errors are the operating system's
/// (`boost::system::generic_category`), or `Errc` where the file itself is at fault.
class File : public FileSource {
 public:
  /// `read_at` without waiting for the disk: may be shorter than asked for that reason, too, or the
  /// error `resource_unavailable_try_again`.
  virtual Result<std::size_t> read_resident(MutableBytes into, std::uint64_t position) const {
    return read_at(into, position);
  }
  /// What to read through over a longer time, across renamings and removals: this file, open for as
  /// long as the result is held. Null: this object itself is that.
  [[nodiscard]] virtual Result<std::shared_ptr<const File>> pin() const {
    return std::shared_ptr<const File>{};
  }
  /// What is written here may be lost, even unnoticed by a later `sync`: see `BoundedFiles`.
  virtual void bear_losses() {}
  /// Tells files apart that had the same path one after the other.
  [[nodiscard]] virtual Result<std::uint64_t> identity() const { return std::uint64_t{0}; }
  /// Writes all pieces one behind the other from `position`, in as few calls as possible. On an
  /// error an unknown part of them may have been written.
  virtual Result<void> write_at(std::span<const Bytes> pieces, std::uint64_t position) = 0;
  /// Returns when everything written before the call is on stable storage, size included. After an
  /// error nothing is known of what was written since the last success: do not retry, give up.
  virtual Result<void> sync() = 0;
  /// Cuts or extends (with zeros) the file to `size` bytes.
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
  /// Makes the file at least `size` bytes long and takes the room for them from the disk now.
  virtual Result<void> allocate(std::uint64_t size) = 0;
  /// When its contents last changed; nothing where that is not known (memory files).
  [[nodiscard]] virtual std::optional<Timestamp> modified() const { return std::nullopt; }
};

/// What `file` says to `pin`. `file` itself if that is it, or if it failed: then its reads tell
/// why.
std::shared_ptr<const File> pinned(const std::shared_ptr<File>& file);

enum class OpenMode {
  read_only,   // must exist
  read_write,  // must exist
  create,      // read and write; created empty when missing
  create_new,  // read and write; an error when it exists
};

struct DirectoryEntry {
  friend bool operator==(const DirectoryEntry&, const DirectoryEntry&) = default;
  std::string name;  // without its directory
  bool is_directory = false;
};

/// The disk that holds a path.
struct DiskSpace {
  friend bool operator==(const DiskSpace&, const DiskSpace&) = default;
  std::uint64_t available = 0;  // bytes that may still be written
  std::uint64_t total = 0;
};

/// Held while a data directory is in use; released by the destructor (and by the death of the
/// process).
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

/// One of the four seams: the only door to the file system. The simulated form loses what was not
/// synced, tears the last write, flips bits, fills up and fails the Nth call.
/// Safe from any thread. Calls block.
class Files {
 public:
  using Path = std::filesystem::path;
  virtual ~Files() = default;
  virtual Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) = 0;
  /// An existing file whose writes are on stable storage when `write_at` returns, so that `sync`
  /// has nothing to do. Positions and sizes of writes are whole blocks of 4096 bytes, in memory
  /// that begins at such a boundary. They cost least where they neither extend the file nor touch
  /// blocks that were never written. This form writes and syncs.
  virtual Result<std::shared_ptr<File>> open_durable(const Path& path);
  /// Durable only after `sync_directory` of the parent, like `rename` and `remove`.
  virtual Result<void> create_directories(const Path& path) = 0;
  /// Replaces `to` if it exists, as one step: after a crash either the old or the new one is there.
  virtual Result<void> rename(const Path& from, const Path& to) = 0;
  /// A file or an empty directory. Missing already is not an error.
  virtual Result<void> remove(const Path& path) = 0;
  /// Removes a directory with all that is in it. Missing already is not an error.
  virtual Result<void> remove_all(const Path& path) = 0;
  /// Entries of a directory in the order of their names.
  virtual Result<std::vector<DirectoryEntry>> list(const Path& directory) = 0;
  virtual Result<bool> exists(const Path& path) = 0;
  /// Makes creations, renames and removals in `directory` durable.
  virtual Result<void> sync_directory(const Path& directory) = 0;
  /// Makes durable whatever was done before to the file system that `directory` is on, by whomever:
  /// a process that died may have left bytes, names and lengths that only the system's memory has,
  /// and logs are opened upon what is seen. One call for all of them: a sync of each folder would
  /// cost a flush of the disk each.
  virtual Result<void> sync_all(const Path& directory) = 0;
  virtual Result<DiskSpace> space(const Path& path) = 0;
  /// Takes the directory for this process alone. `Errc::directory_in_use` when another has it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock_directory(const Path& directory) = 0;

  /// Whole contents of a small file.
  Result<std::vector<std::byte>> read_all(const Path& path);
  /// The same; nothing when there is no such file.
  Result<std::optional<std::vector<std::byte>>> read_if_there(const Path& path);
  /// Replaces a small file as one durable step: write beside it, sync, rename, sync the directory.
  Result<void> write_atomically(const Path& path, Bytes contents);
};

}  // namespace millrace::log
