#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>

#include "protocol/base/clock.hpp"

namespace millrace::broker {

/// How compaction runs; sizes and counts are of all passes together.
struct CleanerSettings {
  bool enabled = true;
  std::int32_t passes_max = 1;                ///< `log.cleaner.threads`
  std::chrono::milliseconds backoff{15'000};  ///< `log.cleaner.backoff.ms`
  std::uint64_t key_map_bytes = 128U << 20;   ///< `log.cleaner.dedupe.buffer.size`
  double key_map_load = 0.9;                  ///< `log.cleaner.io.buffer.load.factor`
  std::uint64_t buffer_bytes = 512U << 10;    ///< `log.cleaner.io.buffer.size`
  double bytes_per_second = std::numeric_limits<double>::max();  ///< read and written
};

/// What the shards' cleaners share, so that the bounds hold for the whole broker. Safe from any
/// thread.
class CleanerBudget {
 public:
  explicit CleanerBudget(CleanerSettings settings) : settings_{settings} {}
  [[nodiscard]] const CleanerSettings& settings() const { return settings_; }
  /// Whether one pass more may run; each one taken is given back.
  [[nodiscard]] bool take_pass();
  void give_pass();
  /// Accounts for bytes read and written. Gives how long whoever moved them is to rest.
  [[nodiscard]] std::chrono::nanoseconds spend(std::uint64_t bytes, Instant now);

 private:
  const CleanerSettings settings_;
  std::mutex mutex_;
  std::int32_t passes_ = 0;
  Instant paid_until_{};
};

}  // namespace millrace::broker
