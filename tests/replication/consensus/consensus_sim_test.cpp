#include <catch2/catch.hpp>

#include "tests/replication/consensus/run.hpp"

namespace millrace::replication::consensus::sim {
namespace {

constexpr std::uint64_t kRuns = 400;  // `./dev sim --consensus --runs N` makes any number

TEST_CASE("consensus sim: nothing committed is lost, and what healed works",
          "[replication][consensus]") {
  Counts all;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const auto report = run(seed);
    INFO(report.text);
    REQUIRE(report.ok());
    all.add(report.counts);
  }
  // The runs must have met what they are about.
  CHECK(all.acknowledged > kRuns * 10);
  CHECK(all.elections > kRuns * 2);
  CHECK(all.crashes > kRuns * 2);
  CHECK(all.lost_parts > kRuns / 2);
  CHECK(all.cuts > kRuns);
  CHECK(all.changes > kRuns);
  CHECK(all.transfers > kRuns / 2);
  CHECK(all.installs > kRuns / 4);
  CHECK(all.wipes > kRuns / 20);
  CHECK(all.hangs > kRuns / 4);
  CHECK(all.reads > kRuns);
  CHECK(all.tried > kRuns);
  CHECK(all.handed_over > kRuns / 2);
}

TEST_CASE("consensus sim: a seed is a run, to the last event", "[replication][consensus]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    CHECK(run(seed).digest == run(seed, true).digest);
  }
}

}  // namespace
}  // namespace millrace::replication::consensus::sim
