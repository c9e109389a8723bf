#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>

#include "protocol/base/types.hpp"

// What is worth compacting, decided from numbers alone.
//
//   log start        first dirty              end          active segment
//      |  clean: no key   |  dirty: may repeat   |  too young,    |
//      |  twice           |  keys               |  not committed  |
namespace millrace::log {

/// What the plan knows of one closed segment.
struct SegmentFacts {
  friend bool operator==(const SegmentFacts&, const SegmentFacts&) = default;
  Offset base;
  Offset next;  ///< right behind the last batch
  std::uint64_t bytes = 0;
  std::uint64_t offset_index_bytes = 0;
  std::uint64_t time_index_bytes = 0;
  std::optional<Timestamp> first_timestamp;   ///< of the first batch
  std::optional<Timestamp> newest_timestamp;  ///< the largest of all records
};

struct CompactionRules {
  using Milliseconds = std::chrono::milliseconds;
  Milliseconds min_lag{0};              ///< `min.compaction.lag.ms`
  std::optional<Milliseconds> max_lag;  ///< `max.compaction.lag.ms`
  double min_dirty_ratio = 0.5;         ///< `min.cleanable.dirty.ratio`
};

struct CompactionPlan {
  friend bool operator==(const CompactionPlan&, const CompactionPlan&) = default;
  friend std::ostream& operator<<(std::ostream& out, const CompactionPlan& plan);
  /// Share of the bytes that were never compacted; 0 for an empty log.
  [[nodiscard]] double dirty_ratio() const;

  std::size_t segments = 0;       ///< from the front, that a pass reads
  Offset first_dirty;             ///< below it the log was compacted
  Offset end;                     ///< a pass reaches so far at most
  std::uint64_t clean_bytes = 0;  ///< of these segments, below and
  std::uint64_t dirty_bytes = 0;  ///< behind `first_dirty`
  bool overdue = false;           ///< the oldest dirty record has waited longer than the maximum
  bool due = false;               ///< a pass is worth its while
};

/// `segments`: the closed ones, from the front. Nothing that reaches past `limit` (the last stable
/// offset, what is synced) is touched, nor anything behind a segment that has a record younger than
/// the minimum lag.
[[nodiscard]] CompactionPlan plan_compaction(std::span<const SegmentFacts> segments,
                                             Offset first_dirty, Offset limit, Timestamp now,
                                             const CompactionRules& rules);

/// Bounds of one segment's files.
struct SegmentLimits {
  std::uint64_t bytes = 0;
  std::uint64_t index_bytes = 0;
};

/// Whether all that `next` holds may follow into the segment that `so_far` describes.
[[nodiscard]] bool joins(const SegmentFacts& so_far, const SegmentFacts& next,
                         const SegmentLimits& limits);

}  // namespace millrace::log
