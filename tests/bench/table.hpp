#pragma once

#include <cstdio>
#include <string>

#include <fmt/format.h>

/// What the benchmarks of the log print: one line for each thing measured, beside what the machine
/// itself does with the same bytes in the same run.
namespace millrace::bench {

/// How the figure should compare to its limit.
struct Aim {
  enum class Kind : std::uint8_t { none, at_least, at_most } kind = Kind::none;
  double ratio = 0;

  [[nodiscard]] bool met(double by) const {
    return kind == Kind::none || (kind == Kind::at_least ? by >= ratio : by <= ratio);
  }
};
constexpr Aim at_least(double ratio) {
  return {Aim::Kind::at_least, ratio};
}
constexpr Aim at_most(double ratio) {
  return {Aim::Kind::at_most, ratio};
}

inline void print_head() {
  std::printf("%-52s %10s %10s  %-9s %6s  %s\n", "", "figure", "limit", "", "ratio", "aim");
}

inline std::string number(double value) {
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

/// A figure that the machine has nothing to compare with.
inline void print_figure(const std::string& what, double figure, const char* unit) {
  std::printf("%-52s %10s %10s  %-9s %6s  -\n", what.c_str(), number(figure).c_str(), "-", unit,
              "-");
  std::fflush(stdout);
}

/// `figure` and `limit` are of the same `unit`.
inline void print_row(const std::string& what, double figure, double limit, const char* unit,
                      Aim aim = {}) {
  const double ratio = figure / limit;
  std::string verdict = "-";
  if (aim.kind != Aim::Kind::none)
    verdict = fmt::format("{} {:.1f}  {}", aim.kind == Aim::Kind::at_least ? ">=" : "<=", aim.ratio,
                          aim.met(ratio) ? "met" : "MISSED");
  std::printf("%-52s %10s %10s  %-9s %6.2f  %s\n", what.c_str(), number(figure).c_str(),
              number(limit).c_str(), unit, ratio, verdict.c_str());
  std::fflush(stdout);
}

}  // namespace millrace::bench
