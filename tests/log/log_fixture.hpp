#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/partition_log.hpp"
#include "protocol/record/builder.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::log {

using protocol::BatchBuilder;
using protocol::BatchView;
using sim::FileCall;
using sim::MemoryFiles;

inline constexpr Timestamp kNow{1'700'000'000'000};
inline const std::filesystem::path kDir{"/data/orders-0"};

/// Keeps what it is told.
class DamageList final : public DamageSink {
 public:
  void damaged(const Damage& damage) override { all.push_back(damage); }
  std::vector<Damage> all;
};

struct BatchSpec {
  int records = 1;
  Timestamp first_timestamp = kNow;
  std::int64_t timestamp_step = 1;
  std::size_t value_bytes = 20;
  std::optional<BatchBuilder::Producer> producer;
  bool transactional = false;
  protocol::Codec codec = protocol::Codec::none;
  Offset base_offset{0};
  std::optional<LeaderEpoch> epoch;
  std::uint64_t salt = 0;  // makes the values differ
};

inline std::vector<std::byte> batch_of(const BatchSpec& spec) {
  BatchBuilder builder{{.codec = spec.codec,
                        .producer = spec.producer,
                        .transactional = spec.transactional,
                        .base_offset = spec.base_offset,
                        .leader_epoch = spec.epoch}};
  for (int i = 0; i < spec.records; ++i) {
    std::string value = std::to_string(spec.salt) + "/" + std::to_string(i) + ":";
    if (value.size() < spec.value_bytes) value.resize(spec.value_bytes, 'v');
    builder.add(Timestamp{spec.first_timestamp.value + i * spec.timestamp_step}, std::nullopt,
                as_bytes(value));
  }
  return builder.build().value();
}

inline BatchView view_of(const std::vector<std::byte>& batch) {
  return protocol::parse_batch(batch).value();
}

/// A log on a memory disk, with what its owner does around it.
class LogFixture {
 public:
  explicit LogFixture(LogConfig settings = small_config()) : config{settings} {
    REQUIRE(files.create_directories("/data"));
    REQUIRE(files.sync_directory("/"));
    open();
  }

  /// Several segments and index entries after a few batches; nothing is kept in the cache.
  static LogConfig small_config() {
    LogConfig config;
    config.segment_bytes = 2000;
    config.index_interval_bytes = 200;
    config.checkpoint_interval_bytes = 1500;
    config.tail_cache_bytes = 0;
    return config;
  }

  void open() {
    log.reset();
    damage.all.clear();
    auto opened = PartitionLog::open(files, kDir, config, kNow, damage);
    REQUIRE(opened.has_value());
    log = std::move(opened->log);
    report = opened->report;
  }
  void reopen_after_kill() {
    files.kill_process();
    open();
  }
  AppendInfo append(const BatchSpec& spec = {}) {
    const auto info = log->append(batch_of(spec), LeaderEpoch{epoch}, std::nullopt);
    REQUIRE(info.has_value());
    return *info;
  }
  /// `count` batches of three records with rising times, each told apart by its salt.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      append({.records = 3, .first_timestamp = Timestamp{time += 10}, .salt = ++salt});
      REQUIRE(log->sync_now());
    }
  }
  void checkpoint() {
    if (const auto work = log->take_checkpoint()) log->checkpointed(*work, work->run());
  }
  /// Every batch from `from` to the end, flat.
  std::vector<std::byte> read_all(Offset from, std::size_t bytes_max = 1000) const {
    std::vector<std::byte> all;
    while (from < log->log_end()) {
      const auto got = log->read({from, log->log_end(), bytes_max, true});
      REQUIRE(got.has_value());
      if (got->next == from) break;
      const auto flat = got->batches.flatten();
      all.insert(all.end(), flat.begin(), flat.end());
      from = got->next;
    }
    return all;
  }
  [[nodiscard]] std::filesystem::path path(std::string_view name) const { return kDir / name; }

  LogConfig config;
  MemoryFiles files;
  DamageList damage;
  std::unique_ptr<PartitionLog> log;
  RecoveryReport report;
  std::int32_t epoch = 1;
  std::int64_t time = kNow.value;
  std::uint64_t salt = 0;
};

}  // namespace millrace::log
