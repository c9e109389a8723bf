#pragma once

#include <string>
#include <vector>

#include "log/partition_log.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"
#include "tests/fuzz/log_folder.hpp"

namespace millrace::log::fuzz {

/// A log of two segments that was closed: its files, and what it serves. What an index may lead
/// astray.
struct SoundLog {
  static constexpr Timestamp kNow{1'700'000'000'000};
  static constexpr int kBatches = 12;

  static LogConfig config() {
    LogConfig config;
    config.segment_bytes = 800;
    config.index_interval_bytes = 100;
    config.tail_cache_bytes = 0;
    return config;
  }

  SoundLog() {
    sim::MemoryFiles disk;
    static_cast<void>(disk.create_directories(kFolder));
    class : public DamageSink {
      void damaged(const Damage&) override {}
    } sink;
    auto opened = PartitionLog::open(disk, kFolder, config(), kNow, sink);
    ENSURE(opened.has_value());
    auto& log = *opened->log;
    for (int i = 0; i < kBatches; ++i) {
      protocol::BatchBuilder builder;
      const std::string value(20, static_cast<char>('a' + i));
      // Mostly rising, now and then back in time.
      const Timestamp time{kNow.value + (i % 5 == 4 ? i : 10 * i)};
      times.push_back(time);
      builder.add(time, std::nullopt, as_bytes(value));
      const auto info = log.append(builder.build().value(), LeaderEpoch{1}, std::nullopt);
      ENSURE(info.has_value());
      ENSURE(log.sync_now().has_value());
    }
    batches = log.read({Offset{0}, log.log_end(), 1 << 20, true})->batches.flatten();
    while (true) {
      const auto end = protocol::BatchRun{batches};
      Offset next{0};
      for (const auto batch : protocol::BatchRun{end}) next = batch.next_offset();
      if (next == log.log_end()) break;
      const auto more = log.read({next, log.log_end(), 1 << 20, true})->batches.flatten();
      batches.insert(batches.end(), more.begin(), more.end());
    }
    ENSURE(log.close().has_value());
    const auto entries = disk.list(kFolder);
    for (const auto& entry : *entries) files[entry.name] = disk.contents(kFolder / entry.name);
  }

  FileMap files;
  std::vector<std::byte> batches;
  std::vector<Timestamp> times;  // of record 0, 1, 2 ...
};

}  // namespace millrace::log::fuzz
