#include "log/compaction/plan.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace millrace::log {
namespace {

using std::chrono::milliseconds;

constexpr Timestamp kNow{1'000'000};

/// Segments of 100 offsets and 1000 bytes each, the first records 10 s old, then one per second.
std::vector<SegmentFacts> segments(int count) {
  std::vector<SegmentFacts> all;
  for (std::int64_t i = 0; i < count; ++i)
    all.push_back({.base = Offset{i * 100},
                   .next = Offset{i * 100 + 100},
                   .bytes = 1000,
                   .first_timestamp = Timestamp{kNow.value - 10'000 + i * 1000},
                   .newest_timestamp = Timestamp{kNow.value - 10'000 + i * 1000 + 900}});
  return all;
}

constexpr Offset kAll{std::numeric_limits<std::int64_t>::max()};

TEST_CASE("plan: what was never compacted is dirty", "[log][compaction]") {
  const auto plan = plan_compaction(segments(4), Offset{0}, kAll, kNow, {});
  CHECK(plan == CompactionPlan{.segments = 4,
                               .first_dirty = Offset{0},
                               .end = Offset{400},
                               .dirty_bytes = 4000,
                               .due = true});
  CHECK(plan.dirty_ratio() == 1.0);
}

TEST_CASE("plan: a pass is due when the dirty part is larger than the ratio", "[log][compaction]") {
  const auto with = [](Offset first_dirty, double ratio) {
    return plan_compaction(segments(4), first_dirty, kAll, kNow, {.min_dirty_ratio = ratio});
  };
  CHECK(with(Offset{300}, 0.2).due);
  CHECK_FALSE(with(Offset{300}, 0.25).due);
  CHECK(with(Offset{350}, 0.2).dirty_bytes == 1000);  // a segment that is partly dirty counts whole
  CHECK_FALSE(with(Offset{400}, 0).due);
  CHECK(with(Offset{400}, 0).dirty_ratio() == 0.0);
  CHECK_FALSE(plan_compaction({}, Offset{0}, kAll, kNow, {.min_dirty_ratio = 0}).due);
}

TEST_CASE("plan: a segment that reaches past the limit is not touched", "[log][compaction]") {
  CHECK(plan_compaction(segments(4), Offset{0}, Offset{300}, kNow, {}).end == Offset{300});
  CHECK(plan_compaction(segments(4), Offset{0}, Offset{299}, kNow, {}).end == Offset{200});
  CHECK(plan_compaction(segments(4), Offset{0}, Offset{99}, kNow, {}).segments == 0);
}

TEST_CASE("plan: nothing behind a record younger than the minimum lag", "[log][compaction]") {
  // The newest records are 9.1, 8.1, 7.1 and 6.1 s old.
  const CompactionRules rules{.min_lag = milliseconds{8000}};
  CHECK(plan_compaction(segments(4), Offset{0}, kAll, kNow, rules).end == Offset{200});
  // What was compacted before may be read again at any age.
  CHECK(plan_compaction(segments(4), Offset{300}, kAll, kNow, rules).end == Offset{300});
  CHECK(plan_compaction(segments(4), Offset{0}, kAll, kNow, {.min_lag = milliseconds{6100}}).end ==
        Offset{400});
}

TEST_CASE("plan: a record older than the maximum lag is due at any ratio", "[log][compaction]") {
  const auto with = [](Offset first_dirty, int lag) {
    return plan_compaction(segments(4), first_dirty, kAll, kNow,
                           {.max_lag = milliseconds{lag}, .min_dirty_ratio = 1.0});
  };
  CHECK(with(Offset{0}, 9999).overdue);
  CHECK(with(Offset{0}, 9999).due);
  CHECK_FALSE(with(Offset{0}, 10'000).due);
  CHECK(with(Offset{300}, 6999).due);
  CHECK_FALSE(with(Offset{300}, 7000).due);  // the older segments are clean
  CHECK_FALSE(with(Offset{400}, 1).due);
}

TEST_CASE("plan: segments share a file as long as bytes, indexes and offsets fit",
          "[log][compaction]") {
  const SegmentFacts first{.base = Offset{0},
                           .next = Offset{100},
                           .bytes = 600,
                           .offset_index_bytes = 40,
                           .time_index_bytes = 60};
  SegmentFacts next = first;
  next.base = Offset{100};
  next.next = Offset{200};
  CHECK(joins(first, next, {.bytes = 1200, .index_bytes = 120}));
  CHECK_FALSE(joins(first, next, {.bytes = 1199, .index_bytes = 120}));
  CHECK_FALSE(joins(first, next, {.bytes = 1200, .index_bytes = 119}));
  next.next = Offset{std::int64_t{1} << 31};
  CHECK_FALSE(joins(first, next, {.bytes = 1200, .index_bytes = 120}));
  next.next = Offset{(std::int64_t{1} << 31) - 1};
  CHECK(joins(first, next, {.bytes = 1200, .index_bytes = 120}));
  next.bytes = (std::uint64_t{1} << 31) - 600;  // positions in the index have 31 bits
  CHECK_FALSE(joins(first, next, {.bytes = std::uint64_t{1} << 40, .index_bytes = 120}));
}

}  // namespace
}  // namespace millrace::log
