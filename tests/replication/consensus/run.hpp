#pragma once

#include <cstdint>
#include <string>

#include "tests/replication/consensus/world.hpp"

namespace millrace::replication::consensus::sim {

struct Report {
  [[nodiscard]] bool ok() const { return violation.empty(); }
  std::string violation;
  std::string text;  // what the seed chose, and the trace if there is one
  Counts counts;
  std::uint64_t digest = 0;
};

/// One schedule from its seed.
Report run(std::uint64_t seed, bool trace = false);

}  // namespace millrace::replication::consensus::sim
