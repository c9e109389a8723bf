#include <map>

#include "protocol/base/rng.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

Result<AppendInfo> try_append(LogFixture& f, const BatchSpec& spec) {
  return f.log->append(batch_of(spec), LeaderEpoch{f.epoch}, std::nullopt);
}

TEST_CASE("log: what found no space is taken back, and the log goes on", "[log][space]") {
  LogFixture f;
  f.fill(3);
  const auto before = f.read_all(Offset{0});
  const Offset end = f.log->log_end();
  f.files.set_space(50);
  f.append({.records = 3, .salt = 77});
  REQUIRE(is_no_space(f.log->write().error()));
  CHECK(f.log->state() == LogState::full);
  CHECK(try_append(f, {}).error() == Errc::no_space);
  REQUIRE(f.log->retract());
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->log_end() == end);
  CHECK(f.log->written_end() == end);
  CHECK(f.log->buffered_bytes() == 0);
  f.files.set_space(std::nullopt);
  f.fill(40);  // over several segments
  CHECK(f.log->synced_end() == f.log->log_end());
  const auto all = f.read_all(Offset{0});
  REQUIRE(all.size() > before.size());
  CHECK(std::equal(before.begin(), before.end(), all.begin()));
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.read_all(Offset{0}) == all);
}

TEST_CASE("log: segments that were begun and found no space go again", "[log][space]") {
  LogFixture f;
  f.fill(2);
  const auto segments = f.log->segments();
  const std::size_t one = batch_of({.records = 10, .value_bytes = 80}).size();
  f.files.set_space(2 * one + one / 2);
  for (int i = 0; i < 8; ++i) f.append({.records = 10, .value_bytes = 80});
  REQUIRE(f.log->segments() > segments + 2);
  REQUIRE_FALSE(f.log->write());
  REQUIRE(f.log->retract());
  CHECK(f.log->log_end() == f.log->written_end());
  CHECK(f.log->segments() <= segments + 2);
  f.files.set_space(std::nullopt);
  REQUIRE(f.log->sync_now());
  f.fill(5);
  f.checkpoint();
  const auto all = f.read_all(Offset{0});
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.read_all(Offset{0}) == all);
}

TEST_CASE("log: a producer's batch that was taken back is new when it comes again",
          "[log][space]") {
  LogFixture f;
  const auto from = [](std::int32_t sequence) {
    return batch_of(
        {.producer = BatchBuilder::Producer{ProducerId{5}, ProducerEpoch{0}, Sequence{sequence}}});
  };
  const auto verdict_on = [&](std::int32_t sequence) {
    const auto batch = from(sequence);
    return f.log->check_producer(view_of(batch), kNow);
  };
  REQUIRE(f.log->append(from(0), LeaderEpoch{1}, std::nullopt).has_value());
  REQUIRE(f.log->sync_now());
  f.files.set_space(10);
  REQUIRE(f.log->append(from(1), LeaderEpoch{1}, std::nullopt).has_value());
  REQUIRE(std::holds_alternative<ProducerDuplicate>(verdict_on(1)));
  REQUIRE_FALSE(f.log->write());
  REQUIRE(f.log->retract());
  CHECK(std::holds_alternative<ProducerOk>(verdict_on(1)));
  CHECK(std::holds_alternative<ProducerDuplicate>(verdict_on(0)));
}

TEST_CASE("log: a sync that was on its way is made up for after records were taken back",
          "[log][space]") {
  LogFixture f;
  f.append();
  REQUIRE(f.log->write());
  const auto work = f.log->take_sync();
  REQUIRE(work);
  f.files.set_space(10);
  f.append();
  REQUIRE_FALSE(f.log->write());
  SECTION("it ends before") {
    f.log->synced(*work, work->run());
  }
  REQUIRE(f.log->retract());
  SECTION("it ends behind") {
    f.log->synced(*work, work->run());
  }
  if (const auto next = f.log->take_sync()) f.log->synced(*next, next->run());
  CHECK(f.log->synced_end() == Offset{1});
}

TEST_CASE("log: a log that is full closes cleanly", "[log][space]") {
  LogFixture f;
  f.fill(2);
  const Offset end = f.log->log_end();
  f.files.set_space(10);
  f.append();
  REQUIRE_FALSE(f.log->write());
  f.files.set_space(std::nullopt);
  REQUIRE(f.log->close());
  f.open();
  CHECK(f.report.clean);
  CHECK(f.log->log_end() == end);
}

/// One history of a disk that fills up and is freed, with syncs and checkpoints on their way, and
/// power failures: what was acknowledged is there, byte for byte and in its place.
void play_full_disk(std::uint64_t seed) {
  INFO("seed " << seed);
  SeededRng rng{seed};
  LogFixture f;
  std::map<Offset, std::vector<std::byte>> appended;  // by base offset, as last appended there
  Offset acknowledged{0};
  std::optional<SyncWork> sync;
  std::optional<CheckpointWork> checkpoint;
  const auto check_all = [&](Offset to) {
    for (const auto& [base, batch] : appended) {
      if (view_of(batch).next_offset() > to) continue;
      const auto got = f.log->read({base, f.log->log_end(), 1, true});
      REQUIRE(got.has_value());
      auto expected = batch;
      protocol::patch_base_offset_and_epoch(expected, base, LeaderEpoch{f.epoch});
      REQUIRE(got->batches.flatten() == expected);
    }
  };
  for (int step = 0; step < 200; ++step) {
    switch (rng.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const auto batch = batch_of(
            {.records = 1 + static_cast<int>(rng.below(5)),
             .value_bytes = 1 + rng.below(300),
             .producer = rng.chance(1, 3) ? std::optional{BatchBuilder::Producer{
                                                ProducerId{static_cast<std::int64_t>(step)},
                                                ProducerEpoch{0}, Sequence{0}}}
                                          : std::nullopt,
             .salt = seed * 1000 + static_cast<std::uint64_t>(step)});
        if (const auto info = f.log->append(batch, LeaderEpoch{f.epoch}, std::nullopt))
          appended[info->base] = batch;
        break;
      }
      case 4:
      case 5: {
        const auto written = f.log->write();
        if (written) break;
        REQUIRE(is_no_space(written.error()));
        if (sync && rng.chance(1, 2)) {
          f.log->synced(*sync, sync->run());
          sync.reset();
        }
        REQUIRE(f.log->retract());
        appended.erase(appended.lower_bound(f.log->log_end()), appended.end());
        break;
      }
      case 6:
        if (!sync) sync = f.log->take_sync();
        break;
      case 7:
        if (!sync) break;
        f.log->synced(*sync, sync->run());
        sync.reset();
        acknowledged = std::max(acknowledged, f.log->synced_end());
        break;
      case 8:
        if (!checkpoint) {
          checkpoint = f.log->take_checkpoint();
        } else {
          f.log->checkpointed(*checkpoint, checkpoint->run());
          checkpoint.reset();
        }
        break;
      case 9:
        f.files.set_space(rng.below(3000));
        break;
      case 10:
        f.files.set_space(std::nullopt);
        break;
      default:
        if (!rng.chance(1, 6)) break;
        sync.reset();
        checkpoint.reset();
        f.files.set_space(std::nullopt);
        f.files.crash(rng);
        f.open();
        REQUIRE(f.log->state() == LogState::writable);
        REQUIRE(f.log->log_end() >= acknowledged);
        appended.erase(appended.lower_bound(f.log->log_end()), appended.end());
        check_all(f.log->log_end());
    }
  }
  check_all(f.log->written_end());
}

TEST_CASE("log: a disk that fills up costs nothing that was acknowledged", "[log][space][sim]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) play_full_disk(seed);
}

}  // namespace
}  // namespace millrace::log
