#include "tests/replication/consensus/plan.hpp"

#include <fmt/format.h>

#include <array>

namespace millrace::replication::consensus::sim {
namespace {

template <class Value, std::size_t n>
Value one_of(Rng& rng, const std::array<Value, n>& values) {
  return values[rng.below(n)];
}

}  // namespace

Plan plan_of(std::uint64_t seed, Rng& rng) {
  Plan plan;
  plan.voters = seed % 2 == 0 ? 5 : 3;
  plan.spares = rng.below(3);
  plan.settings.heartbeat_interval = milliseconds{one_of<int, 3>(rng, {50, 100, 300})};
  plan.settings.batch_bytes_max = one_of<std::size_t, 4>(rng, {1, 64, 300, 1 << 20});
  plan.settings.window = one_of<std::size_t, 4>(rng, {1, 2, 4, 16});
  plan.trouble = milliseconds{8'000 + rng.below(12'000)};
  plan.delay_max = milliseconds{one_of<int, 4>(rng, {1, 10, 60, 400})};
  plan.delayed_long = one_of<std::uint64_t, 3>(rng, {0, 5, 50});
  plan.lost = one_of<std::uint64_t, 4>(rng, {0, 10, 50, 250});
  plan.repeated = one_of<std::uint64_t, 3>(rng, {0, 20, 150});
  plan.encoded = rng.chance(1, 4);
  plan.sync_max = milliseconds{one_of<int, 4>(rng, {1, 20, 100, 400})};
  plan.sync_slow = one_of<std::uint64_t, 3>(rng, {0, 20, 100});
  plan.snapshot_every = one_of<std::size_t, 4>(rng, {3, 20, 100, 1'000'000});
  plan.trailing = one_of<std::size_t, 3>(rng, {0, 2, 30});
  plan.snapshot_max = milliseconds{one_of<int, 3>(rng, {1, 50, 1'000})};
  plan.fetch_max = milliseconds{one_of<int, 3>(rng, {50, 500, 4'000})};
  plan.fetch_fails = one_of<std::uint64_t, 3>(rng, {0, 100, 500});
  plan.propose_every = milliseconds{one_of<int, 3>(rng, {20, 70, 300})};
  plan.batch_max = one_of<std::size_t, 3>(rng, {1, 3, 10});
  plan.fault_every = milliseconds{one_of<int, 4>(rng, {150, 500, 1'500, 4'000})};
  plan.change_every = milliseconds{one_of<int, 4>(rng, {150, 500, 2'000, 1'000'000})};
  plan.restart_storms = rng.chance(1, 3);
  plan.wipes = rng.chance(1, 3);
  plan.hangs = rng.chance(1, 3);
  return plan;
}

std::string Plan::text() const {
  return fmt::format(
      "{} voters, {} spares, {} ms; heartbeat {} ms, batches of {} bytes, window {}; messages up "
      "to "
      "{} us, {} long, {} lost, {} repeated{}; syncs up to {} us, {} slow; a snapshot every {} "
      "keeping {}, durable after up to {} ms, fetched in up to {} ms, {} fetches fail; up to {} "
      "proposals every {} ms, faults every {} ms, changes "
      "every "
      "{} ms{}{}{}",
      voters, spares, trouble.count(), settings.heartbeat_interval.count(),
      settings.batch_bytes_max, settings.window, delay_max.count(), delayed_long, lost, repeated,
      encoded ? ", as bytes" : "", sync_max.count(), sync_slow, snapshot_every, trailing,
      snapshot_max.count(), fetch_max.count(), fetch_fails, batch_max, propose_every.count(),
      fault_every.count(), change_every.count(), restart_storms ? ", restart storms" : "",
      wipes ? ", disks are lost" : "", hangs ? ", disks hang" : "");
}

}  // namespace millrace::replication::consensus::sim
