#pragma once

#include <cstdint>
#include <string>

#include "protocol/base/clock.hpp"
#include "tools/terminal.hpp"

namespace millrace::tools {

/// How far a transfer is: "120000 records, 14.1 MB in 0.8 s (150000 records/s, 17.6 MB/s)".
[[nodiscard]] std::string transfer_text(std::uint64_t records, std::uint64_t bytes,
                                        Instant::duration time);

/// A line on a terminal that follows a long transfer; silent elsewhere, and while the transfer is
/// short. `terminal` outlives it.
class Progress {
 public:
  /// `enabled`: on top of what the terminal says.
  Progress(const Terminal& terminal, bool enabled, Instant start)
      : terminal_{terminal}, enabled_{enabled && terminal.progress}, start_{start}, shown_{start} {}

  void update(std::uint64_t records, std::uint64_t bytes, Instant now);
  /// Takes the line away, so that other text has its place.
  void clear();
  [[nodiscard]] Instant start() const { return start_; }

 private:
  const Terminal& terminal_;
  bool enabled_;
  Instant start_;
  Instant shown_;
  bool on_screen_ = false;
};

}  // namespace millrace::tools
