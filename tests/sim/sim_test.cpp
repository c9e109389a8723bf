#include <catch2/catch.hpp>

#include "tests/sim/run.hpp"

namespace millrace::sim {
namespace {

constexpr std::uint64_t kRuns = 400;  // `./dev sim --runs N` makes any number

TEST_CASE("sim: nothing acknowledged is lost, doubled, reordered or invented", "[sim]") {
  RunReport all;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    INFO("seed " << seed);
    const auto report = run(seed);
    INFO(report.text);
    REQUIRE(report.ok());
    all.acked += report.acked;
    all.given_up += report.given_up;
    all.read += report.read;
    all.committed += report.committed;
    all.lives += report.lives;
    all.transactions += report.transactions;
    all.dismissed += report.dismissed;
  }
  // The runs must have met what they are about.
  CHECK(all.acked > kRuns * 50);
  CHECK(all.given_up > kRuns / 10);
  CHECK(all.read > kRuns * 50);
  CHECK(all.committed > kRuns * 2);
  CHECK(all.lives > kRuns * 4);
  CHECK(all.transactions > kRuns * 2);
  CHECK(all.dismissed > kRuns / 4);
}

TEST_CASE("sim: a seed is a run, to the last step", "[sim]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    CHECK(run(seed).digest == run(seed).digest);
  }
  CHECK(run(3).digest != run(4).digest);
}

void must_be_found_out(Mutant mutant) {
  constexpr int kSeeds = 8;
  int found_out = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto report = run(seed, mutant);
    if (report.broke("lost")) ++found_out;
  }
  CHECK(found_out > kSeeds / 2);
}

TEST_CASE("sim: a disk that lies about syncs is found out", "[sim]") {
  must_be_found_out(Mutant::lying_disk);
}

TEST_CASE("sim: acknowledging before the sync is found out", "[sim]") {
  must_be_found_out(Mutant::acks_before_sync);
}

}  // namespace
}  // namespace millrace::sim
