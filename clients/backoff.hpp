#pragma once

#include <algorithm>
#include <chrono>

#include "protocol/base/clock.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::clients {

/// How long to wait after the n-th failure in a row: doubles from `min` to `max`, each time with up
/// to a fifth more by chance, so that many clients do not come back in step. A value; asks nobody.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max) : min_{min}, max_{max} {}

  void failed(Instant now, Rng& rng) {
    const auto shift = std::min(failures_, 20);
    const auto wait = std::min(max_, min_ * (std::int64_t{1} << shift));
    const auto spread = static_cast<std::uint64_t>(wait.count() / 5 + 1);
    next_try_ = now + wait + std::chrono::milliseconds{rng.below(spread)};
    ++failures_;
  }
  void succeeded() {
    failures_ = 0;
    next_try_ = Instant{};
  }
  /// Not before this instant; long past when nothing failed.
  [[nodiscard]] Instant next_try() const { return next_try_; }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  std::chrono::milliseconds min_;
  std::chrono::milliseconds max_;
  int failures_ = 0;
  Instant next_try_;
};

}  // namespace millrace::clients
