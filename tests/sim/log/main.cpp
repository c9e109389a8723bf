// The simulation of logs by itself, behind `./dev sim --log`: any seed, any number of runs. Ends
// with 1 when a run broke a promise, and prints it with what is needed to replay it. With
// `--must-fail`, for mutants, it ends with 1 when no run did.

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include "tests/sim/log/run.hpp"

namespace {

using millrace::log_sim::Mutant;
using millrace::log_sim::Trace;

struct Arguments {
  std::optional<std::uint64_t> seed;  // else 1
  std::optional<std::uint64_t> runs;  // one if a seed is named, else kRuns
  Mutant mutant = Mutant::none;
  bool trace = false;
  bool must_fail = false;
};

constexpr std::uint64_t kRuns = 10'000;
constexpr std::uint64_t kFailuresShown = 3;
constexpr std::size_t kTraceBytesMax = 6'000;

constexpr std::string_view kUsage =
    "usage: millrace_log_sim [--seed N] [--runs N] [--trace] [--must-fail]\n"
    "                        [--mutant lying-disk|skip-directory-sync]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. A mutant is broken on\n"
    "  purpose; --must-fail stops at the first run that finds it out, and fails if none does.\n";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Mutant> mutant(std::string_view name) {
  if (name == "lying-disk") return Mutant::lying_disk;
  if (name == "skip-directory-sync") return Mutant::skips_directory_syncs;
  return std::nullopt;
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
    if (name == "--mutant") {
      const auto chosen = mutant(texts[i]);
      if (!chosen) return std::nullopt;
      arguments.mutant = *chosen;
      continue;
    }
    const auto parsed = number(texts[i]);
    if (!parsed || (name != "--runs" && name != "--seed")) return std::nullopt;
    (name == "--runs" ? arguments.runs : arguments.seed) = *parsed;
  }
  return arguments;
}

char last_words[160] = {};

bool abort_is_success = false;

/// A broken invariant aborts: say at least which seed it was. It finds a mutant out, too.
void on_abort(int) {
  const std::string_view text{last_words};
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  if (abort_is_success) ::_exit(0);
}

/// The plan, and of the trace what happened last.
std::string shortened(const std::string& text) {
  if (text.size() <= kTraceBytesMax) return text;
  const auto plan_end = text.find("\n  p-");
  const auto tail = text.find('\n', text.size() - kTraceBytesMax);
  return text.substr(0, plan_end) + "\n  ..." + text.substr(tail);
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
  millrace::log_sim::RunReport all;
  std::uint64_t done = 0;
  std::uint64_t broken = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    *fmt::format_to_n(last_words, sizeof last_words - 1,
                      "seed {} aborted; replay it: ./dev sim --log --seed {} --trace\n", seed, seed)
         .out = '\0';
    const auto report = millrace::log_sim::run(seed, arguments->mutant,
                                               arguments->trace ? Trace::all : Trace::none);
    all.add(report);
    ++done;
    if (arguments->trace) fmt::print("{}\n", report.text);
    if (report.ok()) continue;
    ++broken;
    failed_seeds += fmt::format(" {}", seed);
    if (!arguments->trace && broken <= kFailuresShown) {
      fmt::print("{}  replay it: ./dev sim --log --seed {} --trace\n\n", shortened(report.text),
                 seed);
    } else {
      fmt::print("seed {}: {}\n", seed, report.violation);
    }
    std::fflush(stdout);
    if (arguments->must_fail) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "{} runs in {:.1f} s: {} broke a promise; {} appends, {} reads, {} power cuts, {} opens that "
      "cut something, {} clean ones, {} truncations, {} retentions, {} compactions, {} files "
      "damaged, {} times "
      "reported, {} times passed for a power cut; digest {:016x}\n",
      done, took.count(), broken, all.appended, all.reads, all.crashes, all.cuts, all.clean_opens,
      all.truncations, all.retentions, all.compactions, all.rots, all.reported, all.unknowable,
      all.digest);
  if (broken > 0) fmt::print("seeds:{}\n", failed_seeds);
  return (broken == 0) == arguments->must_fail ? 1 : 0;
}
