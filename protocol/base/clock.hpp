#pragma once

#include <chrono>

#include "protocol/base/types.hpp"

namespace millrace {

/// Monotonic time, for deadlines and durations. It has no relation to the wall clock.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// One of the four seams. Passed in, never global; the simulated one advances by itself.
/// Both calls are safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  /// Milliseconds since 1970; may jump when somebody sets the machine's clock.
  [[nodiscard]] virtual Timestamp wall() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] Timestamp wall() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp{std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()};
  }
};

}  // namespace millrace
