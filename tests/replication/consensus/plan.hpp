#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "protocol/base/rng.hpp"
#include "replication/consensus/consensus.hpp"

namespace millrace::replication::consensus::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// What a seed chooses before anything runs. Chances are out of 1,000.
struct Plan {
  std::size_t voters = 3;
  std::size_t spares = 2;
  Settings settings;
  milliseconds trouble;  // how long faults go on; healing follows

  microseconds delay_max;          // of an ordinary message
  std::uint64_t delayed_long = 0;  // up to two seconds
  std::uint64_t lost = 0;
  std::uint64_t repeated = 0;
  bool encoded = false;  // messages travel as bytes

  microseconds sync_max;
  std::uint64_t sync_slow = 0;  // half a second

  std::size_t snapshot_every = 0;  // applied entries
  std::size_t trailing = 0;        // entries kept before a snapshot
  milliseconds snapshot_max;       // how long one takes to become durable
  milliseconds fetch_max;          // how long one takes to be fetched
  std::uint64_t fetch_fails = 0;

  milliseconds propose_every;
  std::size_t batch_max = 1;
  milliseconds fault_every;
  milliseconds change_every;    // of members, or a transfer
  bool restart_storms = false;  // crashes come in rows
  bool wipes = false;
  bool hangs = false;  // of disks, for seconds

  [[nodiscard]] std::string text() const;
};

/// Half of the seeds have three voters, half have five.
Plan plan_of(std::uint64_t seed, Rng& rng);

}  // namespace millrace::replication::consensus::sim
