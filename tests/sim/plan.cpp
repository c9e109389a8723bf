#include "tests/sim/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/base/rng.hpp"

namespace millrace::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint64_t kPlanSalt = 0x5eedf01d;  // the world draws from the bare seed

std::string_view name_of(Blow blow) {
  static constexpr std::array<std::string_view, 9> kNames{
      "power_cut", "kill",       "stop",        "reset",      "silence",
      "disk_full", "sync_fails", "write_fails", "member_dies"};
  return kNames[static_cast<std::size_t>(blow)];
}

std::string_view name_of(GroupKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"classic members", "consumer members",
                                                          "members of both protocols"};
  return kNames[static_cast<std::size_t>(kind)];
}

template <class T, std::size_t N>
T one_of(Rng& rng, const T (&choices)[N]) {
  return choices[rng.below(N)];
}

WriterPlan choose_writer(Rng& rng) {
  using protocol::Codec;
  WriterPlan writer;
  writer.codec = one_of(rng, {Codec::none, Codec::none, Codec::none, Codec::lz4, Codec::snappy,
                              Codec::gzip, Codec::zstd});
  writer.records = 30 + rng.below(120);
  writer.value_bytes_max = one_of<std::size_t>(rng, {1, 40, 200, 600, 3'000});
  if (rng.chance(1, 20)) writer.value_bytes_max = 40'000;
  writer.batch_bytes = one_of<std::size_t>(rng, {1, 500, 4'000, 65'536});
  writer.burst_max = one_of<std::uint64_t>(rng, {1, 5, 20});
  // So that most writers are at work while the strikes fall.
  const auto bursts = writer.records * 2 / (writer.burst_max + 1) + 1;
  writer.pause_max = milliseconds{(1'000 + rng.below(10'000)) / bursts};
  writer.linger = milliseconds{one_of(rng, {0, 2, 20})};
  writer.delivery_timeout = milliseconds{rng.chance(1, 3) ? 700 + rng.below(2'000) : 300'000};
  return writer;
}

void choose_transactors(Rng& rng, std::vector<TransactorPlan>& all) {
  for (std::size_t id = 0, ids = 1 + rng.below(2); id < ids; ++id) {
    TransactorPlan plan{.id = id, .version1 = rng.chance(1, 3)};
    plan.transactions = 3 + rng.below(10);
    plan.records_max = one_of<std::uint64_t>(rng, {1, 4, 12});
    plan.pause_max = milliseconds{one_of(rng, {20, 200, 700})};
    plan.timeout = milliseconds{one_of(rng, {1'500, 6'000, 60'000})};
    plan.delivery_timeout = milliseconds{rng.chance(1, 3) ? 600 + rng.below(2'000) : 120'000};
    for (auto rivals = rng.chance(1, 4) ? 2 : 1; rivals > 0; --rivals) all.push_back(plan);
  }
}

Strike choose_strike(Rng& rng, bool silence_allowed) {
  Strike strike;
  const auto dice = rng.below(20);
  if (dice < 9) {
    strike.blow = Blow::power_cut;
  } else if (dice < 11) {
    strike.blow = Blow::kill;
  } else if (dice < 13) {
    strike.blow = Blow::stop;
  } else if (dice < 17 || !silence_allowed) {
    strike.blow = Blow::reset;
  } else {
    strike.blow = Blow::silence;
  }
  strike.at = milliseconds{rng.below(4'000)};
  strike.lasting = milliseconds{rng.chance(1, 4) ? rng.below(5) : rng.below(900)};
  strike.pick = rng.next();
  if (strike.blow == Blow::power_cut && rng.chance(2, 3)) {
    strike.after_writes = 1 + rng.below(6);
  }
  return strike;
}

}  // namespace

Plan::Plan(std::uint64_t from) : seed{from} {
  SeededRng rng{seed ^ (kPlanSalt << 24)};
  shards = 1 + rng.below(3);
  partitions = static_cast<std::int32_t>(1 + rng.below(4));
  index_interval_bytes = static_cast<std::uint32_t>(one_of(rng, {1, 200, 1'000, 4'096}));
  segment_index_bytes = static_cast<std::uint32_t>(one_of(rng, {32, 64, 256, 10'240}));
  segment_ms = milliseconds{one_of(rng, {50, 300, 2'000, 1'000'000})};
  offsets_partitions = static_cast<std::int32_t>(1 + rng.below(3));
  checkpoint_interval = milliseconds{one_of(rng, {100, 1'000, 60'000})};
  journal_bytes = static_cast<std::uint64_t>(one_of(rng, {0, 786'432, 786'432, 2'000'000}));
  network_delay_max = microseconds{one_of(rng, {60, 500, 2'000, 20'000})};
  disk_delay_max = microseconds{one_of(rng, {50, 500, 3'000, 30'000})};
  for (auto left = 1 + rng.below(3); left > 0; --left) writers.push_back(choose_writer(rng));
  readers = 1 + rng.below(2);
  partition_fetch_bytes_max = one_of<std::size_t>(rng, {1, 1'000, 20'000, 1'048'576});
  if (rng.chance(1, 2)) group_members = 1 + rng.below(3);
  fleeting_topic = rng.chance(1, 4);
  // What a cut network holds back may arrive when a topic of the same name has a new life.
  for (auto left = 1 + rng.below(6); left > 0; --left) {
    strikes.push_back(choose_strike(rng, !fleeting_topic));
  }
  if (rng.chance(1, 8)) {
    disk_faults = true;
    strikes.push_back({.at = milliseconds{rng.below(3'000)},
                       .blow = one_of(rng, {Blow::disk_full, Blow::sync_fails, Blow::write_fails}),
                       .lasting = milliseconds{200 + rng.below(500)},
                       .pick = rng.next()});
  }
  std::ranges::sort(strikes, {}, &Strike::at);
  if (rng.chance(1, 2))
    topic_compression = one_of<std::string>(rng, {"uncompressed", "lz4", "gzip", "zstd"});
  if (rng.chance(1, 3)) unsynced_files_max = rng.below(4);
  if (group_members > 0) {
    group_members += rng.below(3);
    group_kind = one_of(rng, {GroupKind::classic, GroupKind::consumer, GroupKind::mixed});
    assignment_interval = milliseconds{one_of(rng, {0, 0, 100, 1'000})};
    second_topic = rng.chance(1, 2);
    for (auto left = rng.below(5); left > 0; --left) {
      member_strikes.push_back({.at = milliseconds{rng.below(5'000)},
                                .blow = one_of(rng, {Blow::silence, Blow::member_dies}),
                                .lasting = milliseconds{rng.below(4'000)},
                                .pick = rng.next(),
                                .of_member = true});
    }
  }
  if (rng.chance(1, 2)) {
    choose_transactors(rng, transactors);
    transaction_partitions = static_cast<std::int32_t>(1 + rng.below(3));
    transaction_check = milliseconds{one_of(rng, {150, 1'000, 3'000})};
  }
}

std::string Plan::to_string() const {
  auto text = fmt::format(
      "{} shards, {} partitions, {} readers, {} group members{}; rolls at {} index bytes, one "
      "entry per {} bytes, or {} ms; up to {} unsynced files; compression.type {}; network up to "
      "{} "
      "us, disk up to {} us\n",
      shards, partitions, readers, group_members, fleeting_topic ? ", a fleeting topic" : "",
      segment_index_bytes, index_interval_bytes, segment_ms.count(), unsynced_files_max,
      topic_compression, network_delay_max.count(), disk_delay_max.count());
  for (const auto& writer : writers) {
    text += fmt::format(
        "  writer: {} records up to {} bytes, batches of {}, codec {}, gives up after {} ms\n",
        writer.records, writer.value_bytes_max, writer.batch_bytes, static_cast<int>(writer.codec),
        writer.delivery_timeout.count());
  }
  if (group_members > 0) {
    text += fmt::format("  group: {}; a target every {} ms{}\n", name_of(group_kind),
                        assignment_interval.count(), second_topic ? "; two topics" : "");
  }
  for (const auto& strike : member_strikes) {
    text += fmt::format("  after {} ms: member {}: {}, for {} ms\n", strike.at.count(),
                        strike.pick % group_members, name_of(strike.blow), strike.lasting.count());
  }
  for (const auto& each : transactors) {
    text += fmt::format(
        "  producer of transactional id {}: version {}, {} transactions of up to {} records, "
        "timeout {} ms, delivered within {} ms\n",
        each.id, each.version1 ? 1 : 2, each.transactions, each.records_max, each.timeout.count(),
        each.delivery_timeout.count());
  }
  for (const auto& strike : strikes) {
    text += fmt::format("  after {} ms: {}, for {} ms\n", strike.at.count(), name_of(strike.blow),
                        strike.lasting.count());
  }
  return text;
}

}  // namespace millrace::sim
