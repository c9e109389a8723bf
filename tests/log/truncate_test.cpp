#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

TEST_CASE("truncate: everything behind goes, in this segment and later ones", "[log][truncate]") {
  LogFixture f;
  f.fill(60);
  REQUIRE(f.log->segments() > 3);
  const auto all = f.read_all(Offset{0});
  REQUIRE(f.log->truncate_to(Offset{31}));
  CHECK(f.log->log_end() == Offset{30});  // 31 lies inside a batch of three
  CHECK(f.log->synced_end() == Offset{30});
  const auto kept = f.read_all(Offset{0});
  CHECK(std::equal(kept.begin(), kept.end(), all.begin()));
  SeededRng rng{3};
  f.files.crash(rng);
  f.open();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == Offset{30});
  CHECK(f.read_all(Offset{0}) == kept);
  f.fill(1);
  CHECK(f.log->log_end() == Offset{33});
}

TEST_CASE("truncate: producers and epochs go back too", "[log][truncate]") {
  LogFixture f;
  const auto send = [&](std::int32_t sequence) {
    f.append(
        {.producer = BatchBuilder::Producer{ProducerId{1}, ProducerEpoch{0}, Sequence{sequence}}});
    f.epoch += 1;
  };
  for (std::int32_t i = 0; i < 8; ++i) send(i);
  REQUIRE(f.log->truncate_to(Offset{5}));
  const ProducerEntry* const entry = f.log->producers().find(ProducerId{1});
  REQUIRE(entry != nullptr);
  CHECK(entry->newest()->last_sequence == Sequence{4});
  CHECK(f.log->latest_epoch() == LeaderEpoch{5});
  CHECK(f.log->epoch_end(LeaderEpoch{5}) == EpochEnd{LeaderEpoch{5}, Offset{5}});
}

TEST_CASE("truncate: a sync on its way promises nothing that is gone", "[log][truncate]") {
  LogFixture f;
  f.fill(4);
  f.append({.records = 3});
  REQUIRE(f.log->write());
  const auto work = f.log->take_sync();
  REQUIRE(work.has_value());
  REQUIRE(f.log->truncate_to(Offset{6}));
  f.append({.records = 20});
  f.log->synced(*work, work->run());
  CHECK(f.log->synced_end() == Offset{6});
  f.files.kill_process();
  // What was appended meanwhile was never written, and nobody was promised anything else.
  f.open();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == Offset{6});
}

TEST_CASE("truncate: below the log's start the log begins anew", "[log][truncate]") {
  LogFixture f;
  f.fill(40);
  REQUIRE(f.log->advance_log_start(Offset{50}));
  REQUIRE(f.log->truncate_to(Offset{20}));
  CHECK(f.log->log_start() == Offset{20});
  CHECK(f.log->log_end() == Offset{20});
  f.append({.records = 2});
  REQUIRE(f.log->sync_now());
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_start() == Offset{20});
  CHECK(f.log->log_end() == Offset{22});
}

TEST_CASE("restart: the power may go at any call, and no damage is told of", "[log][truncate]") {
  for (std::uint64_t call = 1;; ++call) {
    INFO("the power goes at call " << call);
    LogFixture f;
    f.fill(10);
    f.files.lose_power_at_call(call);
    const auto done = f.log->restart_at(Offset{100});
    if (!f.files.power_lost()) break;
    CHECK_FALSE(done.has_value());
    SeededRng rng{call};
    f.files.crash(rng);
    f.open();
    CHECK(f.log->state() == LogState::writable);
    for (const Damage& damage : f.damage.all) CHECK_FALSE(damage.acknowledged);
  }
}

TEST_CASE("restart: the log begins and ends where it is told", "[log][truncate]") {
  for (const std::int64_t start : {0, 5, 120, 4000}) {
    LogFixture f;
    f.fill(40);
    REQUIRE(f.log->restart_at(Offset{start}));
    CHECK(f.log->log_end() == Offset{start});
    CHECK(f.log->size_bytes() == 0);
    SeededRng rng{static_cast<std::uint64_t>(start)};
    f.files.crash(rng);
    f.open();
    CHECK(f.log->state() == LogState::writable);
    CHECK(f.log->log_start() == Offset{start});
    CHECK(f.log->log_end() == Offset{start});
    f.fill(2);
    f.reopen_after_kill();
    CHECK(f.log->log_end() == Offset{start + 6});
  }
}

}  // namespace
}  // namespace millrace::log
