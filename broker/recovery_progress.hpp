#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "log/damage.hpp"
#include "log/partition_log.hpp"
#include "protocol/base/clock.hpp"

namespace millrace::broker {

/// How far the opening of partitions is, and what it found, in numbers. Owned by the `Node`; safe
/// from any thread.
class RecoveryProgress {
 public:
  struct Totals {
    friend bool operator==(const Totals&, const Totals&) = default;
    std::uint64_t partitions = 0;      ///< that are to be opened
    std::uint64_t opened = 0;          ///< of these
    std::uint64_t not_opened = 0;      ///< of these: the file system failed
    std::uint64_t read_only = 0;       ///< of the opened ones: acknowledged records are damaged
    std::uint64_t clean = 0;           ///< of the opened ones: nothing had to be verified
    std::uint64_t verified_bytes = 0;  ///< while it runs, of batches behind the recovery points
    std::uint64_t torn_bytes = 0;      ///< cut off: writes that a crash left unfinished
    std::uint64_t damages = 0;         ///< reported with file and offset
    std::uint64_t indexes_rebuilt = 0;
  };

  void expect(std::uint64_t partitions);
  /// Batches of so many bytes were found sound. Called often, takes no lock.
  void verified(std::uint64_t bytes) {
    verified_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void opened(const log::RecoveryReport& report, log::LogState state);
  void not_opened();
  [[nodiscard]] Totals totals() const;

  /// "1200 of 50000 partitions are open, 3221225472 bytes were verified".
  [[nodiscard]] std::string under_way() const;
  /// All of the numbers that matter, once it is done.
  [[nodiscard]] std::string summary(std::chrono::milliseconds took) const;

 private:
  mutable std::mutex mutex_;
  Totals totals_;
  std::atomic<std::uint64_t> verified_bytes_ = 0;
};

}  // namespace millrace::broker
