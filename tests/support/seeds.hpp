#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>

/// What the programs that run simulations from seeds have in common: their arguments, and which
/// seed it was when a broken invariant aborts.
namespace millrace::sim {

struct SeedArguments {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> runs;
  std::optional<std::string_view> extra;  // of the one option that only this program has
  bool trace = false;
  bool must_fail = false;

  [[nodiscard]] std::uint64_t first() const { return seed.value_or(1); }
  /// One if a seed is named, else `otherwise`.
  [[nodiscard]] std::uint64_t count(std::uint64_t otherwise) const {
    return runs.value_or(seed ? 1 : otherwise);
  }
};

/// `extra`: name of that option, which takes a value. Nothing if the arguments are not understood.
inline std::optional<SeedArguments> parse_seeds(int count, char** texts, std::string_view extra) {
  SeedArguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name{texts[i]};
    if (name == "--trace" || name == "--must-fail") {
      (name == "--trace" ? arguments.trace : arguments.must_fail) = true;
      continue;
    }
    if (++i == count) return std::nullopt;
    const std::string_view value{texts[i]};
    if (name == extra) {
      arguments.extra = value;
      continue;
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    if (name != "--runs" && name != "--seed") return std::nullopt;
    (name == "--runs" ? arguments.runs : arguments.seed) = number;
  }
  return arguments;
}

/// The seed that is being run, for a handler of SIGABRT.
class LastWords {
 public:
  /// `command` replays a seed when its number is put behind. Where a mutant must be found out, an
  /// abort does that, too, and ends with 0.
  LastWords(std::string_view command, bool abort_is_success) : command_{command} {
    abort_is_success_ = abort_is_success;
    std::signal(SIGABRT, on_abort);
  }
  void seed(std::uint64_t seed) const {
    *fmt::format_to_n(words_, sizeof words_ - 1, "seed {} aborted; replay it: {} {} --trace\n",
                      seed, command_, seed)
         .out = '\0';
  }

 private:
  static void on_abort(int) {
    const std::string_view text{words_};
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (abort_is_success_) ::_exit(0);
  }

  std::string_view command_;
  static inline char words_[160] = {};
  static inline bool abort_is_success_ = false;
};

}  // namespace millrace::sim
