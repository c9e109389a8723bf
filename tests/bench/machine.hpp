#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "log/journal/block_buffer.hpp"
#include "log/journal/journal_files.hpp"
#include "log/posix_files.hpp"
#include "protocol/base/ensure.hpp"

/// The machine under the benchmarks: its clocks, a folder on its disk, and what the disk does by
/// itself.
namespace millrace::bench {

inline constexpr std::uint64_t kMiB = 1U << 20;

/// `tests/bench/run --quick`: less of everything, to see that it works.
inline bool is_quick() {
  return std::getenv("MILLRACE_QUICK") != nullptr;
}

/// CPU seconds of this thread (RUSAGE_THREAD) or of all threads of this process (RUSAGE_SELF).
inline double cpu_of(int who) {
  rusage usage{};
  ENSURE(::getrusage(who, &usage) == 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> samples) {
  std::ranges::sort(samples);
  return samples[samples.size() / 2];
}

/// A folder for one run, in MILLRACE_BENCH_DIR or the current directory; gone when this is.
class Scratch {
 public:
  Scratch() {
    const char* const where = std::getenv("MILLRACE_BENCH_DIR");
    std::string name = std::string{where != nullptr ? where : "."} + "/millrace-bench-XXXXXX";
    ENSURE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes back all files below `dir` and gives their pages back to the system, so that the next
/// round gets these. Memory that was not used lately makes writes to files up to ten times as dear,
/// because a virtual machine has to get it from its host first; and pages are found again only by
/// who asks for some of the same sizes.
inline void give_pages_back(const std::filesystem::path& dir) {
  const int disk = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ENSURE(disk >= 0 && ::syncfs(disk) == 0);
  ::close(disk);
  for (const auto& entry : std::filesystem::recursive_directory_iterator{dir}) {
    if (!entry.is_regular_file()) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;  // it was deleted meanwhile
    ENSURE(::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    ::close(file);
  }
}

/// Direct durable writes of `bytes` a second, `depth` in flight, over a file that was written
/// before.
inline double durable_writes(const std::filesystem::path& dir, std::size_t depth,
                             std::size_t bytes) {
  constexpr std::uint64_t kFileBytes = 64 * kMiB;
  constexpr auto kTime = std::chrono::milliseconds{1500};
  log::PosixFiles posix;
  const auto files = log::prepare_journal_files(posix, dir / "limit", 0, 1, kFileBytes).value();
  std::atomic<std::uint64_t> next = 0;
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < depth; ++i) {
      threads.emplace_back([&] {
        log::BlockBuffer buffer;
        buffer.reserve(bytes, 0);
        std::memset(buffer.data(), 1, bytes);
        const std::vector<Bytes> pieces{Bytes{buffer.data(), bytes}};
        while (std::chrono::steady_clock::now() - start < kTime)
          ENSURE(files.files[0]->write_at(pieces, next++ * bytes % kFileBytes).has_value());
      });
    }
  }
  return static_cast<double>(next) / seconds_since(start);
}

}  // namespace millrace::bench
