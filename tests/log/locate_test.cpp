// Reads that leave the batches in their file.
#include <algorithm>

#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// Segments that hold several ranges, of batches small and large.
LogConfig wide_config() {
  LogConfig config = LogFixture::small_config();
  config.segment_bytes = 200'000;
  config.index_interval_bytes = 3000;
  config.checkpoint_interval_bytes = 150'000;
  return config;
}

void fill(LogFixture& f, SeededRng& rng, int batches, bool gaps) {
  for (int i = 0; i < batches; ++i) {
    const BatchSpec spec{.records = static_cast<int>(1 + rng.below(5)),
                         .value_bytes = rng.chance(1, 20) ? rng.below(8000) : rng.below(800),
                         .base_offset = f.log->log_end(),
                         .epoch = LeaderEpoch{1},
                         .salt = static_cast<std::uint64_t>(i)};
    if (!gaps) {
      f.append(spec);
    } else {
      auto later = spec;
      later.base_offset = Offset{spec.base_offset.value + static_cast<std::int64_t>(rng.below(9))};
      REQUIRE(f.log->append_as_is(batch_of(later)));
    }
    if (rng.chance(1, 3)) REQUIRE(f.log->write());
    if (rng.chance(1, 9)) REQUIRE(f.log->sync_now());
    if (rng.chance(1, 9)) f.checkpoint();
  }
  REQUIRE(f.log->sync_now());
}

FileRead file_read(const LogFixture& f, const ReadRequest& request) {
  auto plan = f.log->plan_read(request);
  REQUIRE(plan.has_value());
  REQUIRE(std::holds_alternative<FileRead>(*plan));
  return std::get<FileRead>(std::move(*plan));
}

const FileRange* range_of(const ReadResult& result) {
  if (result.batches.links().size() != 1) return nullptr;
  return std::get_if<FileRange>(&result.batches.links().front());
}

}  // namespace

TEST_CASE("locate: a range holds exactly the batches that a read brings", "[log][read]") {
  for (const bool gaps : {false, true}) {
    for (const bool reopened : {false, true}) {
      LogFixture f{wide_config()};
      SeededRng rng{gaps ? 2u : 1u};
      fill(f, rng, 1500, gaps);
      f.checkpoint();
      REQUIRE(f.log->segments() > 3);
      if (reopened) f.reopen_after_kill();
      int ranges = 0;
      int small = 0;
      for (int i = 0; i < 3000; ++i) {
        const auto end = static_cast<std::uint64_t>(f.log->log_end().value);
        const ReadRequest request{Offset{static_cast<std::int64_t>(rng.below(end))},
                                  Offset{static_cast<std::int64_t>(rng.below(end + 20))},
                                  rng.below(rng.chance(1, 2) ? 300'000 : 30'000), rng.chance(1, 2)};
        if (request.limit <= request.from) continue;
        auto plan = f.log->plan_read(request);
        REQUIRE(plan.has_value());
        const auto* const read = std::get_if<FileRead>(&*plan);
        if (read == nullptr) continue;
        const auto loaded = read->run();
        const auto located = read->locate();
        const auto tried = read->try_locate();
        REQUIRE(loaded.has_value());
        REQUIRE(located.has_value());
        REQUIRE(tried.has_value());
        REQUIRE((*tried == located));
        REQUIRE(located->batches == loaded->batches);
        REQUIRE(located->next >= loaded->next);
        const bool large = loaded->batches.size() >= kFileRangeBytesMin;
        REQUIRE((range_of(*located) != nullptr) == large);
        (large ? ranges : small) += 1;
        if (located->batches.empty()) {
          REQUIRE(located->next == request.from);
        } else if (located->next < f.log->log_end()) {
          // Whoever reads on there gets what one who reads on behind the last batch gets.
          const ReadRequest rest{located->next, f.log->log_end(), 1, true};
          const ReadRequest exact{loaded->next, f.log->log_end(), 1, true};
          REQUIRE(f.log->read(rest)->batches == f.log->read(exact)->batches);
        }
      }
      CHECK(ranges > 100);
      CHECK(small > 100);
    }
  }
}

TEST_CASE("locate: finding a range reads its ends, not its middle", "[log][read]") {
  LogConfig config = wide_config();
  config.segment_bytes = 4 << 20;
  LogFixture f{config};
  SeededRng rng{3};
  fill(f, rng, 2000, false);
  const auto read = file_read(f, {Offset{100}, f.log->log_end(), 500'000, true});
  const auto before = f.files.calls(FileCall::read);
  const auto located = read.try_locate();
  REQUIRE(located.has_value());
  REQUIRE(range_of(**located) != nullptr);
  CHECK(range_of(**located)->size > 490'000);
  CHECK(f.files.calls(FileCall::read) - before <= 4);
}

TEST_CASE("locate: what would wait for the disk is left to those who may", "[log][read]") {
  LogFixture f{wide_config()};
  SeededRng rng{4};
  fill(f, rng, 300, false);
  const auto read = file_read(f, {Offset{10}, f.log->log_end(), 50'000, true});
  f.files.set_cold(true);
  const auto calls = f.files.calls(FileCall::read);
  CHECK_FALSE(read.try_locate().has_value());
  CHECK(f.files.calls(FileCall::read) == calls);
  const auto located = read.locate();
  REQUIRE(located.has_value());
  REQUIRE(range_of(*located) != nullptr);
  CHECK_FALSE(range_of(*located)->file->is_resident(0, 1));
}

TEST_CASE("locate: a range of what a truncation took is not intact any more", "[log][read]") {
  LogFixture f{wide_config()};
  SeededRng rng{5};
  fill(f, rng, 300, false);
  const Offset base = f.log->active_segment_base();
  const auto planned = file_read(f, {base, f.log->log_end(), 100'000, true});
  const auto located = planned.locate();
  REQUIRE(located.has_value());
  REQUIRE(range_of(*located) != nullptr);
  CHECK(range_of(*located)->is_intact());
  REQUIRE(f.log->truncate_to(Offset{base.value + 3}));
  fill(f, rng, 100, false);
  CHECK_FALSE(range_of(*located)->is_intact());
  // A read that was planned before is no better than a range that was found before.
  const auto late = planned.locate();
  if (late && range_of(*late) != nullptr) CHECK_FALSE(range_of(*late)->is_intact());
  const Offset fresh_base = f.log->active_segment_base();
  const auto fresh = file_read(f, {fresh_base, f.log->log_end(), 100'000, true}).locate();
  REQUIRE(range_of(*fresh) != nullptr);
  CHECK(range_of(*fresh)->is_intact());
}

TEST_CASE("locate: a range outlives the retention of its segment", "[log][read]") {
  LogFixture f{wide_config()};
  SeededRng rng{6};
  fill(f, rng, 600, false);
  REQUIRE(f.log->segments() > 2);
  const ReadRequest request{Offset{0}, f.log->log_end(), 50'000, true};
  const auto expected = file_read(f, request).run();
  const auto located = file_read(f, request).locate();
  LogConfig config = f.config;
  config.retention_bytes = 1;
  config.file_delete_delay = std::chrono::milliseconds{0};
  f.log->set_config(config);
  REQUIRE(f.log->apply_retention(kNow, f.log->log_end())->segments > 0);
  REQUIRE(f.log->purge(kNow).has_value());
  REQUIRE(range_of(*located) != nullptr);
  CHECK(range_of(*located)->is_intact());
  CHECK(located->batches == expected->batches);
}

}  // namespace millrace::log
