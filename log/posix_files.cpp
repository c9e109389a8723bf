#include "log/posix_files.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <system_error>

#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

constexpr std::size_t kVectorsMax = 1024;  // IOV_MAX of Linux; a longer write takes several calls
// The page cache takes in and drops about so much at a time, so a probe speaks for as much.
constexpr std::uint64_t kProbeBytes = 128U << 10;

ErrorInfo last_error() {
  return {errno, boost::system::generic_category()};
}

ErrorInfo from_std(const std::error_code& error) {
  return {error.value(), boost::system::generic_category()};
}

/// `call` again as long as a signal interrupts it.
template <class Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

/// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> open_descriptor(const Files::Path& path, int flags) {
  const int fd = retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (fd < 0) return last_error();
  return Descriptor{fd};
}

class PosixFile final : public File {
 public:
  /// `is_durable`: each write is on stable storage when it returns.
  explicit PosixFile(Descriptor fd, bool is_durable = false)
      : fd_{std::move(fd)}, is_durable_{is_durable} {}

  Result<std::size_t> read_at(MutableBytes into, std::uint64_t position) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto got = retried([&] {
        return ::pread(fd_.get(), into.data() + done, into.size() - done,
                       static_cast<off_t>(position + done));
      });
      if (got < 0) return last_error();
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<void> write_at(std::span<const Bytes> pieces, std::uint64_t position) override {
    std::array<iovec, kVectorsMax> vectors;
    std::size_t piece = 0;
    std::size_t skip = 0;  // bytes of pieces[piece] that are written
    for (;;) {
      std::size_t count = 0;
      for (std::size_t i = piece; i < pieces.size() && count < kVectorsMax; ++i) {
        const Bytes rest = pieces[i].subspan(i == piece ? skip : 0);
        if (rest.empty()) continue;
        vectors[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
      }
      if (count == 0) return {};
      const auto put = retried([&] {
        return ::pwritev(fd_.get(), vectors.data(), static_cast<int>(count),
                         static_cast<off_t>(position));
      });
      if (put < 0) return last_error();
      if (put == 0) return ErrorInfo{ENOSPC, boost::system::generic_category()};
      position += static_cast<std::uint64_t>(put);
      for (auto left = static_cast<std::size_t>(put); left > 0;) {
        const std::size_t step = std::min(left, pieces[piece].size() - skip);
        skip += step;
        left -= step;
        if (skip == pieces[piece].size()) {
          ++piece;
          skip = 0;
        }
      }
    }
  }

  Result<void> sync() override {
    if (is_durable_) return {};
    // fdatasync also writes the size, which is all the metadata that reading back needs.
    if (retried([&] { return ::fdatasync(fd_.get()); }) != 0) return last_error();
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    const auto before = this->size();
    if (!before) return before.error();
    if (size < *before) ++cuts_;  // before it happens, so that nobody sends what replaces it
    if (retried([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0)
      return last_error();
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return last_error();
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<std::size_t> read_resident(MutableBytes into, std::uint64_t position) const override {
    read_nothing_ahead();
    const iovec vector{into.data(), into.size()};
    const auto got = retried(
        [&] { return ::preadv2(fd_.get(), &vector, 1, static_cast<off_t>(position), RWF_NOWAIT); });
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EOPNOTSUPP) return last_error();
    // A file system that cannot tell: then it waits, as far as anybody knows.
    return ErrorInfo{EAGAIN, boost::system::generic_category()};
  }

  Result<std::uint64_t> identity() const override {
    struct statx status{};
    if (::statx(fd_.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
      return last_error();
    // Numbers of files are given out again at once, so the time of birth belongs to it; and two may
    // be born in the same tick of the clock, so the generation does, where the file system has one.
    const auto born = static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 +
                      status.stx_btime.tv_nsec;
    long generation = 0;  // NOLINT(google-runtime-int): the system's type
    (void)::ioctl(fd_.get(), FS_IOC_GETVERSION, &generation);
    constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15ULL;
    return (status.stx_ino * kMix + born) * kMix + static_cast<std::uint64_t>(generation);
  }

  Result<void> allocate(std::uint64_t size) override {
    // Gives its error instead of setting errno.
    const int error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    if (error != 0) return ErrorInfo{error, boost::system::generic_category()};
    return {};
  }

  [[nodiscard]] std::optional<Timestamp> modified() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return std::nullopt;
    return Timestamp{status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000};
  }

  [[nodiscard]] std::optional<int> descriptor() const override { return fd_.get(); }
  [[nodiscard]] std::uint64_t cuts() const override { return cuts_; }

  [[nodiscard]] bool is_resident(std::uint64_t position, std::uint64_t size) const override {
    return for_each_probe(position, size, [this](std::uint64_t at) {
      std::byte byte{};
      return read_resident({&byte, 1}, at).has_value();
    });
  }

  void bring_in(std::uint64_t position, std::uint64_t size) const override {
    read_nothing_ahead();
    // One call reads no more than the device's read-ahead, so there are several; they do not wait.
    for (std::uint64_t at = position; at < position + size; at += kProbeBytes)
      advise(at, std::min(kProbeBytes, position + size - at), POSIX_FADV_WILLNEED);
    for_each_probe(position, size, [this](std::uint64_t at) {
      std::byte byte{};
      return read_at({&byte, 1}, at).has_value();  // now they wait
    });
  }

  void let_go(std::uint64_t position, std::uint64_t size) const override {
    advise(position, size, POSIX_FADV_DONTNEED);
  }

 private:
  /// Calls `look` for one byte of each stretch of the range and for its last until it gives false.
  template <class Look>
  static bool for_each_probe(std::uint64_t position, std::uint64_t size, Look look) {
    if (size == 0) return true;
    for (std::uint64_t at = position; at < position + size - 1; at += kProbeBytes)
      if (!look(at)) return false;
    return look(position + size - 1);
  }
  /// What the system reads ahead by itself nobody could tell from what was in memory before, so it
  /// would stay there when its reader is gone. From the first read on behalf of somebody who knows
  /// what to read ahead, that is left to them.
  void read_nothing_ahead() const {
    if (!advised_.load(std::memory_order_relaxed) && !advised_.exchange(true))
      advise(0, 0, POSIX_FADV_RANDOM);
  }
  /// Advice may be lost; what it is for then only takes longer.
  void advise(std::uint64_t position, std::uint64_t size, int advice) const {
    (void)::posix_fadvise(fd_.get(), static_cast<off_t>(position), static_cast<off_t>(size),
                          advice);
  }

  Descriptor fd_;
  std::atomic<std::uint64_t> cuts_ = 0;
  mutable std::atomic<bool> advised_ = false;
  bool is_durable_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_{std::move(fd)} {}

 private:
  Descriptor fd_;  // closing it gives the lock back
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read_only:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

Result<std::shared_ptr<File>> PosixFiles::open(const Path& path, OpenMode mode) {
  auto fd = open_descriptor(path, flags_of(mode));
  if (!fd) return fd.error();
  return std::shared_ptr<File>{std::make_shared<PosixFile>(std::move(*fd))};
}

Result<std::shared_ptr<File>> PosixFiles::open_durable(const Path& path) {
  // Direct writes need neither the page cache nor a flush of what others wrote into it. Not every
  // file system has them (tmpfs of older kernels); each has the other flag.
  auto direct = open_descriptor(path, O_RDWR | O_DSYNC | O_DIRECT);
  auto fd = direct ? std::move(direct) : open_descriptor(path, O_RDWR | O_DSYNC);
  if (!fd) return fd.error();
  return std::shared_ptr<File>{std::make_shared<PosixFile>(std::move(*fd), true)};
}

Result<void> PosixFiles::create_directories(const Path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return from_std(error);
  return {};
}

Result<void> PosixFiles::rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return last_error();
  return {};
}

Result<void> PosixFiles::remove(const Path& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return from_std(error);
  return {};
}

Result<void> PosixFiles::remove_all(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return from_std(error);
  return {};
}

Result<std::vector<DirectoryEntry>> PosixFiles::list(const Path& directory) {
  std::error_code error;
  std::vector<DirectoryEntry> entries;
  auto it = std::filesystem::directory_iterator{directory, error};
  for (; !error && it != std::filesystem::directory_iterator{}; it.increment(error)) {
    std::error_code ignored;  // an entry that vanished meanwhile is no directory
    entries.push_back({it->path().filename().string(), it->is_directory(ignored)});
  }
  if (error) return from_std(error);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<bool> PosixFiles::exists(const Path& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (error) return {boost::system::in_place_error, from_std(error)};
  return there;
}

Result<void> PosixFiles::sync_directory(const Path& directory) {
  const auto fd = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  if (retried([&] { return ::fsync(fd->get()); }) != 0) return last_error();
  return {};
}

Result<void> PosixFiles::sync_all(const Path& directory) {
  const auto fd = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  if (retried([&] { return ::syncfs(fd->get()); }) != 0) return last_error();
  return {};
}

Result<DiskSpace> PosixFiles::space(const Path& path) {
  struct statvfs status{};
  if (retried([&] { return ::statvfs(path.c_str(), &status); }) != 0) return last_error();
  const std::uint64_t block = status.f_frsize;
  return DiskSpace{status.f_bavail * block, status.f_blocks * block};
}

Result<std::unique_ptr<DirectoryLock>> PosixFiles::lock_directory(const Path& directory) {
  auto fd = open_descriptor(directory / ".lock", O_RDWR | O_CREAT);
  if (!fd) return fd.error();
  if (retried([&] { return ::flock(fd->get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) return Errc::directory_in_use;
    return last_error();
  }
  return std::unique_ptr<DirectoryLock>{std::make_unique<PosixLock>(std::move(*fd))};
}

}  // namespace millrace::log
