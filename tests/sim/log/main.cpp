// The simulation of logs by itself, behind `./dev sim --log`: any seed, any number of runs. Ends
// with 1 when a run broke a promise, and prints it with what is needed to replay it. With
// `--must-fail`, for mutants, it ends with 1 when no run did.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

#include "tests/sim/log/run.hpp"
#include "tests/support/seeds.hpp"

namespace {

using millrace::log_sim::Mutant;
using millrace::log_sim::Trace;

constexpr std::uint64_t kRuns = 10'000;
constexpr std::uint64_t kFailuresShown = 3;
constexpr std::size_t kTraceBytesMax = 6'000;

constexpr std::string_view kUsage =
    "usage: millrace_log_sim [--seed N] [--runs N] [--trace] [--must-fail]\n"
    "                        [--mutant lying-disk|skip-directory-sync]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. A mutant is broken on\n"
    "  purpose; --must-fail stops at the first run that finds it out, and fails if none does.\n";

std::optional<Mutant> mutant(std::optional<std::string_view> name) {
  if (!name) return Mutant::none;
  if (*name == "lying-disk") return Mutant::lying_disk;
  if (*name == "skip-directory-sync") return Mutant::skips_directory_syncs;
  return std::nullopt;
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
  const auto arguments = millrace::sim::parse_seeds(argc, argv, "--mutant");
  const auto broken_world = arguments ? mutant(arguments->extra) : std::nullopt;
  if (!broken_world) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  const millrace::sim::LastWords last_words{"./dev sim --log --seed", arguments->must_fail};
  const std::uint64_t first = arguments->first();
  const std::uint64_t runs = arguments->count(kRuns);
  millrace::log_sim::RunReport all;
  std::uint64_t done = 0;
  std::uint64_t broken = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    last_words.seed(seed);
    const auto report =
        millrace::log_sim::run(seed, *broken_world, arguments->trace ? Trace::all : Trace::none);
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
