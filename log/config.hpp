#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "protocol/record/batch.hpp"

namespace millrace::log {

/// How one partition's log behaves: the topic's settings after the broker's defaults were filled
/// in. Plain values that the caller has validated; sizes in bytes. The defaults are the
/// catalogue's.
struct LogConfig {
  using Milliseconds = std::chrono::milliseconds;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;

  /// A segment never grows past this (`segment.bytes`); a larger batch is refused from a producer
  /// and gets a segment of its own when it comes from a leader.
  std::uint64_t segment_bytes = std::uint64_t{1} << 30;
  /// Longest span of record time in one segment (`segment.ms`).
  Milliseconds segment_ms = std::chrono::hours{24 * 7};
  /// Taken off `segment_ms`, so that partitions born together do not roll together. The owner draws
  /// it at random below `segment.jitter.ms`.
  Milliseconds segment_jitter{0};
  /// Bytes of log between two entries of the sparse indexes (`index.interval.bytes`).
  std::uint32_t index_interval_bytes = 4096;
  /// Bound of one index file; a segment whose index is full rolls (`segment.index.bytes`).
  std::uint32_t index_bytes_max = 10U << 20;

  /// Age and size at which whole segments go; nothing: no such bound (`retention.*`).
  std::optional<Milliseconds> retention_ms = std::chrono::hours{24 * 7};
  std::optional<std::uint64_t> retention_bytes;
  bool delete_old = true;  ///< `cleanup.policy` contains `delete`
  bool compact = false;    ///< `cleanup.policy` contains `compact`: offsets may have gaps
  /// Age below which a record is not compacted away (`min.compaction.lag.ms`), and age at which it
  /// is due whatever the ratio says (`max.compaction.lag.ms`; nothing: never). The latter bounds
  /// the age of the active segment as well.
  Milliseconds min_compaction_lag{0};
  std::optional<Milliseconds> max_compaction_lag;
  /// Share of uncompacted bytes above which a pass is due (`min.cleanable.dirty.ratio`).
  double min_dirty_ratio = 0.5;
  /// How long a tombstone can still be read after a pass first met it (`delete.retention.ms`).
  Milliseconds delete_retention = std::chrono::hours{24};
  /// For the leader's shell, which passes an append time to `append` when the topic asks for it.
  protocol::TimestampType timestamp_type = protocol::TimestampType::create_time;
  /// How long a deleted file stays under its `.deleted` name (`file.delete.delay.ms`).
  Milliseconds file_delete_delay = std::chrono::minutes{1};
  /// State of a producer that wrote nothing for so long is dropped (`producer.id.expiration.ms`).
  Milliseconds producer_expiration = std::chrono::hours{24};

  /// Synced bytes after which a new recovery point is due: what a start after a crash has to scan
  /// at most, the unsynced tail apart.
  std::uint64_t checkpoint_interval_bytes = 64U << 20;
  /// Recent batches kept in memory for readers at the tail. What is not written yet is kept beyond
  /// this bound; the owner bounds that by calling `write()`.
  std::uint64_t tail_cache_bytes = 1U << 20;
};

}  // namespace millrace::log
