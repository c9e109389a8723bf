#include "log/compaction/plan.hpp"

#include <algorithm>
#include <limits>

namespace millrace::log {

std::ostream& operator<<(std::ostream& out, const CompactionPlan& plan) {
  return out << plan.segments << " segments to " << plan.end << ", dirty from " << plan.first_dirty
             << ", " << plan.clean_bytes << " + " << plan.dirty_bytes << " bytes"
             << (plan.overdue ? ", overdue" : "") << (plan.due ? ", due" : "");
}

double CompactionPlan::dirty_ratio() const {
  const std::uint64_t all = clean_bytes + dirty_bytes;
  return all == 0 ? 0 : static_cast<double>(dirty_bytes) / static_cast<double>(all);
}

CompactionPlan plan_compaction(std::span<const SegmentFacts> segments, Offset first_dirty,
                               Offset limit, Timestamp now, const CompactionRules& rules) {
  CompactionPlan plan;
  plan.first_dirty = first_dirty;
  plan.end = segments.empty() ? first_dirty : segments.front().base;
  for (const SegmentFacts& segment : segments) {
    if (segment.next > limit) break;
    const bool dirty = segment.next > first_dirty;
    const bool too_young = dirty && rules.min_lag.count() > 0 && segment.newest_timestamp &&
                           now - *segment.newest_timestamp < rules.min_lag;
    if (too_young) break;
    (dirty ? plan.dirty_bytes : plan.clean_bytes) += segment.bytes;
    plan.overdue = plan.overdue || (dirty && rules.max_lag && segment.first_timestamp &&
                                    now - *segment.first_timestamp > *rules.max_lag);
    plan.end = segment.next;
    ++plan.segments;
  }
  plan.due = plan.dirty_bytes > 0 && (plan.overdue || plan.dirty_ratio() > rules.min_dirty_ratio);
  return plan;
}

bool joins(const SegmentFacts& so_far, const SegmentFacts& next, const SegmentLimits& limits) {
  // Positions and relative offsets in the indexes are 31 bits wide.
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  return so_far.bytes + next.bytes <= std::min(limits.bytes, static_cast<std::uint64_t>(kMax)) &&
         so_far.offset_index_bytes + next.offset_index_bytes <= limits.index_bytes &&
         so_far.time_index_bytes + next.time_index_bytes <= limits.index_bytes &&
         (next.next - so_far.base).value <= kMax;
}

}  // namespace millrace::log
