#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::log_sim {

/// A world broken on purpose, in front of the disk; it must be found out. Mutants of the log itself
/// are programs of their own (mutate.py).
enum class Mutant : std::uint8_t {
  none,
  lying_disk,             ///< no sync does anything
  skips_directory_syncs,  ///< no creation, renaming or removal is ever made durable
};

struct RunReport {
  std::uint64_t seed = 0;
  std::string violation;  ///< empty: every promise was kept
  std::string text;       ///< for people: the violation, what the seed chose, the end of the trace
  std::uint64_t digest = 0;
  // What the run met.
  std::uint64_t appended = 0;
  std::uint64_t crashes = 0;
  std::uint64_t cuts = 0;
  std::uint64_t rots = 0;
  std::uint64_t reported = 0;
  std::uint64_t unknowable = 0;
  std::uint64_t reads = 0;
  std::uint64_t truncations = 0;
  std::uint64_t retentions = 0;
  std::uint64_t clean_opens = 0;
  std::uint64_t compactions = 0;

  [[nodiscard]] bool ok() const { return violation.empty(); }
  void add(const RunReport& other);
};

enum class Trace : std::uint8_t { none, all };

/// One schedule from beginning to end: some lives of a process with a few partitions, each ended,
/// damaged and opened again as `Plan` says. A failed run is run again for its trace.
RunReport run(std::uint64_t seed, Mutant mutant = Mutant::none, Trace trace = Trace::none);

}  // namespace millrace::log_sim
