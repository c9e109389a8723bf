#include <set>

#include "log/file_names.hpp"
#include "log/journal/journal_recovery.hpp"
#include "log/points.hpp"
#include "log/sparse_index.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// A log of one segment whose 20 batches were all synced, killed without a recovery point.
struct Damaged {
  Damaged() : f{config()} {
    f.fill(20);
    all = f.read_all(Offset{0});
    batch_bytes = all.size() / 20;
    f.log.reset();
    f.files.kill_process();
  }
  static LogConfig config() {
    LogConfig config = LogFixture::small_config();
    config.segment_bytes = 1 << 20;
    config.checkpoint_interval_bytes = 1 << 20;
    return config;
  }
  /// The log ends before batch 7, acknowledged records are gone, and somebody is told.
  void check_read_only(std::string_view what) {
    f.open();
    REQUIRE(f.damage.all.size() == 1);
    CHECK(f.damage.all[0].acknowledged);
    CHECK(f.damage.all[0].offset == Offset{21});
    CHECK(f.damage.all[0].position == 7 * batch_bytes);
    CHECK(f.damage.all[0].what == what);
    CHECK(f.log->state() == LogState::read_only);
    CHECK(f.log->log_end() == Offset{21});
    const auto rest = f.read_all(Offset{0});
    CHECK(rest.size() == 7 * batch_bytes);
    CHECK(std::equal(rest.begin(), rest.end(), all.begin()));
    CHECK(f.log->append(batch_of({}), LeaderEpoch{1}, std::nullopt).error() ==
          make_error_code(Errc::read_only));
  }

  LogFixture f;
  std::vector<std::byte> all;
  std::size_t batch_bytes = 0;
  const std::filesystem::path segment = kDir / "00000000000000000000.log";
};

TEST_CASE("recovery: a flipped bit in what was acknowledged makes the log read-only",
          "[log][recovery]") {
  Damaged d;
  d.f.files.flip_bit(d.segment, 7 * d.batch_bytes + 65, 3);
  d.check_read_only("the checksum of a batch is wrong");
  // The evidence stays as it is, also over another start.
  CHECK(d.f.files.size_of(d.segment) == d.all.size());
  d.f.files.kill_process();
  d.check_read_only("the checksum of a batch is wrong");
}

TEST_CASE("recovery: every flipped bit is noticed", "[log][recovery]") {
  // Base offset and leader epoch lie outside the checksum: the first is told by the neighbours.
  const std::set<std::size_t> outside{12, 13, 14, 15};
  for (std::size_t byte = 0; byte < 61 + 10; ++byte) {
    if (outside.contains(byte)) continue;
    Damaged d;
    d.f.files.flip_bit(d.segment, 7 * d.batch_bytes + byte, byte % 8);
    d.f.open();
    INFO("byte " << byte);
    REQUIRE(d.f.damage.all.size() == 1);
    CHECK(d.f.damage.all[0].acknowledged);
    CHECK(d.f.log->log_end() == Offset{21});
  }
}

TEST_CASE("recovery: a zeroed range is damage", "[log][recovery]") {
  Damaged d;
  d.f.files.zero(d.segment, 7 * d.batch_bytes, 2 * d.batch_bytes);
  d.check_read_only("zeros instead of a batch");
}

TEST_CASE("recovery: a segment cut short below the sync point is damage", "[log][recovery]") {
  Damaged d;
  d.f.files.cut(d.segment, 7 * d.batch_bytes);
  d.check_read_only("the log ends too early");
}

TEST_CASE("recovery: a truncation makes a damaged log writable again", "[log][recovery]") {
  Damaged d;
  d.f.files.flip_bit(d.segment, 7 * d.batch_bytes + 65, 3);
  d.f.open();
  REQUIRE(d.f.log->truncate_to(d.f.log->log_end()));
  CHECK(d.f.log->state() == LogState::writable);
  d.f.fill(2);
  CHECK(d.f.log->log_end() == Offset{27});
  d.f.reopen_after_kill();
  CHECK(d.f.damage.all.empty());
  CHECK(d.f.log->log_end() == Offset{27});
}

TEST_CASE("recovery: a torn tail is cut silently and counted", "[log][recovery]") {
  LogFixture f{Damaged::config()};
  f.fill(5);
  f.append();
  REQUIRE(f.log->write());
  f.log.reset();
  const auto segment = f.path("00000000000000000000.log");
  const auto whole = f.files.size_of(segment);
  f.files.cut(segment, whole - 10);
  f.open();
  CHECK(f.damage.all.empty());
  CHECK(f.report.torn_bytes > 0);
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->log_end() == Offset{15});
  CHECK(f.files.size_of(segment) == whole - 10 - f.report.torn_bytes);
}

TEST_CASE("recovery: unsynced writes out of order are reported and cut", "[log][recovery]") {
  LogFixture f{Damaged::config()};
  f.fill(5);
  const auto segment = f.path("00000000000000000000.log");
  const auto synced = f.files.size_of(segment);
  f.append();
  f.append();
  REQUIRE(f.log->write());
  f.log.reset();
  f.files.zero(segment, synced, 40);
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK_FALSE(f.damage.all[0].acknowledged);
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->log_end() == Offset{15});
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
}

TEST_CASE("recovery: in a log with gaps, what a crash lost is none of them", "[log][recovery]") {
  LogFixture f;
  const auto copy = [&](std::int64_t base) {
    REQUIRE(f.log->append_as_is(
        batch_of({.base_offset = Offset{base}, .epoch = LeaderEpoch{1}, .salt = 1})));
  };
  copy(0);
  copy(5);  // 1 to 4 were compacted away at the leader
  REQUIRE(f.log->sync_now());
  copy(6);
  copy(7);
  REQUIRE(f.log->write());
  const auto path = f.path("00000000000000000000.log");
  const std::uint64_t batch_bytes = f.files.size_of(path) / 4;
  SECTION("a gap below the sync point stays, also after a power failure") {
    SeededRng rng{4};
    f.files.crash(rng);
    f.open();
    CHECK(f.damage.all.empty());
    CHECK(f.log->log_end() >= Offset{6});
    CHECK(f.log->read({Offset{1}, Offset{6}, 1, true})->next == Offset{6});
  }
  SECTION("a batch that overtook another does not stay") {
    auto bytes = f.files.contents(path);
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(2 * batch_bytes),
                bytes.begin() + static_cast<std::ptrdiff_t>(3 * batch_bytes));
    f.log.reset();
    f.files.kill_process();
    f.files.put(path, bytes);
    f.open();
    CHECK(f.log->state() == LogState::writable);
    CHECK(f.log->log_end() == Offset{6});
    CHECK(f.damage.all.size() == 1);
  }
}

TEST_CASE("recovery: a lost start of the log is told", "[log][recovery]") {
  LogFixture f;
  f.fill(10);
  REQUIRE(f.log->advance_log_start(Offset{7}));
  REQUIRE(f.log->close());
  f.files.erase(f.path(kLogStartFile));
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK_FALSE(f.damage.all[0].acknowledged);
  CHECK(f.log->log_start() == Offset{0});
}

TEST_CASE("recovery: a missing segment in the middle is damage", "[log][recovery]") {
  LogFixture f;
  f.fill(60);
  REQUIRE(f.log->close());
  std::vector<Offset> bases;
  for (const auto& entry : *f.files.list(kDir))
    if (const auto base = parse_file_name(entry.name, kLogSuffix)) bases.push_back(*base);
  REQUIRE(bases.size() > 3);
  f.files.erase(kDir / file_name(bases[1], kLogSuffix));
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK(f.damage.all[0].acknowledged);
  CHECK(f.log->state() == LogState::read_only);
  CHECK(f.log->log_end() == bases[1]);
  f.files.erase(kDir / file_name(bases[0], kLogSuffix));
  f.open();
  CHECK(f.log->state() == LogState::read_only);
  CHECK(f.log->log_end() == Offset{0});
  REQUIRE(f.log->restart_at(Offset{500}));
  f.fill(1);
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == Offset{503});
}

TEST_CASE("recovery: a closed segment cut short is damage even after a clean close",
          "[log][recovery]") {
  LogFixture f;
  f.fill(60);
  REQUIRE(f.log->close());
  const auto segment = f.path("00000000000000000000.log");
  f.files.cut(segment, f.files.size_of(segment) - 1);
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK(f.log->state() == LogState::read_only);
}

TEST_CASE("recovery: missing or stale indexes are rebuilt", "[log][recovery]") {
  LogFixture f;
  f.fill(60);
  REQUIRE(f.log->close());
  std::map<std::string, std::vector<std::byte>> indexes;
  for (const auto& entry : *f.files.list(kDir))
    if (entry.name.ends_with("index")) indexes[entry.name] = f.files.contents(f.path(entry.name));
  REQUIRE(indexes.size() > 6);
  for (int way = 0; way < 4; ++way) {
    for (const auto& [name, bytes] : indexes) {
      if (way == 0) f.files.erase(f.path(name));
      if (way == 1) f.files.put(f.path(name), {});
      if (way == 2) f.files.put(f.path(name), Bytes{bytes}.first(bytes.size() / 2));
      if (way == 3)
        f.files.put(f.path(name), std::vector<std::byte>(bytes.size(), std::byte{0x11}));
    }
    f.open();
    INFO("way " << way);
    CHECK(f.damage.all.empty());
    CHECK(f.log->log_end() == Offset{180});
    for (std::int64_t offset = 0; offset < 180; offset += 7) {
      const auto got = f.log->read({Offset{offset}, Offset{180}, 1, true});
      REQUIRE(got.has_value());
      const auto batch = got->batches.flatten();
      CHECK(view_of(batch).base_offset() == Offset{offset - offset % 3});
      const Timestamp time = view_of(batch).max_timestamp();
      const auto found = f.log->find_by_time(time, Offset{180});
      REQUIRE(found.has_value());
      REQUIRE(found->has_value());
      CHECK((*found)->offset == view_of(batch).last_offset());
    }
    REQUIRE(f.log->close());
    // Written again, as they were.
    for (const auto& [name, bytes] : indexes) {
      INFO(name);
      if (way == 0 || way == 3) CHECK(f.files.contents(f.path(name)) == bytes);
      f.files.put(f.path(name), bytes);
    }
  }
}

TEST_CASE("recovery: a batch too far from its segment's base is damage, below the point too",
          "[log][recovery]") {
  LogConfig config = LogFixture::small_config();
  config.compact = true;  // so that it is not a gap already
  LogFixture f{config};
  f.append();
  REQUIRE(f.log->sync_now());
  REQUIRE(f.log->close());
  const Offset far{std::int64_t{5'000'000'000}};
  const auto batch = batch_of({.base_offset = far});
  f.files.put(f.path("00000000000000000000.log"), batch);
  f.files.put(f.path(kRecoveryPointFile),
              RecoveryPoint{far.next(), Offset{0}, batch.size()}.encode());
  f.files.erase(f.path("00000000000000000000.index"));
  f.open();
  REQUIRE(f.damage.all.size() == 1);
  CHECK(f.damage.all[0].what == "an offset is too far from its segment's");
  CHECK(f.log->state() == LogState::read_only);
}

TEST_CASE("recovery: index entries of the active segment are believed only where batches agree",
          "[log][recovery]") {
  LogConfig config = LogFixture::small_config();
  config.segment_bytes = 1 << 20;
  LogFixture f{config};
  f.fill(20);
  const auto all = f.read_all(Offset{0});
  REQUIRE(f.log->close());
  const auto index = f.path("00000000000000000000.index");
  auto entries = f.files.contents(index);
  REQUIRE(entries.size() >= 3 * OffsetEntry::kBytes);
  const auto change = [&](auto how) {
    OffsetEntry entry = OffsetEntry::load(entries.data());
    how(entry);
    entry.store(entries.data());
  };
  SECTION("a position between two batches") {
    change([](OffsetEntry& entry) { ++entry.position; });
  }
  SECTION("a position that is none") {
    change([](OffsetEntry& entry) { entry.position = -5; });
  }
  SECTION("an offset below the segment's base") {
    change([](OffsetEntry& entry) { entry.relative_offset = -3; });
  }
  SECTION("an offset that lies further on") {
    change([](OffsetEntry& entry) { ++entry.relative_offset; });
  }
  f.files.put(index, entries);
  f.open();
  CHECK(f.damage.all.empty());
  for (Offset from{0}; from < f.log->log_end(); from = from.next()) {
    CAPTURE(from);
    const auto got = f.log->read({from, f.log->log_end(), 1, true});
    REQUIRE(got.has_value());
    CHECK(got->next == Offset{from.value / 3 * 3 + 3});
  }
  CHECK(f.read_all(Offset{0}) == all);
}

TEST_CASE("recovery: a missing or damaged producer snapshot is made up for", "[log][recovery]") {
  for (int way = 0; way < 3; ++way) {
    LogFixture f;
    for (std::int32_t i = 0; i < 40; ++i)
      f.append({.producer =
                    BatchBuilder::Producer{ProducerId{i % 3}, ProducerEpoch{0}, Sequence{i / 3}}});
    const auto before = f.log->producers();
    REQUIRE(f.log->sync_now());
    f.checkpoint();
    f.log.reset();
    int snapshots = 0;
    for (const auto& entry : *f.files.list(kDir)) {
      if (!entry.name.ends_with(kSnapshotSuffix)) continue;
      ++snapshots;
      if (way == 1) f.files.erase(f.path(entry.name));
      if (way == 2) f.files.flip_bit(f.path(entry.name), 9, 1);
    }
    REQUIRE(snapshots > 1);
    f.open();
    CHECK(f.report.producers_rebuilt == (way != 0));
    CHECK(f.log->producers() == before);
  }
}

TEST_CASE("recovery: lost points only make it slower", "[log][recovery]") {
  for (const std::string_view name :
       {kRecoveryPointFile, kSyncPointFile, kLogStartFile, kLeaderEpochFile}) {
    for (const bool erased : {true, false}) {
      LogFixture f;
      f.epoch = 3;
      f.fill(30);
      REQUIRE(f.log->close());
      if (erased)
        f.files.erase(f.path(name));
      else
        f.files.flip_bit(f.path(name), 10, 0);
      f.open();
      INFO(name << (erased ? " erased" : " damaged"));
      CHECK(f.log->state() == LogState::writable);
      CHECK(f.log->log_start() == Offset{0});
      CHECK(f.log->log_end() == Offset{90});
      CHECK(f.log->epoch_at(Offset{50}) == LeaderEpoch{3});
    }
  }
}

/// Everything a log does to its files, once, up to the first failure it reports. `promised` is what
/// was acknowledged.
void live(MemoryFiles& files, Offset& promised) {
  DamageList damage;
  auto opened = PartitionLog::open(files, kDir, LogFixture::small_config(), kNow, damage);
  if (!opened) return;
  PartitionLog& log = *opened->log;
  promised = std::max(promised, log.synced_end());
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 12; ++i) {
      if (!log.append(batch_of({.records = 3}), LeaderEpoch{round}, std::nullopt)) return;
      if (i % 3 == 2 && !log.sync_now()) return;
      promised = log.synced_end();
    }
    if (const auto work = log.take_checkpoint()) {
      const auto result = work->run();
      log.checkpointed(*work, result);
      if (!result) return;
    }
    if (round == 1) {
      promised = Offset{60};  // whatever happens, no more than this is promised from here on
      if (!log.truncate_to(Offset{60})) return;
    }
    if (round == 2 &&
        (!log.advance_log_start(Offset{30}) || !log.apply_retention(kNow, log.synced_end())))
      return;
  }
  (void)log.close();
}

/// Fails the `n`th call, then the power. Gives whether the call was ever made.
bool live_and_die(std::uint64_t n, std::uint64_t seed) {
  SeededRng rng{n * 1000 + seed};
  MemoryFiles files;
  REQUIRE(files.create_directories("/data"));
  REQUIRE(files.sync_directory("/"));
  Offset promised{0};
  const std::uint64_t before = files.calls();
  files.fail_call(n);
  live(files, promised);
  const bool reached = files.calls() - before >= n;
  files.fail_nothing();
  files.crash(rng);
  DamageList damage;
  const auto again = PartitionLog::open(files, kDir, LogFixture::small_config(), kNow, damage);
  INFO("call " << n << " seed " << seed);
  REQUIRE(again.has_value());
  for (const Damage& found : damage.all) CHECK_FALSE(found.acknowledged);
  PartitionLog& log = *again->log;
  CHECK(log.state() == LogState::writable);
  CHECK(log.log_end() >= promised);
  Offset from = log.log_start();
  while (from < log.log_end()) {
    const auto got = log.read({from, log.log_end(), 1, true});
    REQUIRE(got.has_value());
    REQUIRE(got->next > from);
    const auto bytes = got->batches.flatten();
    REQUIRE(view_of(bytes).crc_ok());
    from = got->next;
  }
  return reached;
}

TEST_CASE("recovery: any call may fail, and the next start has all that was promised",
          "[log][recovery][fail]") {
  std::uint64_t n = 1;
  for (bool reached = true; reached; ++n)
    for (std::uint64_t seed = 0; seed < 20; ++seed) reached = live_and_die(n, seed);
  CHECK(n > 200);  // so many calls were visited
}

TEST_CASE("recovery: a journal with a hole mends what lies before it, and is needed further",
          "[log][recovery][journal]") {
  LogFixture f;
  f.fill(2);  // offsets 0 to 5
  const auto run = [](std::int64_t base, std::uint64_t sequence) {
    auto bytes = batch_of({.base_offset = Offset{base}, .epoch = LeaderEpoch{0}});
    return JournalRun{.at = {1, sequence, 0},
                      .base = Offset{base},
                      .end = Offset{base + 1},
                      .batches = SharedBytes::copy_of(bytes),
                      .confirmed = true};
  };
  const std::vector<JournalRun> journal{run(6, 1), run(9, 2)};
  f.log.reset();
  f.files.kill_process();
  auto opened = PartitionLog::open(f.files, kDir, f.config, kNow, f.damage, journal);
  REQUIRE(opened.has_value());
  CHECK(opened->log->state() == LogState::read_only);
  CHECK(opened->log->log_end() == Offset{7});
  CHECK(opened->report.journal_needed);
  REQUIRE(f.damage.all.size() == 1);
  CHECK(f.damage.all[0].acknowledged);
  // What was mended is durable: the disk keeps it, whatever becomes of the journal.
  opened->log.reset();
  SeededRng rng{7};
  f.files.crash(rng);
  f.open();
  CHECK(f.log->log_end() == Offset{7});
}

}  // namespace
}  // namespace millrace::log
