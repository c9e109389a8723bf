#include "broker/log_directory.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <limits>

namespace millrace::broker {
namespace {

constexpr std::string_view kReserveFile = ".reserve";

/// "52.4 MB (52428800 bytes)": people read the first, scripts the second.
std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} bytes", bytes);
  return fmt::format("{:.1f} {} ({} bytes)", value, kUnits[unit], bytes);
}

}  // namespace

LogDirectory::LogDirectory(log::Files& files, const Clock& clock, std::filesystem::path path,
                           SpaceLimits limits)
    : files_{files},
      clock_{clock},
      path_{std::move(path)},
      core_{limits},
      admitted_max_{std::numeric_limits<std::uint64_t>::max()} {}

void LogDirectory::fail(std::string_view where, const ErrorInfo& cause) {
  const std::scoped_lock lock{mutex_};
  if (failure_) return;
  failure_ = Failure{std::string{where}, cause.message(), clock_.wall()};
  offline_.store(true, std::memory_order_release);
  spdlog::error(
      "data directory {}: offline, a write or sync of {} failed: {}; nothing more is written or "
      "acknowledged there, what is synced can be read; look after the disk, then start the broker "
      "again",
      path_.string(), where, cause.message());
}

std::optional<LogDirectory::Failure> LogDirectory::failure() const {
  const std::scoped_lock lock{mutex_};
  return failure_;
}

std::string LogDirectory::offline_text() const {
  const auto why = failure();
  if (!why) return {};
  return fmt::format(
      "data directory {} is offline since a write or sync of {} failed ({}): what is synced can be "
      "read, nothing is written until the broker is started again",
      path_.string(), why->where, why->cause);
}

bool LogDirectory::admit(std::uint64_t bytes) {
  if (level() != SpaceLevel::ample) return false;
  const auto admitted = admitted_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (admitted <= admitted_max_.load(std::memory_order_relaxed)) return true;
  admitted_.fetch_sub(bytes, std::memory_order_relaxed);
  auto largest = turned_away_.load(std::memory_order_relaxed);
  while (largest < bytes && !turned_away_.compare_exchange_weak(largest, bytes)) {
  }
  return false;
}

std::string LogDirectory::refusal() const {
  const std::scoped_lock lock{mutex_};
  std::uint64_t free = core_.usable();
  if (room_.level == SpaceLevel::ample) {  // what came since the last check has used it up
    const auto admitted = admitted_.load(std::memory_order_relaxed);
    const auto admitted_max = admitted_max_.load(std::memory_order_relaxed);
    free = core_.limits().min_free + (admitted_max > admitted ? admitted_max - admitted : 0);
  }
  return fmt::format(
      "the disk of {} has {} free, storage.min.free is {}: delete topics or records or make room "
      "otherwise, then produce goes on by itself",
      path_.string(), bytes_text(free), bytes_text(core_.limits().min_free));
}

LogDirectory::Room LogDirectory::room() const {
  const std::scoped_lock lock{mutex_};
  return room_;
}

std::filesystem::path LogDirectory::reserve_path() const {
  return path_ / kReserveFile;
}

void LogDirectory::no_space() {
  const std::scoped_lock lock{mutex_};
  const auto decision = core_.refused(room_.reserve_held);
  carry_out(decision, lock);
}

void LogDirectory::check() {
  // Read before the file system is asked: what lands in between is counted twice until the next
  // check, never not at all.
  const auto landed = landed_.load(std::memory_order_relaxed);
  const auto turned_away = turned_away_.exchange(0, std::memory_order_relaxed);
  if (!reserve_known_) look_for_reserve();
  const auto space = files_.space(path_);
  const std::scoped_lock lock{mutex_};
  if (!space) {
    spdlog::warn("data directory {}: its free space could not be found out: {}", path_.string(),
                 space.error().message());
    return;
  }
  room_.available = space->available;
  room_.total = space->total;
  const auto decision = core_.observed(space->available, room_.reserve_held, turned_away);
  carry_out(decision, lock);
  admitted_max_.store(landed + core_.allowance(), std::memory_order_relaxed);
}

void LogDirectory::carry_out(const DiskSpaceCore::Decision& decision, Locked) {
  room_.level = decision.level;
  level_.store(decision.level, std::memory_order_relaxed);
  if (decision.level_changed) {
    const auto free = bytes_text(core_.usable());
    const auto limit = bytes_text(core_.limits().min_free);
    switch (decision.level) {
      case SpaceLevel::ample:
        spdlog::info("data directory {}: {} free again, storage.min.free is {}: produce goes on",
                     path_.string(), free, limit);
        break;
      case SpaceLevel::low:
        spdlog::warn(
            "data directory {}: {} free, storage.min.free is {}: producers are refused until there "
            "is room; reads, deletion and retention go on",
            path_.string(), free, limit);
        break;
      case SpaceLevel::exhausted:
        spdlog::error(
            "data directory {}: {} free, storage.min.free is {}: producers and commits of groups "
            "are refused until there is room; delete topics or records, or what else is on the "
            "disk",
            path_.string(), free, limit);
        break;
    }
  }
  if (decision.reserve == DiskSpaceCore::Reserve::give_up) {
    const auto removed = files_.remove(reserve_path());
    room_.reserve_held = removed.has_error();
    if (removed) {
      spdlog::info("data directory {}: the reserve of {} was given up for what deleting must write",
                   path_.string(), bytes_text(core_.limits().reserve));
    }
  } else if (decision.reserve == DiskSpaceCore::Reserve::take) {
    const auto taken = take_reserve();
    room_.reserve_held = taken.has_value();
    if (!taken) {
      (void)files_.remove(reserve_path());
      spdlog::warn("data directory {}: the reserve (storage.reserve.bytes) could not be taken: {}",
                   path_.string(), taken.error().message());
    }
  }
}

Result<void> LogDirectory::take_reserve() {
  const auto file = files_.open(reserve_path(), log::OpenMode::create);
  if (!file) return file.error();
  return (*file)->allocate(core_.limits().reserve);
}

/// A broker before us may have left one; of another size, it is taken anew.
void LogDirectory::look_for_reserve() {
  const std::scoped_lock lock{mutex_};
  reserve_known_ = true;
  const auto file = files_.open(reserve_path(), log::OpenMode::read_only);
  if (!file) return;
  const auto size = (*file)->size();
  const auto wanted = core_.limits().reserve;
  room_.reserve_held = wanted > 0 && size && *size == wanted;
  if (!room_.reserve_held) (void)files_.remove(reserve_path());
}

}  // namespace millrace::broker
