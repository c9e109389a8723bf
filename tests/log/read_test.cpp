#include <algorithm>

#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// Batches of one to five records with wandering timestamps in all codecs, and the same as a plain
/// list.
struct Library {
  struct Record {
    Offset offset;
    Timestamp timestamp;
  };
  struct Batch {
    Offset base;
    Offset next;
    std::vector<std::byte> bytes;
  };
  Library(LogConfig config, std::uint64_t seed, int count) : f{config}, rng{seed} {
    std::int64_t time = kNow.value;
    for (int i = 0; i < count; ++i) {
      time += static_cast<std::int64_t>(rng.below(30)) - 8;
      BatchSpec spec{.records = static_cast<int>(1 + rng.below(5)),
                     .first_timestamp = Timestamp{time},
                     .timestamp_step = static_cast<std::int64_t>(rng.below(7)) - 2,
                     .value_bytes = rng.below(100),
                     .codec = static_cast<protocol::Codec>(rng.below(5)),
                     .salt = static_cast<std::uint64_t>(i)};
      auto bytes = batch_of(spec);
      const auto info = f.append(spec);
      protocol::patch_base_offset_and_epoch(bytes, info.base, LeaderEpoch{f.epoch});
      batches.push_back({info.base, info.last.next(), bytes});
      for (int r = 0; r < spec.records; ++r)
        records.push_back({Offset{info.base.value + r}, Timestamp{time + r * spec.timestamp_step}});
      if (rng.chance(1, 3)) REQUIRE(f.log->write());
      if (rng.chance(1, 6)) REQUIRE(f.log->sync_now());
      if (rng.chance(1, 9)) f.checkpoint();
    }
    REQUIRE(f.log->write());
  }
  [[nodiscard]] std::vector<std::byte> expected(const ReadRequest& request) const {
    std::vector<std::byte> all;
    for (const Batch& batch : batches) {
      if (batch.next <= request.from) continue;
      const bool fits = all.size() + batch.bytes.size() <= request.bytes_max ||
                        (all.empty() && request.whole_first_batch);
      if (batch.next > request.limit || !fits) break;
      all.insert(all.end(), batch.bytes.begin(), batch.bytes.end());
    }
    return all;
  }
  Offset somewhere() {
    return Offset{static_cast<std::int64_t>(
        rng.below(static_cast<std::uint64_t>(f.log->log_end().value) + 1))};
  }
  LogFixture f;
  SeededRng rng;
  std::vector<Batch> batches;
  std::vector<Record> records;
};

TEST_CASE("read: reads in any order equal the plain list, from cache and files", "[log][read]") {
  for (const std::uint64_t cache : {0, 8192, 1 << 20}) {
    LogConfig config = LogFixture::small_config();
    config.tail_cache_bytes = cache;
    Library lib{config, cache + 1, 300};
    REQUIRE(lib.f.log->segments() > 5);
    int cached = 0;
    int from_file = 0;
    for (int i = 0; i < 1500; ++i) {
      const ReadRequest request{lib.somewhere(), lib.somewhere(), lib.rng.below(1500),
                                lib.rng.chance(1, 2)};
      const auto plan = lib.f.log->plan_read(request);
      REQUIRE(plan.has_value());
      const bool in_memory = std::holds_alternative<ReadResult>(*plan);
      (in_memory ? cached : from_file) += 1;
      const auto got = in_memory ? std::get<ReadResult>(*plan) : *std::get<FileRead>(*plan).run();
      const auto flat = got.batches.flatten();
      const auto expected = lib.expected(request);
      // A file read may end early, at the end of its segment, but never skip or cut a batch.
      REQUIRE(flat.size() <= expected.size());
      REQUIRE(std::equal(flat.begin(), flat.end(), expected.begin()));
      REQUIRE(flat.empty() == expected.empty());
      if (flat.empty()) REQUIRE(got.next == request.from);
      if (in_memory) REQUIRE(flat.size() == expected.size());
    }
    CHECK((cache == 0 || cached > 0));
    CHECK((cache == 1 << 20 || from_file > 0));
    if (cache == 1 << 20) CHECK(from_file == 0);
  }
}

TEST_CASE("read: tailing readers share the memory of the append", "[log][read]") {
  LogConfig config = LogFixture::small_config();
  config.tail_cache_bytes = 1 << 20;
  LogFixture f{config};
  f.append();
  f.append();
  const auto before = f.files.calls();
  const auto one = f.log->read({Offset{0}, Offset{2}, 1000, true});
  const auto two = f.log->read({Offset{0}, Offset{2}, 1000, true});
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  REQUIRE(one->batches.links().size() == 1);  // neighbours in memory are one piece
  CHECK(std::get<SharedBytes>(one->batches.links()[0]).data() ==
        std::get<SharedBytes>(two->batches.links()[0]).data());
  CHECK(f.files.calls() == before);
}

TEST_CASE("read: the tail cache keeps to its bound", "[log][read]") {
  LogConfig config = LogFixture::small_config();
  config.tail_cache_bytes = 16 << 10;
  LogFixture f{config};
  for (int i = 0; i < 500; ++i) {
    f.append({.value_bytes = 200});
    REQUIRE(f.log->write());
    REQUIRE(f.log->cache_bytes() <= config.tail_cache_bytes);
  }
  CHECK(f.log->read({f.log->log_end(), f.log->log_end(), 1, true})->batches.empty());
}

TEST_CASE("read: outside the log is an error, at its end is nothing", "[log][read]") {
  LogFixture f;
  f.fill(3);
  REQUIRE(f.log->advance_log_start(Offset{4}));
  const auto error = [&](std::int64_t from) {
    return f.log->read({Offset{from}, Offset{9}, 100, true}).error();
  };
  CHECK(error(3) == make_error_code(Errc::offset_out_of_range));
  CHECK(error(10) == make_error_code(Errc::offset_out_of_range));
  const auto at_end = f.log->read({Offset{9}, Offset{9}, 100, true});
  REQUIRE(at_end.has_value());
  CHECK(at_end->batches.empty());
  const auto at_limit = f.log->read({Offset{6}, Offset{8}, 100, true});
  REQUIRE(at_limit.has_value());
  CHECK(at_limit->batches.empty());  // the batch from 6 reaches past 8
}

TEST_CASE("read: a planned file read survives truncation and deletion", "[log][read]") {
  LogFixture f;
  f.fill(40);
  const auto plan = f.log->plan_read({Offset{90}, Offset{120}, 400, true});
  REQUIRE(plan.has_value());
  REQUIRE(f.log->truncate_to(Offset{30}));
  const auto got = std::get<FileRead>(*plan).run();
  if (got) CHECK((got->batches.empty() || got->next > Offset{90}));
}

TEST_CASE("time: lookups equal the plain list", "[log][time]") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Library lib{LogFixture::small_config(), seed, 200};
    if (seed % 2 == 0) REQUIRE(lib.f.log->advance_log_start(Offset{lib.somewhere().value / 2}));
    if (seed % 3 == 0) {
      REQUIRE(lib.f.log->close());
      lib.f.open();
    }
    const Offset start = lib.f.log->log_start();
    for (int i = 0; i < 200; ++i) {
      const Offset limit = lib.somewhere();
      const Timestamp time{kNow.value - 50 + static_cast<std::int64_t>(lib.rng.below(1700))};
      const Library::Record* first = nullptr;
      const Library::Record* newest = nullptr;
      for (const auto& record : lib.records) {
        if (record.offset < start || record.offset >= limit) continue;
        if (!first && record.timestamp >= time) first = &record;
        if (!newest || record.timestamp > newest->timestamp) newest = &record;
      }
      INFO("seed " << seed << " limit " << limit << " time " << time << " start " << start);
      const auto found = lib.f.log->find_by_time(time, limit);
      REQUIRE(found.has_value());
      REQUIRE(found->has_value() == (first != nullptr));
      if (first) REQUIRE((*found)->offset == first->offset);
      if (first) REQUIRE((*found)->timestamp == first->timestamp);
      const auto largest = lib.f.log->max_timestamp(limit);
      REQUIRE(largest.has_value());
      REQUIRE(largest->has_value() == (newest != nullptr));
      if (newest) REQUIRE((*largest)->offset == newest->offset);
    }
  }
}

TEST_CASE("time: lookups are exact with gaps between offsets, after retention and DeleteRecords",
          "[log][time]") {
  struct Known {
    Offset offset;
    Timestamp timestamp;
  };
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    LogFixture f;
    SeededRng rng{seed};
    std::vector<Known> records;
    std::int64_t time = kNow.value;
    for (int i = 0; i < 250; ++i) {
      time += static_cast<std::int64_t>(rng.below(30)) - 8;
      const BatchSpec spec{
          .records = static_cast<int>(1 + rng.below(4)),
          .first_timestamp = Timestamp{time},
          .timestamp_step = static_cast<std::int64_t>(rng.below(7)) - 2,
          .base_offset = Offset{f.log->log_end().value + static_cast<std::int64_t>(rng.below(5))},
          .epoch = LeaderEpoch{1}};
      REQUIRE(f.log->append_as_is(batch_of(spec)));
      for (int r = 0; r < spec.records; ++r)
        records.push_back(
            {spec.base_offset + OffsetDelta{r}, Timestamp{time + r * spec.timestamp_step}});
      REQUIRE(f.log->sync_now());
      if (rng.chance(1, 9)) f.checkpoint();
    }
    LogConfig config = f.config;
    config.retention_bytes = f.log->size_bytes() / 2;
    f.log->set_config(config);
    REQUIRE(f.log->apply_retention(kNow, f.log->log_end())->segments > 0);
    const Offset kept = f.log->log_start();
    if (seed % 2 == 0)
      REQUIRE(f.log->advance_log_start(Offset{(kept.value + f.log->log_end().value) / 2}));
    if (seed % 3 == 0) f.reopen_after_kill();
    const Offset start = f.log->log_start();
    const auto end = static_cast<std::uint64_t>(f.log->log_end().value);
    for (int i = 0; i < 300; ++i) {
      const Offset limit{static_cast<std::int64_t>(rng.below(end + 1))};
      const Timestamp wanted{kNow.value - 50 + static_cast<std::int64_t>(rng.below(2200))};
      const Known* first = nullptr;
      const Known* newest = nullptr;
      for (const auto& record : records) {
        if (record.offset < start || record.offset >= limit) continue;
        if (!first && record.timestamp >= wanted) first = &record;
        if (!newest || record.timestamp > newest->timestamp) newest = &record;
      }
      INFO("seed " << seed << " limit " << limit << " time " << wanted << " start " << start);
      const auto found = f.log->find_by_time(wanted, limit);
      REQUIRE(found.has_value());
      REQUIRE(found->has_value() == (first != nullptr));
      if (first) REQUIRE((*found)->offset == first->offset);
      const auto largest = f.log->max_timestamp(limit);
      REQUIRE(largest.has_value());
      REQUIRE(largest->has_value() == (newest != nullptr));
      if (newest) REQUIRE((*largest)->offset == newest->offset);
    }
  }
}

TEST_CASE("time: append time counts for every record of a batch", "[log][time]") {
  LogFixture f;
  const Timestamp time{kNow.value + 1000};
  REQUIRE(f.log->append(batch_of({.records = 3}), LeaderEpoch{1}, time).has_value());
  REQUIRE(f.log->write());
  const auto found = f.log->find_by_time(time, Offset{3});
  REQUIRE(found.has_value());
  CHECK(*found == TimestampOffset{Offset{0}, time, LeaderEpoch{1}});
  CHECK_FALSE(f.log->find_by_time(Timestamp{time.value + 1}, Offset{3})->has_value());
}

TEST_CASE("read: index entries that rotted mislead no lookup", "[log][read]") {
  // Over and over another bit, before the log is opened or while it is open.
  for (const bool open : {true, false}) {
    for (const std::string_view suffix : {".index", ".timeindex"}) {
      for (std::uint64_t bit = 0; bit < 96; ++bit) {
        LogFixture f;
        f.fill(40);
        REQUIRE(f.log->segments() > 2);
        const auto newest = f.log->max_timestamp(f.log->log_end());
        REQUIRE(f.log->close());
        f.open();
        const auto path = f.path("00000000000000000000" + std::string{suffix});
        const std::uint64_t entry_bytes = suffix == ".index" ? 8 : 12;
        const std::uint64_t last = f.files.size_of(path) - entry_bytes;
        if (!open) f.log.reset();
        for (const std::uint64_t entry : {std::uint64_t{0}, last})
          if (bit / 8 < entry_bytes) f.files.flip_bit(path, entry + bit / 8, bit % 8);
        if (!open) f.reopen_after_kill();
        INFO(suffix << " bit " << bit << (open ? " while open" : ""));
        CHECK(f.log->max_timestamp(f.log->log_end()).value() == newest.value());
        for (std::int64_t i = 0; i < 40; ++i) {
          const auto found =
              f.log->find_by_time(Timestamp{kNow.value + 10 * (i + 1)}, f.log->log_end());
          REQUIRE(found.has_value());
          REQUIRE(found->has_value());
          CHECK((*found)->offset == Offset{3 * i});
          const auto got = f.log->read({Offset{3 * i}, f.log->log_end(), 1, true});
          REQUIRE(got.has_value());
          CHECK(got->next == Offset{3 * i + 3});
        }
      }
    }
  }
}

TEST_CASE("read: a time index that lost its last entries hides no record", "[log][read]") {
  LogFixture f;
  f.fill(40);
  const auto newest = f.log->max_timestamp(Offset{15});
  REQUIRE(f.log->close());
  f.files.cut(f.path("00000000000000000000.timeindex"), 12);
  f.open();
  CHECK(f.log->max_timestamp(Offset{15}).value() == newest.value());
  for (std::int64_t i = 0; i < 40; ++i) {
    const auto found = f.log->find_by_time(Timestamp{kNow.value + 10 * (i + 1)}, f.log->log_end());
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK((*found)->offset == Offset{3 * i});
  }
}

TEST_CASE("read: records without a time are not the newest", "[log][read]") {
  LogFixture f;
  BatchBuilder builder;
  builder.add(std::nullopt, std::nullopt, as_bytes("a"));
  builder.add(kNow, std::nullopt, as_bytes("b"));
  REQUIRE(f.log->append(builder.build().value(), LeaderEpoch{1}, std::nullopt));
  REQUIRE(f.log->sync_now());
  CHECK_FALSE(f.log->max_timestamp(Offset{1})->has_value());
  CHECK((*f.log->max_timestamp(Offset{2}))->offset == Offset{1});
}

}  // namespace
}  // namespace millrace::log
