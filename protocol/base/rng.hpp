#pragma once

#include <cstdint>
#include <mutex>
#include <random>

#include "protocol/base/types.hpp"

namespace millrace {

/// One of the four seams: all chance comes through here, so that a simulated run can be replayed
/// from its seed.
class Rng {
 public:
  virtual ~Rng() = default;
  /// 64 random bits.
  virtual std::uint64_t next() = 0;

  /// Uniform in [0, bound); `bound` must not be 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// True with probability `numerator / denominator`.
  bool chance(std::uint64_t numerator, std::uint64_t denominator) {
    return below(denominator) < numerator;
  }
  /// A random (version 4) UUID; never all zero.
  Uuid uuid();
};

/// Repeatable from its seed; the simulated form. Not thread-safe.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : engine_{seed} {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// Seeded from the machine's entropy. Safe from any thread.
class SystemRng final : public Rng {
 public:
  SystemRng();
  std::uint64_t next() override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace millrace
