#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "broker/disk_space.hpp"
#include "log/files.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/result.hpp"

namespace millrace::broker {

/// The data directory as a whole: whether it is online, and whether its disk has room. Owned by the
/// `Node`; safe from any thread.
///
/// Offline: a write or sync failed. What the disk holds of unsynced bytes is not known then, so
/// nothing more is written to any partition of the directory until the broker is started again;
/// what is synced can still be read. The first failure is logged, with what to do.
///
/// Room: `check` asks the file system, once in a while; what producers send in between is counted
/// against what was found, so that no burst overruns `storage.min.free`. Every change of level is
/// logged once.
class LogDirectory {
 public:
  LogDirectory(log::Files& files, const Clock& clock, std::filesystem::path path,
               SpaceLimits limits);

  struct Failure {
    std::string where;  // the partition or file
    std::string cause;
    Timestamp since;
  };

  // -- Online or not -----------------------------------------------------------------------------

  [[nodiscard]] bool online() const { return !offline_.load(std::memory_order_acquire); }
  /// Takes the directory offline for good: `where` is the partition or file that met the error.
  void fail(std::string_view where, const ErrorInfo& cause);
  /// Why and since when it is offline; nothing while it is online.
  [[nodiscard]] std::optional<Failure> failure() const;
  /// What a producer is told while it is offline.
  [[nodiscard]] std::string offline_text() const;

  // -- Room --------------------------------------------------------------------------------------

  /// Whether `bytes` of a producer may be written. True counts them as on their way; `landed` must
  /// follow when they are in a file, or never will be.
  [[nodiscard]] bool admit(std::uint64_t bytes);
  void landed(std::uint64_t bytes) { landed_.fetch_add(bytes, std::memory_order_relaxed); }
  /// A write found no space, whatever was known before.
  void no_space();
  [[nodiscard]] SpaceLevel level() const { return level_.load(std::memory_order_relaxed); }
  /// What a producer is told who is not admitted: disk, free bytes, limit, and what to do.
  [[nodiscard]] std::string refusal() const;

  /// Asks the file system, decides, and gives up or takes the reserve. Blocks on files, so it
  /// belongs on a pool thread; one at a time.
  void check();

  /// As `check` found it last.
  struct Room {
    friend bool operator==(const Room&, const Room&) = default;
    SpaceLevel level = SpaceLevel::ample;
    std::uint64_t available = 0;  // as the file system counts
    std::uint64_t total = 0;
    bool reserve_held = false;
  };
  [[nodiscard]] Room room() const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  using Locked = const std::scoped_lock<std::mutex>&;
  void carry_out(const DiskSpaceCore::Decision& decision, Locked lock);
  void look_for_reserve();
  [[nodiscard]] Result<void> take_reserve();
  [[nodiscard]] std::filesystem::path reserve_path() const;

  log::Files& files_;
  const Clock& clock_;
  std::filesystem::path path_;
  mutable std::mutex mutex_;  // of what follows; never held on the way of a produce
  DiskSpaceCore core_;
  Room room_;
  std::optional<Failure> failure_;
  bool reserve_known_ = false;

  std::atomic<bool> offline_ = false;
  std::atomic<SpaceLevel> level_ = SpaceLevel::ample;
  // Bytes of producers since the start: admitted, and of these in files (or given up).
  std::atomic<std::uint64_t> admitted_ = 0;
  std::atomic<std::uint64_t> landed_ = 0;
  std::atomic<std::uint64_t> admitted_max_;  // where the allowance ends
  std::atomic<std::uint64_t> turned_away_ = 0;
};

}  // namespace millrace::broker
