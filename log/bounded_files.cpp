#include "log/bounded_files.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/base/ensure.hpp"

namespace millrace::log {

/// The files that are open, in no order, and a hand that goes round among them looking for one to
/// close: one that was not used since the hand came by last.
///
/// Locks: a file's own comes first, then the table's. The hand, which comes the other way, only
/// tries a file's lock and passes by when it is taken.
class BoundedFiles::Table {
 public:
  explicit Table(std::size_t open_max) : open_max_{open_max} {}
  /// Closes files until one more may be open, or enough were looked at.
  void make_room();
  void add(Handle& handle);
  /// Takes the handle in, to be found by its path, and `drop`s it at its end.
  void enter(const std::shared_ptr<Handle>& handle);
  void drop(Handle& handle);
  [[nodiscard]] std::vector<std::shared_ptr<Handle>> find(const Path& path) const;
  void moved(const std::shared_ptr<Handle>& handle, const Path& from);
  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock lock{mutex_};
    return open_.size();
  }

 private:
  /// Where nearly all files must stay open, looking for one that need not would take ever longer.
  static constexpr std::size_t kLooksMax = 256;

  void take_out(std::size_t place);
  void forget(const Handle& handle, const Path& path);

  const std::size_t open_max_;
  mutable std::mutex mutex_;
  std::vector<Handle*> open_;  // guarded by mutex_, and so is `place_` of each
  std::size_t hand_ = 0;       // guarded by mutex_
  // All handles by the hashes of their paths; guarded by mutex_.
  struct Entry {
    const Handle* handle;
    std::weak_ptr<Handle> weak;
  };
  std::unordered_multimap<std::size_t, Entry> by_path_;
};

class BoundedFiles::Handle final : public File {
 public:
  Handle(Files& inner, std::shared_ptr<Table> table, Path path, OpenMode mode,
         std::shared_ptr<File> file)
      : inner_{inner},
        table_{std::move(table)},
        path_{std::move(path)},
        again_{mode == OpenMode::read_only ? OpenMode::read_only : OpenMode::read_write},
        file_{std::move(file)} {
    table_->add(*this);
  }
  /// Does `rename` while nobody can open the file by its path.
  template <class Rename>
  Result<void> renamed(const Path& to, Rename rename) {
    const std::scoped_lock lock{mutex_};
    auto done = rename();
    if (done) path_ = to;
    return done;
  }
  /// Safe while the handle is not being renamed.
  [[nodiscard]] const Path& path() const { return path_; }

  ~Handle() override { table_->drop(*this); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Result<std::size_t> read_at(MutableBytes into, std::uint64_t position) const override {
    const auto file = use();
    return file ? (*file)->read_at(into, position) : file.error();
  }
  Result<std::size_t> read_resident(MutableBytes into, std::uint64_t position) const override {
    const auto file = use();
    return file ? (*file)->read_resident(into, position) : file.error();
  }
  Result<void> write_at(std::span<const Bytes> pieces, std::uint64_t position) override {
    const auto file = use_to_write();
    return file ? (*file)->write_at(pieces, position) : file.error();
  }
  Result<void> truncate(std::uint64_t size) override {
    const auto file = use_to_write();
    return file ? (*file)->truncate(size) : file.error();
  }
  Result<void> allocate(std::uint64_t size) override {
    const auto file = use_to_write();
    return file ? (*file)->allocate(size) : file.error();
  }
  Result<void> sync() override {
    const auto file = use();
    if (!file) return file.error();
    const std::uint64_t before = writes_;
    const auto synced = (*file)->sync();
    if (synced) synced_writes_ = before;
    return synced;
  }
  Result<std::uint64_t> size() const override {
    const auto file = use();
    return file ? (*file)->size() : file.error();
  }
  Result<std::uint64_t> identity() const override {
    const auto file = use();
    return file ? (*file)->identity() : file.error();
  }
  [[nodiscard]] Result<std::shared_ptr<const File>> pin() const override {
    const auto file = use();
    if (!file) return file.error();
    return std::shared_ptr<const File>{*file};
  }
  void bear_losses() override { bears_losses_ = true; }
  [[nodiscard]] std::optional<Timestamp> modified() const override {
    const auto file = use();
    return file ? (*file)->modified() : std::nullopt;
  }
  [[nodiscard]] std::uint64_t cuts() const override {
    const auto file = use();
    return file ? (*file)->cuts() : 0;
  }

 private:
  friend class Table;

  /// The open file, kept open as long as the result is held.
  Result<std::shared_ptr<File>> use() const {
    const std::scoped_lock lock{mutex_};
    used_ = true;
    if (!file_) {
      table_->make_room();
      auto opened = inner_.open(path_, again_);
      if (!opened) return opened.error();
      const auto identity = (*opened)->identity();
      if (!identity) return identity.error();
      if (*identity != identity_) return ErrorInfo{ESTALE, boost::system::generic_category()};
      file_ = std::move(*opened);
      table_->add(const_cast<Handle&>(*this));  // NOLINT: only the table's view of it changes
    }
    return file_;
  }
  Result<std::shared_ptr<File>> use_to_write() {
    ++writes_;  // before the file may be closed again
    return use();
  }
  /// Closes the file if that is allowed now. Called by the table.
  bool close_if_idle() {
    const std::unique_lock lock{mutex_, std::try_to_lock};
    if (!lock || !file_ || used_.exchange(false)) return false;
    if (file_.use_count() > 1) return false;
    if (writes_ != synced_writes_ && !bears_losses_) return false;
    const auto identity = file_->identity();
    if (!identity) return false;
    identity_ = *identity;
    file_.reset();
    return true;
  }

  Files& inner_;
  const std::shared_ptr<Table> table_;
  Path path_;  // guarded by mutex_
  const OpenMode again_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<File> file_;     // guarded by mutex_; null: closed
  std::uint64_t identity_ = 0;             // guarded by mutex_; of the file that was closed
  mutable std::atomic<bool> used_ = true;  // since the hand came by
  std::atomic<std::uint64_t> writes_ = 0;  // begun; what was written before `open` is not ours
  std::atomic<std::uint64_t> synced_writes_ = 0;
  std::atomic<bool> bears_losses_ = false;
  mutable std::size_t place_ = kNowhere;  // in the table
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
};

void BoundedFiles::Table::make_room() {
  const std::scoped_lock lock{mutex_};
  for (std::size_t looks = std::min<std::size_t>(4 * open_.size(), kLooksMax);
       looks > 0 && open_.size() >= open_max_; --looks) {
    if (hand_ >= open_.size()) hand_ = 0;
    if (open_[hand_]->close_if_idle()) {
      take_out(hand_);
    } else {
      ++hand_;
    }
  }
}

void BoundedFiles::Table::add(Handle& handle) {
  const std::scoped_lock lock{mutex_};
  handle.place_ = open_.size();
  open_.push_back(&handle);
}

void BoundedFiles::Table::enter(const std::shared_ptr<Handle>& handle) {
  const std::scoped_lock lock{mutex_};
  by_path_.emplace(std::filesystem::hash_value(handle->path()), Entry{handle.get(), handle});
}

std::vector<std::shared_ptr<BoundedFiles::Handle>> BoundedFiles::Table::find(
    const Path& path) const {
  std::vector<std::shared_ptr<Handle>> found;
  {
    const std::scoped_lock lock{mutex_};
    const auto [first, last] = by_path_.equal_range(std::filesystem::hash_value(path));
    for (auto it = first; it != last; ++it)
      if (auto handle = it->second.weak.lock()) found.push_back(std::move(handle));
  }
  // Behind the lock, for the last to let go of a handle comes back here.
  std::erase_if(found, [&](const auto& handle) { return handle->path() != path; });
  return found;
}

void BoundedFiles::Table::moved(const std::shared_ptr<Handle>& handle, const Path& from) {
  const std::scoped_lock lock{mutex_};
  forget(*handle, from);
  by_path_.emplace(std::filesystem::hash_value(handle->path()), Entry{handle.get(), handle});
}

void BoundedFiles::Table::forget(const Handle& handle, const Path& path) {
  const auto [first, last] = by_path_.equal_range(std::filesystem::hash_value(path));
  const auto entry =
      std::find_if(first, last, [&](const auto& item) { return item.second.handle == &handle; });
  if (entry != last) by_path_.erase(entry);
}

void BoundedFiles::Table::drop(Handle& handle) {
  const std::scoped_lock lock{mutex_};
  forget(handle, handle.path());
  if (handle.place_ != Handle::kNowhere) take_out(handle.place_);
}

void BoundedFiles::Table::take_out(std::size_t place) {
  ENSURE(place < open_.size());
  open_[place]->place_ = Handle::kNowhere;
  open_[place] = open_.back();
  open_.pop_back();
  if (place < open_.size()) open_[place]->place_ = place;
}

BoundedFiles::BoundedFiles(Files& inner, std::size_t open_max)
    : inner_{inner}, table_{std::make_shared<Table>(open_max)} {}

BoundedFiles::~BoundedFiles() = default;

Result<std::shared_ptr<File>> BoundedFiles::open(const Path& path, OpenMode mode) {
  table_->make_room();
  auto file = inner_.open(path, mode);
  if (!file) return file.error();
  const auto handle = std::make_shared<Handle>(inner_, table_, path, mode, std::move(*file));
  table_->enter(handle);
  return std::shared_ptr<File>{handle};
}

Result<std::shared_ptr<File>> BoundedFiles::open_durable(const Path& path) {
  return inner_.open_durable(path);
}

Result<void> BoundedFiles::create_directories(const Path& path) {
  return inner_.create_directories(path);
}
Result<void> BoundedFiles::rename(const Path& from, const Path& to) {
  const auto handles = table_->find(from);
  const std::function<Result<void>(std::size_t)> rename = [&](std::size_t done) {
    if (done == handles.size()) return inner_.rename(from, to);
    return handles[done]->renamed(to, [&] { return rename(done + 1); });
  };
  const auto renamed = rename(0);
  if (renamed)
    for (const auto& handle : handles) table_->moved(handle, from);
  return renamed;
}
Result<void> BoundedFiles::remove(const Path& path) {
  return inner_.remove(path);
}
Result<void> BoundedFiles::remove_all(const Path& path) {
  return inner_.remove_all(path);
}
Result<std::vector<DirectoryEntry>> BoundedFiles::list(const Path& directory) {
  return inner_.list(directory);
}
Result<bool> BoundedFiles::exists(const Path& path) {
  return inner_.exists(path);
}
Result<void> BoundedFiles::sync_directory(const Path& directory) {
  return inner_.sync_directory(directory);
}
Result<void> BoundedFiles::sync_all(const Path& directory) {
  return inner_.sync_all(directory);
}
Result<DiskSpace> BoundedFiles::space(const Path& path) {
  return inner_.space(path);
}
Result<std::unique_ptr<DirectoryLock>> BoundedFiles::lock_directory(const Path& directory) {
  return inner_.lock_directory(directory);
}

std::size_t BoundedFiles::open_now() const {
  return table_->size();
}

}  // namespace millrace::log
