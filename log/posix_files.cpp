#include "log/posix_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include "log/errc.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

constexpr std::size_t kVectorsMax = 1024;  // IOV_MAX of Linux; a longer write takes several calls

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
  explicit PosixFile(Descriptor fd) : fd_{std::move(fd)} {}

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
    // fdatasync also writes the size, which is all the metadata that reading back needs.
    if (retried([&] { return ::fdatasync(fd_.get()); }) != 0) return last_error();
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0)
      return last_error();
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return last_error();
    return static_cast<std::uint64_t>(status.st_size);
  }

  [[nodiscard]] std::optional<int> descriptor() const override { return fd_.get(); }

 private:
  Descriptor fd_;
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

Result<std::uint64_t> PosixFiles::space_available(const Path& path) {
  struct statvfs status{};
  if (retried([&] { return ::statvfs(path.c_str(), &status); }) != 0) return last_error();
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
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
