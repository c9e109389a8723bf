// Recovery of a folder with any bytes in it: it neither crashes nor invents. What the log serves
// then are batches of the input, checksums right and offsets rising; acknowledged records that are
// missing are reported; and a second start finds what the first one left.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "log/partition_log.hpp"
#include "log/points.hpp"
#include "protocol/base/ensure.hpp"
#include "tests/fuzz/log_folder.hpp"

namespace millrace::log::fuzz {
namespace {

constexpr Timestamp kNow{1'700'000'000'000};

class Count final : public DamageSink {
 public:
  void damaged(const Damage& damage) override {
    ++all;
    if (damage.acknowledged) ++acknowledged;
  }
  int all = 0;
  int acknowledged = 0;
};

LogConfig config_of(bool compacted) {
  LogConfig config;
  config.segment_bytes = 1 << 20;
  config.index_interval_bytes = 100;
  config.tail_cache_bytes = 0;
  config.compact = compacted;
  return config;
}

bool is_in(const FileMap& files, Bytes bytes) {
  return std::ranges::any_of(files, [&](const auto& file) {
    return file.first.ends_with(kLogSuffix) && !std::ranges::search(file.second, bytes).empty();
  });
}

Offset acknowledged_in(const FileMap& files) {
  Offset end{0};
  const auto point = files.find(std::string{kRecoveryPointFile});
  if (point != files.end())
    if (const auto decoded = RecoveryPoint::decode(point->second)) end = decoded->offset;
  const auto synced = files.find(std::string{kSyncPointFile});
  if (synced != files.end())
    if (const auto decoded = SyncPoint::decode(synced->second))
      end = std::max(end, decoded->offset);
  return end;
}

/// Reads all that the log serves. Damage that recovery need not look for may end it with an error,
/// or show in a base offset that goes back: no checksum covers that.
void read_all(const PartitionLog& log, const FileMap& input) {
  Offset at = log.log_start();
  std::optional<Offset> end;
  while (at < log.log_end()) {
    const auto got = log.read({at, log.log_end(), 1 << 16, true});
    if (!got || got->next <= at) return;
    const auto bytes = got->batches.flatten();
    protocol::BatchRun run{bytes};
    for (const auto batch : run) {
      ENSURE(is_in(input, batch.bytes()));
      if (end && batch.base_offset() < *end) {
        ENSURE(batch.base_offset() < log.recovery_point());
        return;
      }
      end = batch.next_offset();
    }
    ENSURE(!run.error() && run.tail_bytes() == 0);
    at = got->next;
  }
}

void run(Bytes bytes) {
  if (bytes.empty()) return;
  const bool compacted = (std::to_integer<unsigned>(bytes[0]) & 1) != 0;
  const auto input = files_of(bytes.subspan(1));
  sim::MemoryFiles disk;
  put_all(disk, input);
  Count damage;
  auto opened = PartitionLog::open(disk, kFolder, config_of(compacted), kNow, damage);
  if (!opened) return;
  auto& log = *opened->log;
  ENSURE(log.log_start() <= log.log_end());
  ENSURE(opened->report.damages == static_cast<std::uint64_t>(damage.all));
  if (log.log_end() < acknowledged_in(input)) {
    ENSURE(log.state() == LogState::read_only);
    ENSURE(damage.acknowledged > 0);
  }
  ENSURE((log.state() == LogState::read_only) == (damage.acknowledged > 0));
  read_all(log, input);
  static_cast<void>(log.find_by_time(Timestamp{kNow.value + 20}, log.log_end()));
  static_cast<void>(log.max_timestamp(log.log_end()));

  const Offset start = log.log_start();
  const Offset end = log.log_end();
  const bool was_read_only = log.state() == LogState::read_only;
  ENSURE(log.close());
  opened->log.reset();
  Count again;
  opened = PartitionLog::open(disk, kFolder, config_of(compacted), kNow, again);
  ENSURE(opened.has_value());
  ENSURE(opened->log->log_end() == end);
  ENSURE(opened->log->log_start() == start);
  ENSURE((opened->log->state() == LogState::read_only) == was_read_only);
  if (!was_read_only) ENSURE(again.all == 0 && opened->report.torn_bytes == 0);
  read_all(*opened->log, input);
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
