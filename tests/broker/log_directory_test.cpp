#include "broker/log_directory.hpp"

#include <catch2/catch.hpp>

#include "broker/errors.hpp"
#include "broker/partition.hpp"
#include "protocol/record/builder.hpp"
#include "tests/support/clock.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr SpaceLimits kLimits{.min_free = 64 * kMiB, .reserve = 16 * kMiB};
constexpr std::int16_t kVersion = 9;

struct NoDamage final : log::DamageSink {
  void damaged(const log::Damage& damage) override { FAIL(damage); }
};

std::vector<std::byte> batch(std::size_t value_bytes, std::int32_t sequence = -1) {
  protocol::BatchBuilder::Options options;
  if (sequence >= 0) options.producer = {ProducerId{7}, ProducerEpoch{0}, Sequence{sequence}};
  protocol::BatchBuilder builder{options};
  const std::string value(value_bytes, 'v');
  builder.add(Timestamp{1'700'000'000'000}, std::nullopt, as_bytes(value));
  return builder.build().value();
}

struct Fixture {
  explicit Fixture(SpaceLimits limits = kLimits) : directory{files, clock, "/data", limits} {
    REQUIRE(files.create_directories("/data"));
  }
  std::unique_ptr<Partition> open(const std::string& name) {
    auto opened = log::PartitionLog::open(files, "/data/" + name, {}, clock.wall(), sink);
    REQUIRE(opened.has_value());
    return std::make_unique<Partition>(TopicPartition{name, PartitionIndex{0}}, TopicId{},
                                       LeaderEpoch{0}, PartitionSettings{}, std::move(opened->log),
                                       directory);
  }
  ErrorCode produce(Partition& partition, const std::vector<std::byte>& records) {
    return partition.produce(records, kVersion, clock.wall()).value().error;
  }
  sim::MemoryFiles files;
  sim::SimClock clock;
  NoDamage sink;
  LogDirectory directory;
};

void write_and_sync(Partition& partition) {
  partition.write();
  if (const auto work = partition.take_sync(Instant{})) partition.synced(*work, work->run());
}

TEST_CASE("log directory: the reserve takes its room, is given up and taken back",
          "[broker][space]") {
  Fixture f;
  f.files.set_space(100 * kMiB);
  f.directory.check();
  CHECK(f.files.size_of("/data/.reserve") == 16 * kMiB);
  f.files.set_space(10 * kMiB);
  f.directory.check();
  CHECK(f.directory.level() == SpaceLevel::exhausted);
  CHECK_FALSE(f.files.exists("/data/.reserve").value());
  CHECK(f.files.space("/").value().available == 26 * kMiB);
  f.files.set_space(200 * kMiB);
  f.directory.check();
  CHECK(f.directory.level() == SpaceLevel::ample);
  CHECK(f.directory.room().reserve_held);
  CHECK(f.files.size_of("/data/.reserve") == 16 * kMiB);
}

TEST_CASE("log directory: a reserve from before is kept, one of another size is taken anew",
          "[broker][space]") {
  Fixture f;
  f.files.put("/data/.reserve", std::vector<std::byte>(16 * kMiB));
  f.files.set_space(65 * kMiB);  // no room for another one
  f.directory.check();
  CHECK(f.directory.room().reserve_held);
  Fixture g;
  g.files.put("/data/.reserve", std::vector<std::byte>(kMiB));
  g.files.set_space(100 * kMiB);
  g.directory.check();
  CHECK(g.files.size_of("/data/.reserve") == 16 * kMiB);
}

TEST_CASE("log directory: a burst between two checks does not overrun the limit",
          "[broker][space]") {
  Fixture f{{.min_free = 64 * kMiB, .reserve = 0}};
  f.files.set_space(74 * kMiB);
  f.directory.check();
  CHECK(f.directory.admit(6 * kMiB));
  CHECK(f.directory.admit(4 * kMiB));
  // Six have landed since; four are still on their way, so they count beside what is free now.
  f.directory.landed(6 * kMiB);
  f.files.set_space(68 * kMiB + 1);
  f.directory.check();
  CHECK(f.directory.admit(1));
  CHECK_FALSE(f.directory.admit(1));
}

TEST_CASE("log directory: producers are told disk, free bytes and limit", "[broker][space]") {
  Fixture f;
  auto partition = f.open("t-0");
  f.files.set_space(50'000'000);
  f.directory.check();
  const auto result = partition->produce(batch(10), kVersion, f.clock.wall()).value();
  CHECK(result.error == kNoSpace);
  CHECK_THAT(result.message, Catch::Contains("/data"));
  CHECK_THAT(result.message, Catch::Contains("33222784"));  // without the reserve's room
  CHECK_THAT(result.message, Catch::Contains("67108864"));
  CHECK(partition->log().log_end() == Offset{0});
  f.files.set_space(200 * kMiB);
  f.directory.check();
  CHECK(f.produce(*partition, batch(10)) == ErrorCode::none);
}

TEST_CASE("log directory: the repetition of a batch that is in the log succeeds without room",
          "[broker][space]") {
  Fixture f;
  auto partition = f.open("t-0");
  CHECK(f.produce(*partition, batch(10, 0)) == ErrorCode::none);
  write_and_sync(*partition);
  f.files.set_space(0);
  f.directory.check();
  CHECK(f.produce(*partition, batch(10, 0)) == ErrorCode::none);
  CHECK(f.produce(*partition, batch(10, 1)) == kNoSpace);
}

TEST_CASE("partition: a write without space refuses what it did not write and goes on later",
          "[broker][space]") {
  Fixture f{{.min_free = 0, .reserve = 0}};
  auto partition = f.open("t-0");
  CHECK(f.produce(*partition, batch(1000, 0)) == ErrorCode::none);
  write_and_sync(*partition);
  REQUIRE(partition->high_watermark() == Offset{1});

  f.files.set_space(2500);
  std::vector<ErrorCode> told;
  for (int i = 1; i <= 4; ++i) {
    const auto result = partition->produce(batch(1000, i), kVersion, f.clock.wall()).value();
    REQUIRE(result.error == ErrorCode::none);
    partition->when_committed(result.end, Instant::max(), [&](ErrorCode e) { told.push_back(e); });
  }
  write_and_sync(*partition);
  CHECK(told == std::vector<ErrorCode>(4, kNoSpace));
  CHECK(partition->high_watermark() == Offset{1});
  CHECK(partition->log().log_end() == Offset{1});
  CHECK(f.directory.online());
  CHECK(f.directory.level() == SpaceLevel::exhausted);
  CHECK(f.produce(*partition, batch(1000, 1)) == kNoSpace);

  f.files.set_space(10 * kMiB);
  f.directory.check();
  CHECK(f.produce(*partition, batch(1000, 1)) == ErrorCode::none);
  write_and_sync(*partition);
  CHECK(partition->high_watermark() == Offset{2});
}

TEST_CASE("log directory: a failed sync takes all its partitions offline; what is synced is read",
          "[broker][space]") {
  Fixture f;
  auto one = f.open("one-0");
  auto other = f.open("other-0");
  REQUIRE(f.produce(*one, batch(10)) == ErrorCode::none);
  write_and_sync(*one);
  REQUIRE(f.produce(*one, batch(10)) == ErrorCode::none);
  REQUIRE(f.produce(*other, batch(10)) == ErrorCode::none);
  ErrorCode told = ErrorCode::none;
  other->when_committed(Offset{1}, Instant::max(), [&](ErrorCode e) { told = e; });
  f.files.fail_call(1, sim::FileCall::sync);
  write_and_sync(*one);
  REQUIRE_FALSE(f.directory.online());
  const auto why = f.directory.failure();
  REQUIRE(why);
  CHECK(why->where == "one-0-0");
  CHECK(why->since == f.clock.wall());
  write_and_sync(*other);
  CHECK(told == ErrorCode::kafka_storage_error);
  const auto refused = other->produce(batch(10), kVersion, f.clock.wall()).value();
  CHECK(refused.error == ErrorCode::kafka_storage_error);
  CHECK_THAT(refused.message, Catch::Contains("/data") && Catch::Contains("one-0"));
  REQUIRE(one->readable_at(Offset{0}));
  const auto read = one->log().read({.from = Offset{0},
                                     .limit = one->high_watermark(),
                                     .bytes_max = 1000,
                                     .whole_first_batch = true});
  REQUIRE(read.has_value());
  CHECK(read->next == Offset{1});
}

TEST_CASE("log directory: one file that may not grow is no reason to take it offline",
          "[broker][space]") {
  Fixture f;
  auto partition = f.open("t-0");
  partition->log_failed({EFBIG, boost::system::generic_category()});
  CHECK(f.directory.online());
}

}  // namespace
}  // namespace millrace::broker
