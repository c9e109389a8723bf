#include "log/partition_log.hpp"

#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

TEST_CASE("log: an append stamps offset and epoch and is readable at once", "[log]") {
  LogFixture f;
  const auto first = f.append({.records = 3});
  const auto second = f.append({.records = 2});
  CHECK(first.base == Offset{0});
  CHECK(first.last == Offset{2});
  CHECK(second.base == Offset{3});
  CHECK(f.log->log_end() == Offset{5});
  CHECK(f.log->written_end() == Offset{0});
  const auto got = f.log->read({Offset{3}, Offset{5}, 1000, true});
  REQUIRE(got.has_value());
  const auto bytes = got->batches.flatten();
  const auto batch = view_of(bytes);
  CHECK(batch.base_offset() == Offset{3});
  CHECK(batch.leader_epoch() == LeaderEpoch{1});
  CHECK(batch.crc_ok());
}

TEST_CASE("log: an append time becomes the batch's and keeps its checksum right", "[log]") {
  LogFixture f;
  const Timestamp time{kNow.value + 77};
  const auto info = f.log->append(batch_of({.records = 2}), LeaderEpoch{1}, time);
  REQUIRE(info.has_value());
  CHECK(info->max_timestamp == time);
  const auto bytes = f.log->read({Offset{0}, Offset{2}, 1000, true})->batches.flatten();
  CHECK(view_of(bytes).crc_ok());
  CHECK(view_of(bytes).timestamp_type() == protocol::TimestampType::log_append_time);
}

TEST_CASE("log: one turn of appends is one write", "[log]") {
  LogConfig config = LogFixture::small_config();
  config.segment_bytes = 1 << 20;
  config.tail_cache_bytes = 1 << 20;
  LogFixture f{config};
  for (int i = 0; i < 100; ++i) f.append({.records = 3});
  const auto before = f.files.calls();
  REQUIRE(f.log->write());
  CHECK(f.files.calls() - before == 2);  // creating the file, and one gathered write
  f.append();
  REQUIRE(f.log->write());
  CHECK(f.files.calls() - before == 3);
  REQUIRE(f.log->write());  // nothing to do
  CHECK(f.files.calls() - before == 3);
}

TEST_CASE("log: the ends follow one another and only a sync moves the last", "[log]") {
  LogFixture f;
  f.append({.records = 4});
  CHECK_FALSE(f.log->take_sync().has_value());  // nothing is written yet
  REQUIRE(f.log->write());
  CHECK(f.log->written_end() == Offset{4});
  CHECK(f.log->synced_end() == Offset{0});
  const auto work = f.log->take_sync();
  REQUIRE(work.has_value());
  CHECK(work->end() == Offset{4});
  f.append({.records = 2});
  REQUIRE(f.log->write());
  CHECK_FALSE(f.log->take_sync().has_value());  // one is out
  f.log->synced(*work, work->run());
  CHECK(f.log->synced_end() == Offset{4});
  const auto next = f.log->take_sync();
  REQUIRE(next.has_value());
  f.log->synced(*next, next->run());
  CHECK(f.log->synced_end() == Offset{6});
}

TEST_CASE("log: a segment rolls by size, and a sync covers what was rolled", "[log]") {
  LogFixture f;
  for (int i = 0; i < 40; ++i) f.append({.records = 3});
  CHECK(f.log->segments() > 2);
  REQUIRE(f.log->sync_now());
  SeededRng rng{1};
  f.log.reset();
  f.files.crash(rng);
  f.open();
  CHECK(f.log->log_end() == Offset{120});
}

TEST_CASE("log: a segment rolls by record time", "[log]") {
  LogConfig config = LogFixture::small_config();
  config.segment_ms = std::chrono::milliseconds{1000};
  config.segment_jitter = std::chrono::milliseconds{100};
  LogFixture f{config};
  f.append({.first_timestamp = kNow});
  f.append({.first_timestamp = Timestamp{kNow.value + 900}});
  CHECK(f.log->segments() == 1);
  f.append({.first_timestamp = Timestamp{kNow.value + 901}});
  CHECK(f.log->segments() == 2);
  CHECK(f.log->active_segment_base() == Offset{2});
}

TEST_CASE("log: a segment rolls when its index is full", "[log]") {
  LogConfig config = LogFixture::small_config();
  config.segment_bytes = 1 << 20;
  config.index_bytes_max = 24;  // three entries, two of the time index
  LogFixture f{config};
  while (f.log->segments() == 1 && f.log->log_end() < Offset{1000}) f.append({.records = 3});
  CHECK(f.log->log_end() < Offset{100});
}

TEST_CASE("log: a batch of another shape changes nothing", "[log]") {
  LogFixture f;
  auto batch = batch_of({});
  const auto refused = [&](Bytes bytes) {
    return f.log->append(bytes, LeaderEpoch{1}, std::nullopt).error();
  };
  CHECK(refused(Bytes{batch}.first(batch.size() - 1)) == make_error_code(Errc::batch_malformed));
  batch.push_back(std::byte{0});
  CHECK(refused(batch) == make_error_code(Errc::batch_malformed));
  CHECK(refused(Bytes{}) == make_error_code(Errc::batch_malformed));
  CHECK(refused(batch_of({.value_bytes = 3000})) == make_error_code(Errc::batch_too_large));
  CHECK(f.log->log_end() == Offset{0});
  CHECK(f.log->size_bytes() == 0);
}

TEST_CASE("log: a follower's run keeps offsets, epochs and gaps", "[log]") {
  LogFixture f;
  auto run = batch_of({.records = 2, .base_offset = Offset{0}, .epoch = LeaderEpoch{3}});
  const auto second = batch_of({.records = 2, .base_offset = Offset{10}, .epoch = LeaderEpoch{4}});
  run.insert(run.end(), second.begin(), second.end());
  const auto info = f.log->append_as_is(run);
  REQUIRE(info.has_value());
  CHECK(info->base == Offset{0});
  CHECK(info->last == Offset{11});
  CHECK(f.log->append_as_is(second).error() == make_error_code(Errc::offsets_not_ahead));
  CHECK(f.log->epoch_end(LeaderEpoch{3}) == EpochEnd{LeaderEpoch{3}, Offset{10}});
  REQUIRE(f.log->sync_now());
  CHECK(f.read_all(Offset{0}) == run);
  CHECK(f.log->read({Offset{5}, Offset{12}, 1000, true})->batches.flatten() == second);
  f.reopen_after_kill();
  CHECK(f.damage.all.empty());
  CHECK(f.log->log_end() == Offset{12});
  CHECK(f.read_all(Offset{0}) == run);
}

TEST_CASE("log: a follower's run with a wrong checksum is refused whole", "[log]") {
  LogFixture f;
  auto run = batch_of({.records = 2});
  const auto second = batch_of({.records = 2, .base_offset = Offset{2}});
  run.insert(run.end(), second.begin(), second.end());
  run.back() ^= std::byte{1};
  CHECK(f.log->append_as_is(run).error() == make_error_code(Errc::batch_malformed));
  CHECK(f.log->log_end() == Offset{0});
}

TEST_CASE("log: a failed write or sync ends all acknowledgements", "[log]") {
  for (const FileCall kind : {FileCall::write, FileCall::sync}) {
    LogFixture f;
    f.append();
    REQUIRE(f.log->sync_now());
    f.append();
    f.files.fail_call(1, kind);
    REQUIRE(f.log->sync_now().has_error());
    CHECK(f.log->state() == LogState::failed);
    CHECK(f.log->synced_end() == Offset{1});
    CHECK(f.log->append(batch_of({}), LeaderEpoch{1}, std::nullopt).error() ==
          make_error_code(Errc::failed));
    CHECK(f.log->write().error() == make_error_code(Errc::failed));
    CHECK_FALSE(f.log->take_sync().has_value());
    CHECK(f.log->read({Offset{0}, Offset{1}, 100, true}).has_value());
  }
}

TEST_CASE("log: a crash on a full disk loses nothing that was synced", "[log]") {
  LogFixture f;
  f.fill(5);
  const auto before = f.read_all(Offset{0});
  f.files.set_space(30);
  f.append();
  CHECK(f.log->write().error() == boost::system::errc::no_space_on_device);
  CHECK(f.log->state() == LogState::full);
  f.files.set_space(std::nullopt);
  f.reopen_after_kill();
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.report.torn_bytes == 30);
  CHECK(f.read_all(Offset{0}) == before);
}

TEST_CASE("log: a clean close leaves nothing to scan", "[log]") {
  LogFixture f;
  f.fill(30);
  f.append({.producer = BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{0}}});
  const auto before = f.log->producers();
  REQUIRE(f.log->close());
  CHECK(f.log->append(batch_of({}), LeaderEpoch{1}, std::nullopt).error() ==
        make_error_code(Errc::closed));
  f.open();
  CHECK(f.report.clean);
  CHECK(f.report.scanned_bytes == 0);
  CHECK(f.report.indexes_rebuilt == 0);
  CHECK_FALSE(f.report.producers_rebuilt);
  CHECK(f.log->log_end() == Offset{91});
  CHECK(f.log->producers() == before);
  CHECK(f.log->epoch_end(LeaderEpoch{1}) == EpochEnd{LeaderEpoch{1}, Offset{91}});
  CHECK(f.log->max_timestamp_so_far().has_value());
}

TEST_CASE("log: a checkpoint bounds what the next open scans", "[log]") {
  LogFixture f;
  f.fill(30);
  f.checkpoint();
  f.append();
  REQUIRE(f.log->sync_now());
  f.checkpoint();
  const Offset point = f.log->recovery_point();
  CHECK(point > Offset{0});
  f.reopen_after_kill();
  CHECK(f.report.scanned_bytes < 2000);
  CHECK(f.log->log_end() == Offset{91});
}

TEST_CASE("log: what is closed while a sync is out is due for the checkpoint after next", "[log]") {
  LogConfig config = LogFixture{}.config;
  config.checkpoint_interval_bytes = std::uint64_t{1} << 30;
  LogFixture f{config};
  f.fill(30);
  f.append();
  REQUIRE(f.log->write());
  const auto sync = f.log->take_sync();
  REQUIRE(sync.has_value());
  const std::size_t before = f.log->segments();
  while (f.log->segments() < before + 2) f.append();
  REQUIRE(f.log->write());
  f.log->synced(*sync, sync->run());
  f.checkpoint();
  CHECK(f.log->recovery_point() < f.log->active_segment_base());
  REQUIRE(f.log->sync_now());
  f.checkpoint();
  CHECK(f.log->recovery_point() >= f.log->active_segment_base());
}

TEST_CASE("log: a failed checkpoint costs nothing but the next recovery", "[log]") {
  LogFixture f;
  f.fill(30);
  auto work = f.log->take_checkpoint();
  REQUIRE(work.has_value());
  f.files.fail_call(1, FileCall::rename);
  f.log->checkpointed(*work, work->run());
  CHECK(f.log->state() == LogState::writable);
  CHECK(f.log->recovery_point() == Offset{0});
  f.checkpoint();
  CHECK(f.log->recovery_point() == Offset{90});
}

TEST_CASE("log: producers are checked against what was appended", "[log]") {
  LogFixture f;
  const auto from = [](std::int32_t sequence) {
    return batch_of(
        {.records = 2,
         .producer = BatchBuilder::Producer{ProducerId{9}, ProducerEpoch{0}, Sequence{sequence}}});
  };
  const auto first = from(0);
  CHECK(f.log->check_producer(view_of(first), kNow) == ProducerVerdict{ProducerOk{}});
  REQUIRE(f.log->append(first, LeaderEpoch{1}, std::nullopt).has_value());
  const auto again = f.log->check_producer(view_of(first), kNow);
  REQUIRE(std::holds_alternative<ProducerDuplicate>(again));
  CHECK(std::get<ProducerDuplicate>(again).base_offset == Offset{0});
  const auto gap = from(4);
  const auto refused = f.log->check_producer(view_of(gap), kNow);
  REQUIRE(std::holds_alternative<ProducerRejected>(refused));
  CHECK(std::get<ProducerRejected>(refused).code ==
        protocol::ErrorCode::out_of_order_sequence_number);
}

TEST_CASE("log: epochs end where the next begins", "[log]") {
  LogFixture f;
  f.epoch = 2;
  f.append({.records = 5});
  f.epoch = 5;
  f.append({.records = 5});
  f.log->begin_epoch(LeaderEpoch{7});
  CHECK(f.log->epoch_end(LeaderEpoch{2}) == EpochEnd{LeaderEpoch{2}, Offset{5}});
  CHECK(f.log->epoch_end(LeaderEpoch{4}) == EpochEnd{LeaderEpoch{2}, Offset{5}});
  CHECK(f.log->epoch_end(LeaderEpoch{5}) == EpochEnd{LeaderEpoch{5}, Offset{10}});
  CHECK(f.log->epoch_end(LeaderEpoch{7}) == EpochEnd{LeaderEpoch{7}, Offset{10}});
  CHECK_FALSE(f.log->epoch_end(LeaderEpoch{8}).has_value());
  CHECK(f.log->latest_epoch() == LeaderEpoch{7});
}

TEST_CASE("log: a sync that failed unseen is not made good by closing", "[log]") {
  LogFixture f;
  f.files.forget_on_failed_sync(true);
  f.append();
  REQUIRE(f.log->write());
  const auto work = f.log->take_sync();
  REQUIRE(work.has_value());
  f.files.fail_call(1, FileCall::sync);
  CHECK(work->run().has_error());
  // The second sync of the same file succeeds, and the bytes are lost all the same.
  CHECK(f.log->close().has_error());
}

}  // namespace
}  // namespace millrace::log
