#include "tests/sim/log/plan.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace millrace::log_sim {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kPlanSalt = 0x109'51a0;  // the run itself draws from the bare seed

constexpr std::array<std::string_view, 4> kEnds{"power cut", "power cut inside a call", "kill",
                                                "stop"};

template <class T, std::size_t N>
T one_of(Rng& rng, const T (&choices)[N]) {
  return choices[rng.below(N)];
}

LifePlan choose_life(Rng& rng, bool compact) {
  LifePlan life;
  life.end = one_of(rng, {End::power_cut, End::power_cut, End::power_call, End::power_call,
                          End::kill, End::stop});
  life.steps = 4 + rng.below(36);
  if (compact) life.steps *= 4;  // a pass takes some steps, and what it may read must be due first
  if (life.end == End::power_call) life.power_at_call = 1 + rng.below(life.steps * 4);
  const auto fault = rng.below(12);
  if (fault == 0) {
    life.fail_at_call = 1 + rng.below(life.steps * 3);
    life.fail_with = one_of(rng, {EIO, EIO, ENOSPC});
  } else if (fault == 1) {
    life.fail_at_call = 1 + rng.below(life.steps / 2 + 1);
    life.fail_only_syncs = true;
    life.fail_with = EIO;
  } else if (fault == 2) {
    life.space = rng.below(life.steps * 100);
  }
  if (rng.chance(1, 4)) life.rots = rng.chance(1, 6) ? 2 : 1;
  return life;
}

}  // namespace

log::LogConfig choose_config(Rng& rng, bool compact) {
  log::LogConfig config;
  config.segment_bytes = 600 + rng.below(2'400);
  config.segment_ms = milliseconds{one_of(rng, {50, 1'000, 100'000'000})};
  config.index_interval_bytes = static_cast<std::uint32_t>(1 + rng.below(600));
  config.index_bytes_max = static_cast<std::uint32_t>(one_of(rng, {48, 120, 10'000}));
  config.checkpoint_interval_bytes = 200 + rng.below(5'000);
  config.tail_cache_bytes = rng.below(3) * 4'096;
  config.retention_ms.reset();
  if (rng.chance(1, 2)) config.retention_ms = milliseconds{one_of(rng, {100, 2'000, 60'000})};
  if (rng.chance(1, 2)) config.retention_bytes = 500 + rng.below(6'000);
  config.file_delete_delay = milliseconds{one_of(rng, {0, 100, 60'000})};
  config.producer_expiration = milliseconds{one_of(rng, {500, 5'000'000, 5'000'000})};
  if (rng.chance(1, 5)) config.timestamp_type = protocol::TimestampType::log_append_time;
  if (!compact) return config;
  config.compact = !rng.chance(1, 10);
  config.delete_old = rng.chance(1, 4);
  config.min_dirty_ratio = 0.1;
  config.checkpoint_interval_bytes = 100 + rng.below(1'000);
  config.min_compaction_lag = milliseconds{one_of(rng, {0, 0, 50})};
  if (rng.chance(1, 3)) config.max_compaction_lag = milliseconds{200};
  config.delete_retention = milliseconds{one_of(rng, {0, 500, 100'000})};
  return config;
}

Plan::Plan(std::uint64_t from) : seed{from} {
  SeededRng rng{seed ^ (kPlanSalt << 24)};
  compact = rng.chance(1, 3);
  for (auto left = one_of<std::uint64_t>(rng, {1, 1, 2, 3}); left > 0; --left)
    partitions.push_back(choose_config(rng, compact));
  for (auto left = 1 + rng.below(4); left > 0; --left) lives.push_back(choose_life(rng, compact));
  forgetful = rng.chance(1, 2);
  followers = !compact && rng.chance(1, 4);
  compressed = rng.chance(1, 4);
  nested = rng.chance(1, 2) ? 0 : 1 + rng.below(8);
}

std::string Plan::to_string() const {
  auto text = fmt::format("{} partitions{}{}{}{}; {} of 64 calls let others in\n",
                          partitions.size(), followers ? ", followers" : "",
                          compact ? ", compacted" : "", compressed ? ", compressed" : "",
                          forgetful ? ", failed syncs forget" : "", nested);
  for (const auto& config : partitions)
    text += fmt::format(
        "  segments of {} bytes, one index entry per {}, checkpoints per {}, cache of {}\n",
        config.segment_bytes, config.index_interval_bytes, config.checkpoint_interval_bytes,
        config.tail_cache_bytes);
  for (const auto& life : lives) {
    text += fmt::format("  life of {} steps, then {}", life.steps,
                        kEnds[static_cast<std::size_t>(life.end)]);
    if (life.power_at_call > 0) text += fmt::format(" {}", life.power_at_call);
    if (life.fail_at_call > 0)
      text +=
          fmt::format("; {} {} fails", life.fail_only_syncs ? "sync" : "call", life.fail_at_call);
    if (life.space) text += fmt::format("; disk full after {} bytes", *life.space);
    if (life.rots > 0) text += fmt::format("; {} files rot", life.rots);
    text += '\n';
  }
  return text;
}

}  // namespace millrace::log_sim
