// The simulation of the quorum's consensus by itself, behind `./dev sim --consensus`: any seed, any
// number of runs. Ends with 1 when a run broke a promise, and prints it with what is needed to
// replay it. With `--must-fail`, for mutants, it ends with 1 when no run did. `--scripts FOLDER`
// plays scenarios instead.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

#include "tests/replication/consensus/run.hpp"
#include "tests/replication/consensus/script.hpp"
#include "tests/support/seeds.hpp"

namespace {

namespace sim = millrace::replication::consensus::sim;

using Arguments = millrace::sim::SeedArguments;

constexpr std::uint64_t kRuns = 1'000;

constexpr std::string_view kUsage =
    "usage: millrace_consensus_sim [--seed N] [--runs N] [--trace] [--must-fail]\n"
    "                              [--scripts FOLDER]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. --must-fail stops at the\n"
    "  first run that breaks a promise, and fails if none does. --scripts plays scenario files.\n";

int play(const Arguments& arguments) {
  const auto difference = sim::first_difference(std::string{*arguments.extra});
  if (!difference.empty()) fmt::print("{}\n", difference);
  return difference.empty() == arguments.must_fail ? 1 : 0;
}

int simulate(const Arguments& arguments, const millrace::sim::LastWords& last_words) {
  const std::uint64_t first = arguments.first();
  const std::uint64_t runs = arguments.count(kRuns);
  sim::Counts all;
  std::uint64_t done = 0;
  std::uint64_t broken = 0;
  std::uint64_t digest = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    last_words.seed(seed);
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
      "{} changes of members, {} transfers, {} snapshots fetched, {} disks lost, {} hung; when "
      "healed {} changes and {} transfers; digest {:016x}\n",
      done, took.count(), broken, all.events, all.committed, all.acknowledged, all.reads,
      all.elections, all.crashes, all.lost_parts, all.cuts, all.changes, all.transfers,
      all.installs, all.wipes, all.hangs, all.tried, all.handed_over, digest);
  if (broken > 0) fmt::print("seeds:{}\n", failed_seeds);
  return (broken == 0) == arguments.must_fail ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = millrace::sim::parse_seeds(argc, argv, "--scripts");
  if (!arguments) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  const millrace::sim::LastWords last_words{"./dev sim --consensus --seed", arguments->must_fail};
  return arguments->extra ? play(*arguments) : simulate(*arguments, last_words);
}
