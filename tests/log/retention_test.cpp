#include "log/file_names.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

using std::chrono::milliseconds;

TEST_CASE("retention: whole segments go by size, oldest first", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  auto config = f.config;
  config.retention_ms.reset();
  config.retention_bytes = 4000;
  f.log->set_config(config);
  const auto report = f.log->apply_retention(kNow, f.log->log_end());
  REQUIRE(report.has_value());
  CHECK(report->segments > 0);
  CHECK_FALSE(report->rolled);
  CHECK(f.log->size_bytes() >= 4000);
  CHECK(f.log->size_bytes() < 4000 + 2000);
  CHECK(f.log->log_start() > Offset{0});
  CHECK(f.log->read({Offset{0}, f.log->log_end(), 100, true}).error() ==
        make_error_code(Errc::offset_out_of_range));
  const Offset start = f.log->log_start();
  const auto rest = f.read_all(start);
  SeededRng rng{5};
  f.files.crash(rng);
  f.open();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_start() == start);
  CHECK(f.read_all(start) == rest);
}

TEST_CASE("retention: segments go by age of their newest record", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  const Timestamp newest = *f.log->max_timestamp_so_far();
  auto config = f.config;
  config.retention_ms = milliseconds{300};
  f.log->set_config(config);
  REQUIRE(f.log->apply_retention(newest, f.log->log_end()).has_value());
  CHECK(f.log->log_start() > Offset{0});
  const auto found = f.log->find_by_time(Timestamp{0}, f.log->log_end());
  REQUIRE(found.has_value());
  CHECK((*found)->offset == f.log->log_start());
  // Everything is too old in the end, the active segment too.
  const Offset end = f.log->log_end();
  const auto report = f.log->apply_retention(newest + milliseconds{301}, end);
  REQUIRE(report.has_value());
  CHECK(report->rolled);
  CHECK(f.log->log_start() == end);
  CHECK(f.log->log_end() == end);
  CHECK(f.log->size_bytes() == 0);
  f.fill(1);
  CHECK(f.log->log_end() == Offset{end.value + 3});
  f.reopen_after_kill();
  CHECK(f.log->log_end() == Offset{end.value + 3});
}

TEST_CASE("retention: nothing above the high watermark goes", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  auto config = f.config;
  config.retention_ms = milliseconds{1};
  f.log->set_config(config);
  REQUIRE(f.log->apply_retention(Timestamp{kNow.value * 2}, Offset{50}).has_value());
  CHECK(f.log->log_start() <= Offset{50});
  CHECK(f.log->log_start() > Offset{0});
}

TEST_CASE("retention: the start does not pass the high watermark over a gap", "[log][retention]") {
  LogFixture f;
  const auto copy = [&](std::int64_t base) {
    REQUIRE(f.log->append_as_is(
        batch_of({.value_bytes = 1500, .base_offset = Offset{base}, .epoch = LeaderEpoch{1}})));
  };
  copy(0);
  copy(36);  // too large for the same segment
  REQUIRE(f.log->segments() == 2);
  auto config = f.config;
  config.retention_ms = milliseconds{1};
  f.log->set_config(config);
  REQUIRE(f.log->apply_retention(kNow + milliseconds{100}, Offset{1}).has_value());
  CHECK(f.log->segments() == 2);
  CHECK(f.log->log_start() == Offset{0});
  REQUIRE(f.log->apply_retention(kNow + milliseconds{100}, Offset{36}).has_value());
  CHECK(f.log->segments() == 1);
  CHECK(f.log->log_start() == Offset{36});
}

TEST_CASE("retention: a deleted file waits for its readers, then goes", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  const auto plan = f.log->plan_read({Offset{0}, f.log->log_end(), 200, true});
  REQUIRE(plan.has_value());
  REQUIRE(f.log->advance_log_start(Offset{60}));
  REQUIRE(f.log->apply_retention(kNow, f.log->log_end()).has_value());
  CHECK(f.files.size_of(f.path("00000000000000000000.log.deleted")) > 0);
  CHECK(*f.log->purge(kNow) == 0);
  const auto removed = f.log->purge(kNow + f.config.file_delete_delay);
  REQUIRE(removed.has_value());
  CHECK(*removed > 0);
  CHECK(f.files.size_of(f.path("00000000000000000000.log.deleted")) == 0);
  const auto got = std::get<FileRead>(*plan).run();
  REQUIRE(got.has_value());
  CHECK(got->batches.size() > 0);
}

TEST_CASE("retention: an advanced start is durable and may lie inside a batch",
          "[log][retention]") {
  LogFixture f;
  f.fill(10);
  REQUIRE(f.log->advance_log_start(Offset{13}));
  CHECK(f.log->advance_log_start(Offset{31}).error() == make_error_code(Errc::offset_out_of_range));
  SeededRng rng{9};
  f.files.crash(rng);
  f.open();
  CHECK(f.log->log_start() == Offset{13});
  const auto got = f.log->read({Offset{13}, f.log->log_end(), 1, true});
  REQUIRE(got.has_value());
  const auto bytes = got->batches.flatten();
  CHECK(view_of(bytes).base_offset() == Offset{12});
}

TEST_CASE("retention: segments that a power cut brings back below the start are no damage",
          "[log][retention][recovery]") {
  LogFixture f;
  f.fill(60);
  f.checkpoint();
  REQUIRE(f.log->segments() > 3);
  const Offset end = f.log->log_end();
  REQUIRE(f.log->advance_log_start(end));
  REQUIRE(f.log->apply_retention(kNow, end).has_value());
  f.files.kill_process();
  // The first one is there again, those behind it are not.
  const auto first = kDir / file_name(Offset{0}, kLogSuffix);
  auto deleted = first;
  deleted += kDeletedSuffix;
  REQUIRE(f.files.exists(deleted).value());
  REQUIRE(f.files.rename(deleted, first));
  f.open();
  CHECK(f.damage.all.empty());
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->log_start() == end);
  CHECK(f.append().base == end);
}

TEST_CASE("retention: a start that moves meanwhile overtakes it", "[log][retention]") {
  for (const bool runs_before : {false, true}) {
    LogFixture f;
    f.fill(60);
    auto config = f.config;
    config.retention_bytes = 1;
    f.log->set_config(config);
    const auto work = f.log->take_retention(kNow, f.log->log_end());
    REQUIRE(work.has_value());
    REQUIRE(work->has_value());
    CHECK_FALSE(f.log->take_retention(kNow, f.log->log_end())->has_value());
    auto result = runs_before ? (*work)->run() : Result<void>{};
    REQUIRE(f.log->advance_log_start(Offset{10}));
    if (!runs_before) result = (*work)->run();
    CHECK(result.has_value() == runs_before);
    CHECK(f.log->retained(**work, result)->segments == 0);
    CHECK(f.log->log_start() == Offset{10});
    f.reopen_after_kill();
    CHECK(f.log->log_start() == Offset{10});
    f.log->set_config(config);
    CHECK(f.log->apply_retention(kNow, f.log->log_end())->segments > 0);
  }
}

TEST_CASE("retention: a log that was closed meanwhile keeps its start", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  auto config = f.config;
  config.retention_bytes = 1;
  f.log->set_config(config);
  const auto work = f.log->take_retention(kNow, f.log->log_end());
  REQUIRE((work && *work));
  REQUIRE(f.log->close());
  CHECK((*work)->run().error() == make_error_code(Errc::superseded));
  CHECK(f.log->retained(**work, Errc::superseded)->segments == 0);
  f.open();
  CHECK(f.log->log_start() == Offset{0});
}

TEST_CASE("retention: a file that cannot be removed is tried again", "[log][retention]") {
  LogFixture f;
  f.fill(60);
  REQUIRE(f.log->advance_log_start(Offset{60}));
  REQUIRE(f.log->apply_retention(kNow, f.log->log_end()).has_value());
  f.files.fail_call(1, FileCall::remove);
  const Timestamp late = kNow + f.config.file_delete_delay;
  CHECK_FALSE(f.log->purge(late).has_value());
  const auto removed = f.log->purge(late);
  REQUIRE(removed.has_value());
  CHECK(*removed > 0);
  for (const auto& entry : *f.files.list(kDir)) CHECK_FALSE(entry.name.ends_with(".deleted"));
}

}  // namespace
}  // namespace millrace::log
