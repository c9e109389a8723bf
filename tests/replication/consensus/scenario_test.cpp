#include <catch2/catch.hpp>

#include "tests/replication/consensus/script.hpp"
#include "tests/support/scenario_files.hpp"

/// Runs `scenarios/*.txt` (scenarios/README.md). With MILLRACE_REWRITE_SCENARIOS set the files are
/// rewritten with what came out; read the diff.
namespace millrace::replication::consensus::sim {
namespace {

const std::string kFolder = MILLRACE_SOURCE_DIR "/tests/replication/consensus/scenarios";

TEST_CASE("consensus: the scenarios come out as they are written", "[replication][consensus]") {
  millrace::sim::check_scenarios<Script>(kFolder);
}

TEST_CASE("consensus: what mutants are held against finds no difference",
          "[replication][consensus]") {
  CHECK(first_difference(kFolder).empty());
}

}  // namespace
}  // namespace millrace::replication::consensus::sim
