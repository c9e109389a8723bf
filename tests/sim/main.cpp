// The simulation by itself, behind `./dev sim`: any seed, any number of runs. Ends with 1 when a
// run broke a promise, and prints each such run with what is needed to replay it. With
// `--must-fail`, for mutants, it ends with 1 when no run did.

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include "tests/sim/run.hpp"

namespace {

using millrace::sim::Mutant;

struct Arguments {
  std::optional<std::uint64_t> seed;  // else 1
  std::optional<std::uint64_t> runs;  // one if a seed is named, else kRuns
  Mutant mutant = Mutant::none;
  bool trace = false;
  bool must_fail = false;
};

constexpr std::uint64_t kRuns = 100;

constexpr std::string_view kUsage =
    "usage: millrace_sim [--seed N] [--runs N] [--mutant lying-disk|acks-before-sync] [--trace]\n"
    "                    [--must-fail]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. A mutant is broken on\n"
    "  purpose; --must-fail stops at the first run that finds it out, and fails if none does.\n";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Arguments> parse(int count, char** texts) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name{texts[i]};
    if (name == "--trace" || name == "--must-fail") {
      (name == "--trace" ? arguments.trace : arguments.must_fail) = true;
      continue;
    }
    if (++i == count) return std::nullopt;
    const std::string_view value{texts[i]};
    if (name == "--mutant") {
      if (value != "lying-disk" && value != "acks-before-sync") return std::nullopt;
      arguments.mutant = value == "lying-disk" ? Mutant::lying_disk : Mutant::acks_before_sync;
      continue;
    }
    const auto parsed = number(value);
    if (!parsed) return std::nullopt;
    if (name == "--runs") {
      arguments.runs = *parsed;
    } else if (name == "--seed") {
      arguments.seed = *parsed;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

char last_words[160] = {};
bool abort_is_success = false;

/// A broken invariant aborts: say at least which seed it was.
void on_abort(int) {
  const std::string_view text{last_words};
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  if (abort_is_success) ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  std::signal(SIGABRT, on_abort);
  abort_is_success = arguments->must_fail;
  const std::uint64_t first = arguments->seed.value_or(1);
  const std::uint64_t runs = arguments->runs.value_or(arguments->seed ? 1 : kRuns);
  std::uint64_t broken = 0;
  std::uint64_t acked = 0;
  std::uint64_t read = 0;
  std::uint64_t lives = 0;
  std::uint64_t transactions = 0;
  std::uint64_t digest = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    *fmt::format_to_n(last_words, sizeof last_words - 1,
                      "seed {} aborted; replay it: ./dev sim --seed {} --trace\n", seed, seed)
         .out = '\0';
    const auto report = millrace::sim::run(seed, arguments->mutant, arguments->trace);
    digest = digest * 31 + report.digest;
    acked += report.acked;
    read += report.read;
    lives += report.lives;
    transactions += report.transactions;
    if (report.ok()) continue;
    ++broken;
    failed_seeds += fmt::format(" {}", seed);
    fmt::print("{}\n", report.text);
    std::fflush(stdout);
    if (arguments->must_fail) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "{} runs in {:.1f} s: {} broke a promise; {} records acknowledged, {} read, {} transactions "
      "committed, {} lives of the broker; digest {:016x}\n",
      runs, took.count(), broken, acked, read, transactions, lives, digest);
  if (broken > 0) fmt::print("seeds:{}\n", failed_seeds);
  return (broken == 0) == arguments->must_fail ? 1 : 0;
}
