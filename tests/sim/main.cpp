// The simulation by itself, behind `./dev sim`: any seed, any number of runs. Ends with 1 when a
// run broke a promise, and prints each such run with what is needed to replay it. With
// `--must-fail`, for mutants, it ends with 1 when no run did.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

#include "tests/sim/run.hpp"
#include "tests/support/seeds.hpp"

namespace {

using millrace::sim::Mutant;

constexpr std::uint64_t kRuns = 100;

constexpr std::string_view kUsage =
    "usage: millrace_sim [--seed N] [--runs N] [--mutant lying-disk|acks-before-sync] [--trace]\n"
    "                    [--must-fail]\n"
    "  Runs --runs seeds from --seed on; one, when only --seed is given. A mutant is broken on\n"
    "  purpose; --must-fail stops at the first run that finds it out, and fails if none does.\n";

std::optional<Mutant> mutant(std::optional<std::string_view> name) {
  if (!name) return Mutant::none;
  if (*name == "lying-disk") return Mutant::lying_disk;
  if (*name == "acks-before-sync") return Mutant::acks_before_sync;
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = millrace::sim::parse_seeds(argc, argv, "--mutant");
  const auto broken_world = arguments ? mutant(arguments->extra) : std::nullopt;
  if (!broken_world) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  const millrace::sim::LastWords last_words{"./dev sim --seed", arguments->must_fail};
  const std::uint64_t first = arguments->first();
  const std::uint64_t runs = arguments->count(kRuns);
  std::uint64_t broken = 0;
  std::uint64_t acked = 0;
  std::uint64_t read = 0;
  std::uint64_t lives = 0;
  std::uint64_t transactions = 0;
  std::uint64_t digest = 0;
  std::string failed_seeds;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    last_words.seed(seed);
    const auto report = millrace::sim::run(seed, *broken_world, arguments->trace);
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
