#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/actors.hpp"
#include "tests/sim/history.hpp"

namespace millrace::sim {

struct RunReport {
  std::uint64_t seed = 0;
  std::vector<Violation> violations;
  std::string text;          ///< for people: the violations, what the seed chose, how to replay it
  std::uint64_t digest = 0;  ///< of every step and every event
  // What the run has met, so that tests can tell that it was about something.
  std::uint64_t acked = 0;
  std::uint64_t given_up = 0;
  std::uint64_t read = 0;
  std::uint64_t committed = 0;
  std::uint64_t lives = 0;         ///< of the broker
  std::uint64_t transactions = 0;  ///< told to be committed
  std::uint64_t dismissed = 0;     ///< transactional producers that were replaced or too slow

  [[nodiscard]] bool ok() const { return violations.empty(); }
  [[nodiscard]] bool broke(std::string_view rule) const;
};

/// One whole run: the shipped broker on a simulated machine, the shipped clients on others, what
/// the seed does to them, and the judgement. With `trace` every event is printed, and the broker's
/// own log lines.
///
/// 1. The broker starts on an empty disk, a topic is made, and writers, readers, group members go
/// to
///    work, while machine, disk and network are struck as `Plan` says.
/// 2. Once the writers are through, the network is healed and everybody ends.
/// 3. The power is cut, the broker starts and must serve; the power is cut again, and everything is
///    read: that is the log against which the history is checked.
RunReport run(std::uint64_t seed, Mutant mutant = Mutant::none, bool trace = false);

}  // namespace millrace::sim
