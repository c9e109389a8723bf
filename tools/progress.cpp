#include "tools/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::tools {

std::string transfer_text(std::uint64_t records, std::uint64_t bytes, Instant::duration time) {
  const double seconds = std::max(std::chrono::duration<double>(time).count(), 1e-3);
  const double megabytes = static_cast<double>(bytes) / 1e6;
  return fmt::format("{} {}, {:.1f} MB in {:.2f} s ({:.0f} records/s, {:.1f} MB/s)", records,
                     records == 1 ? "record" : "records", megabytes, seconds,
                     static_cast<double>(records) / seconds, megabytes / seconds);
}

void Progress::update(std::uint64_t records, std::uint64_t bytes, Instant now) {
  constexpr std::chrono::milliseconds kBetween{500};
  if (!enabled_ || now - shown_ < kBetween) return;
  shown_ = now;
  on_screen_ = true;
  // Behind the text, the rest of the line is erased.
  static_cast<void>(
      terminal_.err.write('\r' + transfer_text(records, bytes, now - start_) + "\x1b[K"));
}

void Progress::clear() {
  if (!std::exchange(on_screen_, false)) return;
  static_cast<void>(terminal_.err.write("\r\x1b[K"));
}

}  // namespace millrace::tools
