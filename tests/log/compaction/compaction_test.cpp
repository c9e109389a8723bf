// Scripted passes over logs on a memory disk.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/points.hpp"
#include "tests/log/compaction/compaction_fixture.hpp"

namespace millrace::log {
namespace {

using protocol::Codec;
using std::chrono::milliseconds;

TEST_CASE("compaction: the latest value of each key stays, and the log shrinks",
          "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 100; ++i) f.put("key-" + std::to_string(i % 7), std::to_string(i));
  f.roll();
  const auto table = f.table();
  const auto size = f.log->size_bytes();
  const auto segments = f.log->segments();
  const Offset end = f.log->log_end();
  REQUIRE(f.compact());
  CHECK(f.table() == table);
  CHECK(f.log->size_bytes() < size / 3);
  CHECK(f.log->segments() < segments / 2);
  CHECK(f.log->log_end() == end);
  CHECK(f.log->log_start() == Offset{0});
  CHECK(f.log->first_dirty() == f.log->active_segment_base());
  for (const auto& found : f.records())
    CHECK((found.record.key == "~filler" || found.offset >= Offset{93}));
  CHECK(names_with(f.files, kCleanedSuffix).empty());
  CHECK(names_with(f.files, kSwapListFile).empty());
  CHECK_FALSE(f.compact());  // nothing is dirty any more

  // The same from the disk.
  const auto bytes = f.read_all(Offset{0});
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == end);
  CHECK(f.read_all(Offset{0}) == bytes);
  CHECK(f.log->first_dirty() == f.log->active_segment_base());
}

TEST_CASE("compaction: passes go on where the last one ended", "[log][compaction]") {
  CompactionFixture f;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 40; ++i)
      f.put("key-" + std::to_string((round + i) % 11), std::to_string(round * 100 + i));
    if (round == 3) f.put("key-3", std::nullopt);
    f.roll();
    const auto table = f.table();
    REQUIRE(f.compact());
    REQUIRE(f.table() == table);
    const auto records = f.records();
    CHECK(records.size() < 18);
    if (round == 2) f.reopen_after_kill();
  }
}

TEST_CASE("compaction: a map that is too small takes several passes", "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 90; ++i) f.put("key-" + std::to_string(i % 30), std::to_string(i));
  f.put({.records = {{"x", "1"}, {"y", "1"}, {"z", "1"}, {"x", "2"}, {"y", "2"}}});
  f.roll();
  const auto table = f.table();
  auto request = request_for(*f.log);
  request.key_map_bytes = KeyMap::kSlotBytes * 4;
  int passes = 0;
  for (; run_pass(*f.log, request); ++passes) {
    REQUIRE(passes < 100);
    REQUIRE(f.table() == table);
  }
  CHECK(passes > 20);
  CHECK(f.log->first_dirty() == f.log->active_segment_base());
}

TEST_CASE("compaction: tombstones stay for their retention, then go", "[log][compaction]") {
  CompactionFixture f;
  f.put("a", "1");
  f.put("b", "1");
  f.put("a", std::nullopt);
  f.roll();
  REQUIRE(f.compact(kNow));
  CHECK(f.table() ==
        std::map<std::string, std::optional<std::string>>{{"a", std::nullopt}, {"b", "1"}});
  f.put("c", "1");
  f.roll();
  REQUIRE(f.compact(kNow + milliseconds{999}));
  CHECK(f.table().contains("a"));
  f.put("c", "2");
  f.roll();
  REQUIRE(f.compact(kNow + milliseconds{1000}));
  CHECK(f.table() == std::map<std::string, std::optional<std::string>>{{"b", "1"}, {"c", "2"}});
}

TEST_CASE("compaction: nothing at or above the high watermark, or too young, is touched",
          "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 60; ++i) f.put("key", std::to_string(i));
  f.roll();
  auto request = request_for(*f.log);
  request.high_watermark = Offset{30};
  const auto plan = f.log->plan_compaction(kNow, Offset{30});
  CHECK(plan.end <= Offset{30});
  CHECK(plan.end > Offset{0});
  REQUIRE(run_pass(*f.log, request));
  CHECK(f.records().size() > 30);
  CHECK(f.log->first_dirty() == plan.end);

  auto config = f.config;
  config.min_compaction_lag = milliseconds{1000};
  f.log->set_config(config);
  // The records' times are 10 ms apart; the clock stands at the newest.
  const Timestamp now{f.time};
  CHECK_FALSE(run_pass(*f.log, request_for(*f.log, now)));
  CHECK(run_pass(*f.log, request_for(*f.log, now + milliseconds{900})));
}

TEST_CASE("compaction: an old record rolls the active segment", "[log][compaction]") {
  auto config = CompactionFixture::compact_config();
  config.max_compaction_lag = milliseconds{5000};
  config.min_dirty_ratio = 1.0;
  CompactionFixture f{config};
  f.put("a", "1");
  f.put("a", "2");
  f.settle();
  const Timestamp first{kNow.value + 10};
  CHECK_FALSE(f.log->plan_compaction(first + milliseconds{5000}, f.log->log_end()).due);
  CHECK(f.log->active_segment_base() == Offset{0});
  const Timestamp late = first + milliseconds{5001};
  CHECK_FALSE(f.log->plan_compaction(late, f.log->log_end()).due);
  CHECK(f.log->active_segment_base() == Offset{2});
  f.checkpoint();
  CHECK(f.log->plan_compaction(late, f.log->log_end()).due);
  REQUIRE(f.compact(late));
  REQUIRE(f.records().size() == 1);
  // The active segment has no file yet: what is below it alone must know where the log ends.
  f.reopen_after_kill();
  CHECK(f.log->log_end() == Offset{2});
  CHECK(f.log->plan_compaction(late, f.log->log_end()).dirty_bytes == 0);
}

TEST_CASE("compaction: no offset is used twice, even when the last records go",
          "[log][compaction]") {
  auto config = CompactionFixture::compact_config();
  config.max_compaction_lag = milliseconds{1};
  config.delete_retention = milliseconds{0};
  CompactionFixture f{config};
  f.put("a", "1");
  f.put("a", std::nullopt);
  f.settle();
  const Timestamp late = kNow + milliseconds{10'000};
  for (int pass = 0; pass < 3; ++pass) {
    (void)f.log->plan_compaction(late + milliseconds{pass}, f.log->log_end());
    f.checkpoint();
    (void)f.compact(late + milliseconds{pass});
    f.put({.records = {{"a", std::nullopt}}, .first_timestamp = kNow});
    f.settle();
  }
  const Offset end = f.log->log_end();
  CHECK(end == Offset{5});
  (void)f.log->plan_compaction(late, end);
  f.checkpoint();
  (void)f.compact(late + milliseconds{10});
  f.files.erase(f.path("recovery-point"));
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == end);
  CHECK(f.put("b", "1").base == end);
}

TEST_CASE("compaction: lookups by offset and time are exact afterwards", "[log][compaction]") {
  CompactionFixture f;
  SeededRng rng{3};
  for (int i = 0; i < 150; ++i) {
    KeyedBatch batch{
        .first_timestamp = Timestamp{kNow.value + static_cast<std::int64_t>(rng.below(2000))},
        .codec = static_cast<Codec>(rng.below(5))};
    for (std::uint64_t n = 1 + rng.below(4); n > 0; --n)
      batch.records.push_back({"key-" + std::to_string(rng.below(40)), std::to_string(i)});
    f.put(batch);
  }
  f.roll();
  REQUIRE(f.compact());
  for (int reopened = 0; reopened < 2; ++reopened) {
    const auto records = f.records();
    for (std::int64_t t = kNow.value - 1; t < kNow.value + 2010; t += 13) {
      const auto expected = std::ranges::find_if(
          records, [&](const auto& found) { return found.timestamp >= Timestamp{t}; });
      const auto found = f.log->find_by_time(Timestamp{t}, f.log->log_end());
      REQUIRE(found.has_value());
      REQUIRE(found->has_value() == (expected != records.end()));
      if (*found) REQUIRE((*found)->offset == expected->offset);
    }
    const auto newest = std::ranges::max_element(records, {}, &FoundRecord::timestamp);
    const auto found = f.log->max_timestamp(f.log->log_end());
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK((*found)->offset == newest->offset);
    CHECK((*found)->timestamp == newest->timestamp);
    for (const auto& record : records) {
      const auto got = f.log->read({record.offset, f.log->log_end(), 1, true});
      REQUIRE(got.has_value());
      const auto bytes = got->batches.flatten();
      CHECK(view_of(bytes).base_offset() <= record.offset);
      CHECK(view_of(bytes).last_offset() >= record.offset);
    }
    f.reopen_after_kill();
  }
}

TEST_CASE("compaction: a reader that had planned before goes on safely", "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 60; ++i) f.put("key", std::to_string(i));
  f.roll();
  const auto plan = f.log->plan_read({Offset{3}, f.log->log_end(), 200, true});
  const auto lookup = f.log->plan_find_by_time(Timestamp{kNow.value + 50}, f.log->log_end());
  REQUIRE(f.compact());
  const auto got = std::get<FileRead>(*plan).run();
  REQUIRE(got.has_value());
  CHECK(view_of(got->batches.flatten()).base_offset() == Offset{3});
  CHECK((*lookup.run())->offset == Offset{4});
  CHECK_FALSE(names_with(f.files, kDeletedSuffix).empty());
  REQUIRE(f.log->purge(kNow + f.config.file_delete_delay).has_value());
  CHECK(names_with(f.files, kDeletedSuffix).empty());
}

TEST_CASE("compaction: a truncation overtakes a pass at any step", "[log][compaction]") {
  for (int steps = 0;; ++steps) {
    CompactionFixture f;
    for (int i = 0; i < 60; ++i) f.put("key-" + std::to_string(i % 5), std::to_string(i));
    f.roll();
    auto request = request_for(*f.log);
    request.buffer_bytes = 300;
    const auto work = f.log->take_compaction(request);
    REQUIRE(work);
    bool more = true;
    for (int i = 0; i < steps && more; ++i) more = f.log->compacted(*work, work->step());
    // One more step is under way when the log shrinks.
    const bool half = more && steps % 2 == 1;
    const auto step = half ? work->step() : Result<CompactionStep>{Errc::superseded};
    REQUIRE(f.log->truncate_to(Offset{40}));
    CHECK(f.log->log_end() <= Offset{40});
    if (more) {
      CHECK(work->step().error() == make_error_code(Errc::superseded));
      CHECK_FALSE(f.log->compacted(*work, step));
    }
    CHECK(f.log->first_dirty() <= f.log->log_end());
    CHECK(names_with(f.files, kCleanedSuffix).empty());
    CHECK(names_with(f.files, kSwapListFile).empty());
    const auto bytes = f.read_all(Offset{0});
    for (int i = 0; i < 60; ++i) f.put("key-" + std::to_string(i % 5), std::to_string(i));
    f.roll();
    const auto table = f.table();
    REQUIRE(f.compact());
    CHECK(f.table() == table);
    SeededRng rng{static_cast<std::uint64_t>(steps)};
    f.files.crash(rng);
    f.open();
    CHECK(f.damage.all.empty());
    CHECK(f.table() == table);
    if (!more) break;
  }
}

TEST_CASE("compaction: damage ends the pass and is left as it is", "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 60; ++i) f.put("key", std::to_string(i));
  f.roll();
  f.files.flip_bit(f.path("00000000000000000000.log"), 90, 3);
  const auto work = f.log->take_compaction(request_for(*f.log));
  REQUIRE(work);
  const auto step = work->step();
  CHECK(step.error() == make_error_code(Errc::corrupt_file));
  CHECK_FALSE(f.log->compacted(*work, step));
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->first_dirty() == Offset{0});
}

TEST_CASE("compaction: a pass can be stopped, and a change of the policy stops it",
          "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 200; ++i) f.put("key-" + std::to_string(i), std::to_string(i));
  f.roll();
  auto request = request_for(*f.log);
  request.buffer_bytes = 200;
  const auto table = f.table();
  const auto work = f.log->take_compaction(request);
  REQUIRE(work);
  CHECK(f.log->take_compaction(request) == nullptr);
  for (int i = 0; i < 5; ++i) REQUIRE(f.log->compacted(*work, work->step()));
  auto config = f.config;
  config.compact = false;
  config.delete_old = true;
  f.log->set_config(config);
  int steps = 0;
  while (f.log->compacted(*work, work->step())) REQUIRE(++steps < 5);
  CHECK(names_with(f.files, kCleanedSuffix).empty());
  CHECK(f.log->take_compaction(request) == nullptr);
  CHECK(f.table() == table);
  // Without the policy the gaps are still there, and a start knows.
  f.config = config;
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.table() == table);
  f.config.compact = true;
  f.log->set_config(f.config);
  CHECK(f.compact());
}

TEST_CASE("compaction: retention waits for a pass, then deletes", "[log][compaction]") {
  auto config = CompactionFixture::compact_config();
  config.delete_old = true;
  config.retention_ms.reset();
  config.retention_bytes = 1;
  CompactionFixture f{config};
  for (int i = 0; i < 60; ++i) f.put("key-" + std::to_string(i), std::to_string(i));
  f.roll();
  const auto work = f.log->take_compaction(request_for(*f.log));
  REQUIRE(work);
  CHECK(f.log->apply_retention(kNow, f.log->log_end())->segments == 0);
  while (f.log->compacted(*work, work->step())) {
  }
  CHECK(f.log->apply_retention(kNow, f.log->log_end())->segments > 0);
  CHECK(f.log->log_start() == f.log->active_segment_base());
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_start() == f.log->active_segment_base());
}

TEST_CASE("compaction: a log that is closed in the middle of a pass opens clean",
          "[log][compaction]") {
  for (int steps = 0; steps < 12; ++steps) {
    CompactionFixture f;
    for (int i = 0; i < 60; ++i) f.put("key-" + std::to_string(i % 5), std::to_string(i));
    f.roll();
    const auto table = f.table();
    auto request = request_for(*f.log);
    request.buffer_bytes = 1000;
    const auto work = f.log->take_compaction(request);
    REQUIRE(work);
    bool more = true;
    for (int i = 0; i < steps && more; ++i) more = f.log->compacted(*work, work->step());
    if (more && steps % 2 == 0) (void)work->step();
    REQUIRE(f.log->close());
    CHECK(work->step().has_error() == more);
    f.open();
    CHECK(f.report.scanned_bytes == 0);
    CHECK(f.table() == table);
    CHECK(names_with(f.files, kCleanedSuffix).empty());
  }
}

TEST_CASE("compaction: a swap that cannot be carried out is told, and nothing is thrown away",
          "[log][compaction]") {
  CompactionFixture f;
  for (int i = 0; i < 60; ++i) f.put("key-" + std::to_string(i), std::to_string(i));
  f.roll();
  REQUIRE(f.log->close());
  const SwapList list{{{Offset{0}, 12345}}, {Offset{0}, f.log->active_segment_base()}};
  f.files.put(f.path(kSwapListFile), list.encode());
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK(f.damage.all.front().acknowledged);
  CHECK(f.damage.all.front().file == f.path(kSwapListFile));
  CHECK(f.log->state() == LogState::read_only);
  CHECK(f.table().size() == 60);
  // Whoever makes the log writable again takes that on.
  REQUIRE(f.log->truncate_to(Offset{40}));
  CHECK(names_with(f.files, kSwapListFile).empty());
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.table().size() == 40);
}

TEST_CASE("compaction: readers at the tail see it, too", "[log][compaction]") {
  auto config = CompactionFixture::compact_config();
  config.tail_cache_bytes = 1U << 20;
  CompactionFixture f{config};
  for (int i = 0; i < 60; ++i) f.put("key", std::to_string(i));
  f.roll();
  REQUIRE(f.compact());
  CHECK(f.records().size() == 2);
  f.put("key", "on");
  CHECK(f.records().size() == 3);
}

}  // namespace
}  // namespace millrace::log
