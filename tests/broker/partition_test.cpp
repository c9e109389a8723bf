#include "broker/partition.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/builder.hpp"
#include "tests/support/clock.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using namespace std::chrono_literals;

constexpr Timestamp kNow{1'700'000'000'000};
constexpr std::int16_t kVersion = 9;

struct NoDamage final : log::DamageSink {
  void damaged(const log::Damage& damage) override { FAIL(damage); }
};

struct Fixture {
  sim::MemoryFiles files;
  NoDamage sink;
  sim::SimClock clock;
  LogDirectory directory{files, clock, "/", {}};
  std::unique_ptr<Partition> partition;

  explicit Fixture(const PartitionSettings& settings = {}) { open(settings); }
  void open(const PartitionSettings& settings) {
    auto opened = log::PartitionLog::open(files, "t-0", settings.log, kNow, sink);
    REQUIRE(opened.has_value());
    partition =
        std::make_unique<Partition>(TopicPartition{"t", PartitionIndex{0}}, TopicId{},
                                    LeaderEpoch{3}, settings, std::move(opened->log), directory);
  }
  /// A batch that needs no pool thread.
  ProduceResult produce(const std::vector<std::byte>& records, std::int16_t version,
                        Timestamp now) const {
    auto result = partition->produce(records, version, now);
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  void sync() {
    partition->write();
    const auto work = partition->take_sync(Instant{});
    REQUIRE(work);
    partition->synced(*work, work->run());
  }
};

std::vector<std::byte> batch(std::optional<protocol::BatchBuilder::Producer> producer = {},
                             int records = 2) {
  protocol::BatchBuilder builder{{.producer = producer}};
  for (int i = 0; i < records; ++i) builder.add(kNow, as_bytes("k"), as_bytes("v"));
  const auto built = builder.build();
  REQUIRE(built.has_value());
  return *built;
}

TEST_CASE("partition: records are committed when they are synced, not when they are written",
          "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  REQUIRE(result.error == ErrorCode::none);
  REQUIRE(result.base_offset == Offset{0});
  REQUIRE(result.end == Offset{2});
  std::vector<ErrorCode> told;
  f.partition->when_committed(result.end, Instant::max(), [&](ErrorCode e) { told.push_back(e); });
  f.partition->write();
  CHECK(told.empty());
  CHECK(f.partition->high_watermark() == Offset{0});
  f.sync();
  CHECK(told == std::vector{ErrorCode::none});
  CHECK(f.partition->high_watermark() == Offset{2});
}

TEST_CASE("partition: with flush.mode=async a write commits", "[broker][partition]") {
  PartitionSettings settings;
  settings.flush_sync = false;
  Fixture f{settings};
  const auto result = f.produce(batch(), kVersion, kNow);
  bool committed = false;
  f.partition->when_committed(result.end, Instant::max(), [&](ErrorCode) { committed = true; });
  f.partition->write();
  CHECK(committed);
  CHECK_FALSE(f.partition->take_sync(Instant{}));
}

TEST_CASE("partition: flush.messages and flush.ms make an async partition sync",
          "[broker][partition]") {
  PartitionSettings settings;
  settings.flush_sync = false;
  settings.flush_messages = 4;
  settings.flush_ms = 100ms;
  Fixture f{settings};
  f.produce(batch(), kVersion, kNow);
  f.partition->write();
  CHECK_FALSE(f.partition->take_sync(Instant{}));
  CHECK(f.partition->take_sync(Instant{} + 100ms));
  Fixture g{settings};
  g.produce(batch({}, 4), kVersion, kNow);
  g.partition->write();
  CHECK(g.partition->take_sync(Instant{}));
}

TEST_CASE("partition: a failed sync fails who waits, and everything later", "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  ErrorCode told = ErrorCode::none;
  f.partition->when_committed(result.end, Instant::max(), [&](ErrorCode e) { told = e; });
  f.files.fail_call(1, sim::FileCall::sync);
  f.sync();
  CHECK(told == ErrorCode::kafka_storage_error);
  CHECK(f.partition->offline());
  CHECK(f.partition->high_watermark() == Offset{0});
  CHECK(f.produce(batch(), kVersion, kNow).error == ErrorCode::kafka_storage_error);
}

TEST_CASE("partition: who waits is told when something else than a sync failed the log",
          "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  ErrorCode told = ErrorCode::none;
  f.partition->when_committed(result.end, Instant::max(), [&](ErrorCode e) { told = e; });
  f.files.fail_call(1, sim::FileCall::write);
  REQUIRE_FALSE(f.partition->log().write());
  f.partition->write();
  CHECK(told == ErrorCode::kafka_storage_error);
}

TEST_CASE("partition: a repeated batch answers with the first offset and appends nothing",
          "[broker][partition]") {
  Fixture f;
  const protocol::BatchBuilder::Producer producer{ProducerId{7}, ProducerEpoch{0}, Sequence{0}};
  const auto first = f.produce(batch(producer), kVersion, kNow);
  f.sync();
  const auto again = f.produce(batch(producer), kVersion, kNow);
  CHECK(again.error == ErrorCode::none);
  CHECK(again.base_offset == first.base_offset);
  CHECK(again.end == first.end);
  CHECK(f.partition->log().log_end() == Offset{2});
}

TEST_CASE("partition: a producer's last five batches are known after a crash, older ones are not",
          "[broker][partition]") {
  Fixture f;
  const auto numbered = [](std::int32_t i) {
    return batch(
        protocol::BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{2 * i}});
  };
  for (std::int32_t i = 0; i < 6; ++i)
    REQUIRE(f.produce(numbered(i), kVersion, kNow).error == ErrorCode::none);
  f.sync();
  f.partition.reset();
  f.files.kill_process();
  f.open({});
  for (std::int32_t i = 1; i < 6; ++i) {
    const auto again = f.produce(numbered(i), kVersion, kNow);
    CHECK(again.error == ErrorCode::none);
    CHECK(again.base_offset == Offset{2 * i});
  }
  CHECK(f.produce(numbered(0), kVersion, kNow).error == ErrorCode::out_of_order_sequence_number);
  CHECK(f.partition->log().log_end() == Offset{12});
  CHECK(f.produce(numbered(6), kVersion, kNow).base_offset == Offset{12});
}

TEST_CASE("partition: a producer that wrote nothing for its expiration may begin anywhere",
          "[broker][partition]") {
  PartitionSettings settings;
  settings.log.producer_expiration = 1000ms;
  Fixture f{settings};
  const protocol::BatchBuilder::Producer first{ProducerId{7}, ProducerEpoch{0}, Sequence{0}};
  const protocol::BatchBuilder::Producer gap{ProducerId{7}, ProducerEpoch{0}, Sequence{50}};
  REQUIRE(f.produce(batch(first), kVersion, kNow).error == ErrorCode::none);
  CHECK(f.produce(batch(gap), kVersion, kNow + 999ms).error ==
        ErrorCode::out_of_order_sequence_number);
  CHECK(f.produce(batch(gap), kVersion, kNow + 1000ms).error == ErrorCode::none);
}

TEST_CASE("partition: a repeated batch waits for the sync of the first one",
          "[broker][partition]") {
  Fixture f;
  const protocol::BatchBuilder::Producer producer{ProducerId{7}, ProducerEpoch{0}, Sequence{0}};
  f.produce(batch(producer), kVersion, kNow);
  f.produce(batch(), kVersion, kNow);
  bool later = false;
  f.partition->when_committed(Offset{4}, Instant::max(), [&](ErrorCode) { later = true; });
  const auto again = f.produce(batch(producer), kVersion, kNow);
  bool committed = false;
  f.partition->when_committed(again.end, Instant::max(), [&](ErrorCode) { committed = true; });
  CHECK_FALSE(committed);
  f.sync();
  CHECK(committed);
  CHECK(later);
}

TEST_CASE("partition: who waits too long is told so, and the records stay", "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  ErrorCode told = ErrorCode::none;
  f.partition->when_committed(result.end, Instant{} + 1s, [&](ErrorCode e) { told = e; });
  f.partition->expire_waiters(Instant{} + 999ms);
  CHECK(told == ErrorCode::none);
  f.partition->expire_waiters(Instant{} + 1s);
  CHECK(told == ErrorCode::request_timed_out);
  f.sync();
  CHECK(f.partition->high_watermark() == Offset{2});
}

TEST_CASE("partition: bad batches are refused and change nothing", "[broker][partition]") {
  Fixture f;
  auto corrupt = batch();
  corrupt.back() ^= std::byte{1};
  CHECK(f.produce(corrupt, kVersion, kNow).error == ErrorCode::corrupt_message);
  auto two = batch();
  const auto second = batch();
  two.insert(two.end(), second.begin(), second.end());
  CHECK(f.produce(two, kVersion, kNow).error == ErrorCode::invalid_record);
  CHECK(f.partition->log().log_end() == Offset{0});
}

TEST_CASE("partition: readers are woken once when the high watermark moves",
          "[broker][partition]") {
  struct Reader final : ReadWaiter {
    void wake() override { ++woken; }
    [[nodiscard]] bool done() const override { return finished; }
    int woken = 0;
    bool finished = false;
  };
  Fixture f;
  const auto reader = std::make_shared<Reader>();
  f.partition->watch(reader);
  f.produce(batch(), kVersion, kNow);
  CHECK(reader->woken == 0);
  f.sync();
  CHECK(reader->woken == 1);
  f.produce(batch(), kVersion, kNow);
  f.sync();
  CHECK(reader->woken == 1);
}

TEST_CASE("partition: readers that are done do not pile up on a silent partition",
          "[broker][partition]") {
  struct Reader final : ReadWaiter {
    void wake() override {}
    [[nodiscard]] bool done() const override { return true; }
  };
  Fixture f;
  std::vector<std::weak_ptr<Reader>> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto reader = std::make_shared<Reader>();
    seen.push_back(reader);
    f.partition->watch(reader);
  }
  CHECK(std::ranges::count_if(seen, [](const auto& r) { return !r.expired(); }) < 20);
}

TEST_CASE("partition: retiring tells who waits and takes nothing any more", "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  ErrorCode told = ErrorCode::none;
  f.partition->when_committed(result.end, Instant::max(), [&](ErrorCode e) { told = e; });
  f.partition->retire(ErrorCode::unknown_topic_or_partition);
  CHECK(told == ErrorCode::unknown_topic_or_partition);
  CHECK(f.produce(batch(), kVersion, kNow).error == ErrorCode::not_leader_or_follower);
}

TEST_CASE("partition: it is looked after while somebody waits or something is unsynced",
          "[broker][partition]") {
  Fixture f;
  const auto result = f.produce(batch(), kVersion, kNow);
  CHECK(f.partition->join_busy());
  CHECK_FALSE(f.partition->join_busy());
  CHECK_FALSE(f.partition->rest());
  f.sync();
  // Somebody waits for more than there is.
  f.partition->when_committed(result.end.next(), Instant::max(), [](ErrorCode) {});
  CHECK_FALSE(f.partition->rest());
  f.produce(batch(), kVersion, kNow);
  f.sync();
  CHECK(f.partition->rest());
  CHECK(f.partition->join_busy());
}

TEST_CASE("partition: its files are idle only when no work on them is out", "[broker][partition]") {
  Fixture f;
  bool idle = false;
  f.partition->work_begun();
  f.partition->work_begun();
  f.partition->when_idle([&] { idle = true; });
  f.partition->work_ended();
  CHECK_FALSE(idle);
  f.partition->work_ended();
  CHECK(idle);
}

}  // namespace
}  // namespace millrace::broker
