#include "tests/support/memory_files.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"
#include "tests/support/memory_node.hpp"

namespace millrace::sim {
namespace {

using log::OpenMode;
using Node = MemoryNode;

constexpr std::size_t kCallKinds = static_cast<std::size_t>(FileCall::sync_all) + 1;

ErrorInfo os_error(int number) {
  return {number, boost::system::generic_category()};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, FileCall call) {
  // clang-format off
  static constexpr std::array<std::string_view, kCallKinds> kNames{
      "open", "read", "write", "sync", "truncate", "size", "create_directories", "rename", "remove",
      "remove_all", "list", "exists", "sync_directory", "space", "allocate", "lock_directory",
      "sync_all"};
  // clang-format on
  return out << kNames[static_cast<std::size_t>(call)];
}

struct MemoryFiles::Disk {
  std::atomic<bool> cold = false;

  Result<void> call(FileCall kind) {
    ++calls[static_cast<std::size_t>(kind)];
    was_dead = power_lost;
    if (power_in > 0 && --power_in == 0) power_lost = true;
    if (power_lost) return os_error(EIO);
    if (fail_in == 0 || (fail_kind && *fail_kind != kind)) return {};
    if (--fail_in > 0) return {};
    return os_error(fail_with);
  }
  /// Outside the mutex, for the hook may call back.
  void announce(FileCall kind, const Path& path) const {
    if (hook) hook(kind, path);
  }
  [[nodiscard]] std::shared_ptr<Node> find(const Path& path) const {
    std::shared_ptr<Node> node = root;
    for (const auto& part : path.relative_path()) {
      if (part.empty() || part == ".") continue;
      if (!node->directory) return nullptr;
      const auto next = node->entries.find(part.string());
      if (next == node->entries.end()) return nullptr;
      node = next->second;
    }
    return node;
  }
  [[nodiscard]] std::shared_ptr<Node> file(const Path& path) const {
    auto node = find(path);
    ENSURE(node != nullptr && !node->directory);
    return node;
  }
  void forget_open_files() {
    ++generation;
    locked.clear();
    power_in = 0;
    power_lost = false;
  }

  mutable std::mutex mutex;
  std::shared_ptr<Node> root = std::make_shared<Node>();
  std::uint64_t generation = 0;  // of open files and locks: a crash ends them all
  std::set<Path> locked;
  std::array<std::uint64_t, kCallKinds> calls{};
  std::uint64_t fail_in = 0;
  std::optional<FileCall> fail_kind;
  int fail_with = EIO;
  std::uint64_t power_in = 0;
  bool power_lost = false;
  bool was_dead = false;  // before the call that is being made
  bool forgetful = false;
  CallHook hook;
  std::optional<std::uint64_t> space;
  bool lying = false;
};

class MemoryFiles::Handle final : public log::File {
 public:
  Handle(std::shared_ptr<Disk> disk, std::shared_ptr<Node> node, Path path, bool writable)
      : disk_{std::move(disk)},
        node_{std::move(node)},
        path_{std::move(path)},
        generation_{disk_->generation},
        writable_{writable} {}

  Result<std::size_t> read_at(MutableBytes into, std::uint64_t position) const override {
    disk_->announce(FileCall::read, path_);
    const std::scoped_lock lock{disk_->mutex};
    if (const auto allowed = begin(FileCall::read); !allowed) return allowed.error();
    const auto& data = node_->data;
    if (position >= data.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), data.size() - position);
    if (count > 0) std::memcpy(into.data(), data.data() + position, count);
    return count;
  }

  Result<std::size_t> read_resident(MutableBytes into, std::uint64_t position) const override {
    if (disk_->cold) return os_error(EAGAIN);
    return read_at(into, position);
  }
  void let_go(std::uint64_t position, std::uint64_t size) const override {
    const std::scoped_lock lock{disk_->mutex};
    if (generation_ == disk_->generation) node_->let_go(position, size);
  }
  [[nodiscard]] bool is_resident(std::uint64_t /*position*/,
                                 std::uint64_t /*size*/) const override {
    return !disk_->cold;
  }

  Result<void> write_at(std::span<const Bytes> pieces, std::uint64_t position) override {
    disk_->announce(FileCall::write, path_);
    const std::scoped_lock lock{disk_->mutex};
    if (!writable_) return os_error(EBADF);
    Node::FileStep step{.position = position};
    for (const Bytes piece : pieces)
      step.bytes.insert(step.bytes.end(), piece.begin(), piece.end());
    const auto allowed = begin(FileCall::write);
    if (!allowed) {
      if (generation_ != disk_->generation || disk_->was_dead) return allowed.error();
      step.bytes.resize(step.bytes.size() / 2);
    }
    const bool fits = take_space(step);
    if (!step.bytes.empty()) node_->take(std::move(step));
    if (!allowed) return allowed.error();
    if (!fits) return os_error(ENOSPC);
    return {};
  }

  Result<void> sync() override {
    disk_->announce(FileCall::sync, path_);
    const std::scoped_lock lock{disk_->mutex};
    if (const auto allowed = begin(FileCall::sync); !allowed) {
      if (disk_->forgetful && !disk_->power_lost && generation_ == disk_->generation)
        node_->forget_unsynced();
      return allowed.error();
    }
    if (!disk_->lying) node_->make_durable();
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    disk_->announce(FileCall::truncate, path_);
    const std::scoped_lock lock{disk_->mutex};
    if (const auto allowed = begin(FileCall::truncate); !allowed) return allowed.error();
    if (!writable_) return os_error(EBADF);
    if (size < node_->data.size()) ++node_->cuts;
    node_->take(Node::FileStep{.is_truncate = true, .position = size});
    return {};
  }
  Result<std::uint64_t> identity() const override {
    return std::uint64_t{reinterpret_cast<std::uintptr_t>(node_.get())};
  }
  [[nodiscard]] std::uint64_t cuts() const override {
    const std::scoped_lock lock{disk_->mutex};
    return node_->cuts;
  }

  Result<void> allocate(std::uint64_t size) override {
    const std::scoped_lock lock{disk_->mutex};
    if (const auto allowed = begin(FileCall::allocate); !allowed) return allowed.error();
    if (!writable_) return os_error(EBADF);
    Node::FileStep step{.position = node_->data.size()};
    if (size > step.position) step.bytes.resize(size - step.position);
    if (!take_space(step)) return os_error(ENOSPC);
    if (!step.bytes.empty()) node_->take(std::move(step));
    return {};
  }

  Result<std::uint64_t> size() const override {
    disk_->announce(FileCall::size, path_);
    const std::scoped_lock lock{disk_->mutex};
    if (const auto allowed = begin(FileCall::size); !allowed) return allowed.error();
    return std::uint64_t{node_->data.size()};
  }

 private:
  [[nodiscard]] Result<void> begin(FileCall kind) const {
    const auto allowed = disk_->call(kind);
    if (generation_ != disk_->generation) return os_error(EIO);
    return allowed;
  }
  /// Cuts the step to what fits; false if it had to.
  bool take_space(Node::FileStep& step) {
    if (!disk_->space) return true;
    const std::uint64_t end = step.position + step.bytes.size();
    const std::uint64_t growth = end > node_->data.size() ? end - node_->data.size() : 0;
    const std::uint64_t granted = std::min(growth, *disk_->space);
    *disk_->space -= granted;
    const std::uint64_t missing = growth - granted;
    step.bytes.resize(step.bytes.size() - std::min<std::uint64_t>(missing, step.bytes.size()));
    return missing == 0;
  }

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Node> node_;
  Path path_;
  std::uint64_t generation_;
  bool writable_;
};

class MemoryFiles::Lock final : public log::DirectoryLock {
 public:
  Lock(std::shared_ptr<Disk> disk, Path path)
      : disk_{std::move(disk)}, path_{std::move(path)}, generation_{disk_->generation} {}
  ~Lock() override {
    const std::scoped_lock lock{disk_->mutex};
    if (generation_ == disk_->generation) disk_->locked.erase(path_);
  }

 private:
  std::shared_ptr<Disk> disk_;
  Path path_;
  std::uint64_t generation_;
};

MemoryFiles::MemoryFiles() : disk_{std::make_shared<Disk>()} {
  disk_->root->directory = true;
}
MemoryFiles::~MemoryFiles() = default;

Result<std::shared_ptr<log::File>> MemoryFiles::open(const Path& path, OpenMode mode) {
  disk_->announce(FileCall::open, path);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::open); !allowed) return allowed.error();
  const bool may_create = mode == OpenMode::create || mode == OpenMode::create_new;
  auto node = disk_->find(path);
  if (node && node->directory) return os_error(EISDIR);
  if (node && mode == OpenMode::create_new) return os_error(EEXIST);
  if (!node) {
    const auto parent = disk_->find(path.parent_path());
    if (!may_create || !parent || !parent->directory) return os_error(ENOENT);
    node = std::make_shared<Node>();
    parent->take(Node::DirectoryStep{.come = path.filename().string(), .node = node});
  }
  return std::shared_ptr<log::File>{
      std::make_shared<Handle>(disk_, std::move(node), path, mode != OpenMode::read_only)};
}

Result<void> MemoryFiles::create_directories(const Path& path) {
  disk_->announce(FileCall::create_directories, path);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::create_directories); !allowed)
    return allowed.error();
  std::shared_ptr<Node> node = disk_->root;
  for (const auto& part : path.relative_path()) {
    if (part.empty() || part == ".") continue;
    if (!node->directory) return os_error(ENOTDIR);
    auto next = node->entries.find(part.string());
    if (next == node->entries.end()) {
      auto made = std::make_shared<Node>();
      made->directory = true;
      node->take(Node::DirectoryStep{.come = part.string(), .node = made});
      node = std::move(made);
    } else {
      node = next->second;
    }
  }
  if (!node->directory) return os_error(ENOTDIR);
  return {};
}

Result<void> MemoryFiles::rename(const Path& from, const Path& to) {
  disk_->announce(FileCall::rename, from);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::rename); !allowed) return allowed.error();
  if (from.parent_path() != to.parent_path()) return os_error(EXDEV);
  const auto parent = disk_->find(from.parent_path());
  const auto node = disk_->find(from);
  if (!parent || !node) return os_error(ENOENT);
  parent->take(Node::DirectoryStep{from.filename().string(), to.filename().string(), node});
  return {};
}

Result<void> MemoryFiles::remove(const Path& path) {
  disk_->announce(FileCall::remove, path);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::remove); !allowed) return allowed.error();
  const auto node = disk_->find(path);
  if (!node) return {};
  if (!node->entries.empty()) return os_error(ENOTEMPTY);
  if (disk_->space) *disk_->space += node->data.size();
  const auto parent = disk_->find(path.parent_path());
  parent->take(Node::DirectoryStep{.gone = path.filename().string()});
  return {};
}

Result<void> MemoryFiles::remove_all(const Path& path) {
  disk_->announce(FileCall::remove_all, path);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::remove_all); !allowed) return allowed.error();
  const auto node = disk_->find(path);
  if (!node || node == disk_->root) return {};
  const auto parent = disk_->find(path.parent_path());
  parent->take(Node::DirectoryStep{.gone = path.filename().string()});
  return {};
}

Result<std::vector<log::DirectoryEntry>> MemoryFiles::list(const Path& directory) {
  disk_->announce(FileCall::list, directory);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::list); !allowed) return allowed.error();
  const auto node = disk_->find(directory);
  if (!node) return os_error(ENOENT);
  if (!node->directory) return os_error(ENOTDIR);
  std::vector<log::DirectoryEntry> entries;
  entries.reserve(node->entries.size());
  for (const auto& [name, child] : node->entries) entries.push_back({name, child->directory});
  return entries;
}

Result<bool> MemoryFiles::exists(const Path& path) {
  disk_->announce(FileCall::exists, path);
  const std::scoped_lock lock{disk_->mutex};
  const auto allowed = disk_->call(FileCall::exists);
  if (!allowed) return {boost::system::in_place_error, allowed.error()};
  return disk_->find(path) != nullptr;
}

Result<void> MemoryFiles::sync_all(const Path& directory) {
  disk_->announce(FileCall::sync_all, directory);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::sync_all); !allowed) return allowed.error();
  if (!disk_->lying) disk_->root->make_all_durable();
  return {};
}

Result<void> MemoryFiles::sync_directory(const Path& directory) {
  disk_->announce(FileCall::sync_directory, directory);
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::sync_directory); !allowed) return allowed.error();
  const auto node = disk_->find(directory);
  if (!node) return os_error(ENOENT);
  if (!node->directory) return os_error(ENOTDIR);
  if (!disk_->lying) node->make_durable();
  return {};
}

Result<log::DiskSpace> MemoryFiles::space(const Path& path) {
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::space); !allowed) return allowed.error();
  if (!disk_->find(path)) return os_error(ENOENT);
  return log::DiskSpace{disk_->space.value_or(1ULL << 40), 1ULL << 40};
}

Result<std::unique_ptr<log::DirectoryLock>> MemoryFiles::lock_directory(const Path& directory) {
  const std::scoped_lock lock{disk_->mutex};
  if (const auto allowed = disk_->call(FileCall::lock_directory); !allowed) return allowed.error();
  if (!disk_->find(directory)) return os_error(ENOENT);
  if (!disk_->locked.insert(directory).second) return log::Errc::directory_in_use;
  return std::unique_ptr<log::DirectoryLock>{std::make_unique<Lock>(disk_, directory)};
}

void MemoryFiles::crash(Rng& rng) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->forget_open_files();
  disk_->root->crash(rng);
}

void MemoryFiles::lose_power_at_call(std::uint64_t nth) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->power_in = nth;
}

bool MemoryFiles::power_lost() const {
  const std::scoped_lock lock{disk_->mutex};
  return disk_->power_lost;
}

void MemoryFiles::forget_on_failed_sync(bool forget) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->forgetful = forget;
}

void MemoryFiles::on_call(CallHook hook) {
  disk_->hook = std::move(hook);
}

void MemoryFiles::kill_process() {
  const std::scoped_lock lock{disk_->mutex};
  disk_->forget_open_files();
}

void MemoryFiles::lie_on_sync(bool lie) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->lying = lie;
}

void MemoryFiles::set_space(std::optional<std::uint64_t> bytes) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->space = bytes;
}

void MemoryFiles::fail_call(std::uint64_t nth, std::optional<FileCall> kind, int error) {
  const std::scoped_lock lock{disk_->mutex};
  disk_->fail_in = nth;
  disk_->fail_kind = kind;
  disk_->fail_with = error;
}

void MemoryFiles::set_cold(bool cold) {
  disk_->cold = cold;
}

void MemoryFiles::fail_nothing() {
  fail_call(0);
}

std::uint64_t MemoryFiles::calls(std::optional<FileCall> kind) const {
  const std::scoped_lock lock{disk_->mutex};
  if (kind) return disk_->calls[static_cast<std::size_t>(*kind)];
  std::uint64_t all = 0;
  for (const std::uint64_t count : disk_->calls) all += count;
  return all;
}

void MemoryFiles::flip_bit(const Path& path, std::uint64_t byte, unsigned bit) {
  const std::scoped_lock lock{disk_->mutex};
  const auto node = disk_->file(path);
  node->make_durable();
  ENSURE(byte < node->data.size() && bit < 8);
  node->data[byte] ^= static_cast<std::byte>(1U << bit);
  node->durable_data = node->data;
}

void MemoryFiles::zero(const Path& path, std::uint64_t from, std::uint64_t count) {
  const std::scoped_lock lock{disk_->mutex};
  const auto node = disk_->file(path);
  node->make_durable();
  ENSURE(from + count <= node->data.size());
  std::fill_n(node->data.begin() + static_cast<std::ptrdiff_t>(from), count, std::byte{0});
  node->durable_data = node->data;
}

void MemoryFiles::cut(const Path& path, std::uint64_t size) {
  const std::scoped_lock lock{disk_->mutex};
  const auto node = disk_->file(path);
  node->make_durable();
  node->data.resize(size);
  node->durable_data.resize(size);
}

void MemoryFiles::erase(const Path& path) {
  const std::scoped_lock lock{disk_->mutex};
  const auto parent = disk_->find(path.parent_path());
  ENSURE(parent != nullptr);
  parent->make_durable();
  parent->entries.erase(path.filename().string());
  parent->durable_entries.erase(path.filename().string());
}

void MemoryFiles::put(const Path& path, Bytes contents) {
  const std::scoped_lock lock{disk_->mutex};
  const auto parent = disk_->find(path.parent_path());
  ENSURE(parent != nullptr && parent->directory);
  auto node = std::make_shared<Node>();
  node->data.assign(contents.begin(), contents.end());
  node->durable_data = node->data;
  parent->make_durable();
  parent->entries[path.filename().string()] = node;
  parent->durable_entries[path.filename().string()] = node;
}

std::vector<std::string> MemoryFiles::names(const Path& directory) const {
  const std::scoped_lock lock{disk_->mutex};
  std::vector<std::string> names;
  if (const auto node = disk_->find(directory))
    for (const auto& [name, child] : node->entries) names.push_back(name);
  return names;
}

std::vector<std::byte> MemoryFiles::contents(const Path& path) const {
  const std::scoped_lock lock{disk_->mutex};
  const auto node = disk_->find(path);
  return node ? node->data : std::vector<std::byte>{};
}

std::uint64_t MemoryFiles::size_of(const Path& path) const {
  const std::scoped_lock lock{disk_->mutex};
  const auto node = disk_->find(path);
  return node ? node->data.size() : 0;
}

}  // namespace millrace::sim
