#pragma once

#include <atomic>
#include <chrono>

#include "protocol/base/clock.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::sim {

/// A clock that stands still until a test moves it. Both of its times move together; only
/// `jump_wall` parts them, as an operator does who sets the machine's clock.
class SimClock final : public Clock {
 public:
  /// Some day in 2023, and a monotonic time that is neither zero nor near it.
  SimClock() = default;

  [[nodiscard]] Instant now() const override {
    return Instant{std::chrono::nanoseconds{monotonic_.load(std::memory_order_relaxed)}};
  }
  [[nodiscard]] Timestamp wall() const override {
    const auto since_start = monotonic_.load(std::memory_order_relaxed) - kStart;
    return Timestamp{wall_start_.load(std::memory_order_relaxed) + since_start / 1'000'000};
  }
  /// Moves to `to`, which must not be in the past.
  void advance_to(Instant to) {
    ENSURE(to >= now());
    monotonic_.store(to.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void advance(std::chrono::nanoseconds by) { advance_to(now() + by); }
  /// Moves the wall clock alone, forwards or backwards.
  void jump_wall(std::chrono::milliseconds by) {
    wall_start_.fetch_add(by.count(), std::memory_order_relaxed);
  }

 private:
  static constexpr std::int64_t kStart = 1'000'000'000'000;  // nanoseconds

  std::atomic<std::int64_t> monotonic_{kStart};
  std::atomic<std::int64_t> wall_start_{1'700'000'000'000};  // milliseconds
};

}  // namespace millrace::sim
