#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "log/config.hpp"
#include "protocol/base/rng.hpp"

namespace millrace::log_sim {

/// How a life of the process ends.
enum class End : std::uint8_t {
  power_cut,   ///< the disk drops, tears or keeps what was not synced
  power_call,  ///< the same, at a certain call of files: inside of whatever is being done
  kill,        ///< what was written stays
  stop,        ///< every log is closed; then nothing, a kill or a power cut
};

/// What happens to one life.
struct LifePlan {
  End end = End::kill;
  std::uint64_t steps = 0;
  std::uint64_t power_at_call = 0;  ///< for `power_call`
  std::uint64_t fail_at_call = 0;   ///< 0: none fails
  bool fail_only_syncs = false;
  int fail_with = 0;
  std::optional<std::uint64_t> space;  ///< bytes until the disk is full
  std::uint64_t rots = 0;              ///< files damaged behind the log's back before the next life
};

/// Everything that a seed decides, apart from the order of what happens.
struct Plan {
  explicit Plan(std::uint64_t seed);
  [[nodiscard]] std::string to_string() const;

  std::uint64_t seed;
  std::vector<log::LogConfig> partitions;
  std::vector<LifePlan> lives;
  bool forgetful = false;  ///< a failed sync marks its pages clean
  bool followers = false;  ///< batches come from leaders, also with gaps
  bool compressed = false;
  bool compact = false;      ///< the cleanup policy says so, for most of the time
  std::uint64_t nested = 0;  ///< of 64 calls of files so many let something else happen first
};

/// Settings of a small log, in which much happens soon.
log::LogConfig choose_config(Rng& rng, bool compact);

}  // namespace millrace::log_sim
