#include "tools/time_text.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace millrace::tools {

namespace chrono = std::chrono;

std::string utc_text(Timestamp time) {
  const chrono::sys_time<chrono::milliseconds> at{chrono::milliseconds{time.value}};
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss clock{at - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string duration_text(chrono::milliseconds duration) {
  struct Unit {
    double milliseconds;
    std::string_view name;
  };
  constexpr std::array kUnits{Unit{86'400'000.0, "d"}, Unit{3'600'000.0, "h"},
                              Unit{60'000.0, "min"}, Unit{1'000.0, "s"}};
  constexpr double kTwoDigits = 10;
  const auto count = static_cast<double>(duration.count());
  for (const auto& unit : kUnits) {
    const double amount = count / unit.milliseconds;
    if (amount < 1) continue;
    if (amount < kTwoDigits) return fmt::format("{:.1f} {}", amount, unit.name);
    return fmt::format("{:.0f} {}", amount, unit.name);
  }
  return fmt::format("{} ms", duration.count());
}

std::string printable(std::string_view text) {
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr unsigned char kDelete = 0x7f;
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < kFirstPrintable || byte == kDelete) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace millrace::tools
