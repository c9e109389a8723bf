// The simulation of the quorum's consensus by itself, behind `./dev sim --consensus`: any seed, any
// number of runs. Ends with 1 when a run broke a promise, and prints it with what is needed to
// replay it. With `--must-fail`, for mutants, it ends with 1 when no run did. `--scripts FOLDER`
// plays scenarios instead.

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include "tests/replication/consensus/run.hpp"
#include "tests/replication/consensus/script.hpp"

namespace {

namespace sim = millrace::replication::consensus::sim;

struct Arguments {
  std::optional<std::uint64_t> seed;  // else 1
  std::optional<std::uint64_t> runs;  // one if a seed is named, else kRuns
  std::optional<std::string> scripts;
  bool trace = false;
  bool must_fail = false;
};

constexpr std::uint64_t kRuns = 1'000;

constexpr std::string_view kUsage =
    "usage: millrace_consensus_sim [--seed N] [--runs N] [--trace] [--must-fail]\n"
    "                              [--scripts FOLDER]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. --must-fail stops at the\n"
    "  first run that breaks a promise, and fails if none does. --scripts plays scenario files.\n";

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
    if (name == "--scripts") {
      arguments.scripts = texts[i];
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

int play(const Arguments& arguments) {
  const auto difference = sim::first_difference(*arguments.scripts);
  if (!difference.empty()) fmt::print("{}\n", difference);
  return difference.empty() == arguments.must_fail ? 1 : 0;
}

int simulate(const Arguments& arguments) {
  const std::uint64_t first = arguments.seed.value_or(1);
  const std::uint64_t runs = arguments.runs.value_or(arguments.seed ? 1 : kRuns);
  sim::Counts all;
  std::uint64_t done = 0;
  std::uint64_t broken = 0;
  std::uint64_t digest = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    *fmt::format_to_n(last_words, sizeof last_words - 1,
                      "seed {} aborted; replay it: ./dev sim --consensus --seed {} --trace\n", seed,
                      seed)
         .out = '\0';
    const auto report = sim::run(seed, arguments.trace);
    all.add(report.counts);
    digest = digest * 31 + report.digest;
    ++done;
    if (arguments.trace || !report.ok()) fmt::print("{}", report.text);
    if (report.ok()) continue;
    ++broken;
    failed_seeds += fmt::format(" {}", seed);
    fmt::print("  replay it: ./dev sim --consensus --seed {} --trace\n\n", seed);
    std::fflush(stdout);
    if (arguments.must_fail) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "{} runs in {:.1f} s: {} broke a promise; {} events, {} entries committed, {} proposals "
      "acknowledged, {} reads, {} elections won, {} crashes that lost {} parts of writes, {} cuts, "
      "{} changes of members, {} transfers, {} snapshots fetched, {} disks lost; digest {:016x}\n",
      done, took.count(), broken, all.events, all.committed, all.acknowledged, all.reads,
      all.elections, all.crashes, all.lost_parts, all.cuts, all.changes, all.transfers,
      all.installs, all.wipes, digest);
  if (broken > 0) fmt::print("seeds:{}\n", failed_seeds);
  return (broken == 0) == arguments.must_fail ? 1 : 0;
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
  return arguments->scripts ? play(*arguments) : simulate(*arguments);
}
