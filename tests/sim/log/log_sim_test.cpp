#include <catch2/catch.hpp>

#include "tests/sim/log/run.hpp"

namespace millrace::log_sim {
namespace {

constexpr std::uint64_t kRuns = 10'000;  // `./dev sim --log --runs N` makes any number

TEST_CASE("log sim: nothing synced is lost, nothing invented, no damage passes", "[sim][log_sim]") {
  RunReport all;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const auto report = run(seed);
    INFO(report.text);
    REQUIRE(report.ok());
    all.add(report);
  }
  // The runs must have met what they are about.
  CHECK(all.appended > kRuns * 5);
  CHECK(all.reads > kRuns * 5);
  CHECK(all.crashes > kRuns);
  CHECK(all.cuts > kRuns / 10);
  CHECK(all.rots > kRuns / 10);
  CHECK(all.reported > kRuns / 50);
  CHECK(all.truncations > kRuns / 10);
  CHECK(all.retentions > kRuns / 50);
  CHECK(all.clean_opens > kRuns / 10);
  CHECK(all.compactions > kRuns / 50);
}

TEST_CASE("log sim: a seed is a run, to the last call", "[sim][log_sim]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    CHECK(run(seed).digest == run(seed, Mutant::none, Trace::all).digest);
  }
}

void must_be_found_out(Mutant mutant) {
  std::uint64_t found_out = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed)
    if (!run(seed, mutant).ok()) ++found_out;
  CHECK(found_out > 20);
}

TEST_CASE("log sim: a disk that lies about syncs is found out", "[sim][log_sim]") {
  must_be_found_out(Mutant::lying_disk);
}

TEST_CASE("log sim: skipping the syncs of directories is found out", "[sim][log_sim]") {
  must_be_found_out(Mutant::skips_directory_syncs);
}

}  // namespace
}  // namespace millrace::log_sim
