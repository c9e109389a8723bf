#include "tests/replication/consensus/run.hpp"

#include <fmt/format.h>

namespace millrace::replication::consensus::sim {

Report run(std::uint64_t seed, bool trace) {
  Report report;
  World world{seed, trace};
  try {
    world.run();
  } catch (const Violation& violation) {
    report.violation = violation.what();
  }
  report.counts = world.counts();
  report.digest = world.digest();
  report.text =
      fmt::format("seed {}: {}\n{}", seed, report.ok() ? "ok" : report.violation, world.text());
  return report;
}

}  // namespace millrace::replication::consensus::sim
