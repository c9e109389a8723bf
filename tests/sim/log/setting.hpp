#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "log/files.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/base/types.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::log_sim {

/// What all partitions of a run share: the disk, chance, time, and what was noticed. One thread.
struct Setting {
  Setting(sim::MemoryFiles& memory, log::Files& seen, std::uint64_t seed, bool keep_trace)
      : disk{memory}, files{seen}, rng{seed}, tracing{keep_trace} {}

  /// The first promise that was broken is the one that is told.
  void expect(bool holds, std::string_view partition, std::string_view what) {
    if (holds || !violation.empty()) return;
    violation = fmt::format("{}: {}", partition, what);
    note("VIOLATION {}", violation);
  }
  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    if (tracing) trace.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  [[nodiscard]] bool broken() const { return !violation.empty(); }

  sim::MemoryFiles& disk;  // for the weather
  log::Files& files;       // as the logs see it: the disk, or a mutant in front of it
  SeededRng rng;
  Timestamp now{1'700'000'000'000};
  bool clock_went_back = false;
  /// A call may have failed in this life, so errors are no surprise.
  bool faults = false;
  bool tracing;
  std::vector<std::string> trace;
  std::string violation;

  // What the run met.
  std::uint64_t appended = 0;
  std::uint64_t crashes = 0;
  std::uint64_t cuts = 0;        // recoveries that cut or reported something
  std::uint64_t rots = 0;        // injected
  std::uint64_t reported = 0;    // of those, the ones that the log told of
  std::uint64_t unknowable = 0;  // rot that the log could not tell from a power cut
  std::uint64_t reads = 0;
  std::uint64_t truncations = 0;
  std::uint64_t retentions = 0;  // that deleted something
  std::uint64_t clean_opens = 0;
  std::uint64_t compactions = 0;
};

}  // namespace millrace::log_sim
