#include "broker/produce_queue.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "broker/partition.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/record/builder.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/record.hpp"
#include "tests/support/clock.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::broker {
namespace {

using protocol::BatchBuilder;
using protocol::Codec;
using protocol::ErrorCode;

constexpr Timestamp kNow{1'700'000'000'000};
constexpr Timestamp kLater{1'700'000'000'500};
constexpr std::int16_t kVersion = 9;

struct NoDamage final : log::DamageSink {
  void damaged(const log::Damage& damage) override { FAIL(damage); }
};

struct Batch {
  std::string name;  // the value of its only record
  Codec codec = Codec::none;
  std::optional<BatchBuilder::Producer> producer = std::nullopt;
};

SharedBytes bytes_of(const Batch& batch) {
  BatchBuilder builder{{.codec = batch.codec, .producer = batch.producer}};
  builder.add(kNow, as_bytes("k"), as_bytes(batch.name));
  return SharedBytes::copy_of(builder.build().value());
}

/// A partition whose topic wants lz4, with the handler's part of produce and a pool that runs when
/// told.
struct Line {
  sim::MemoryFiles files;
  NoDamage sink;
  sim::SimClock clock;
  LogDirectory directory{files, clock, "/", {}};
  std::unique_ptr<Partition> partition;
  std::vector<std::string> told;  // "name: offset" or "name: error", in the order of telling
  std::optional<PrepareWork> out;
  int direct = 0;  // batches that took no detour

  static PartitionSettings lz4_topic() {
    PartitionSettings settings;
    settings.rules.target_codec = Codec::lz4;
    return settings;
  }
  explicit Line(const PartitionSettings& settings = lz4_topic()) {
    auto opened = log::PartitionLog::open(files, "t-0", settings.log, kNow, sink);
    REQUIRE(opened.has_value());
    partition =
        std::make_unique<Partition>(TopicPartition{"t", PartitionIndex{0}}, TopicId{},
                                    LeaderEpoch{3}, settings, std::move(opened->log), directory);
  }
  void tell(const std::string& name, const ProduceResult& result) {
    told.push_back(name + ": " +
                   (result.error == ErrorCode::none
                        ? std::to_string(result.base_offset.value)
                        : std::string{protocol::to_string(result.error)}));
  }
  void send(const std::string& name, SharedBytes records) {
    const auto result = partition->produce(records.view(), kVersion, kNow);
    if (result) {
      ++direct;
      return tell(name, *result);
    }
    partition->produce_later(std::move(records), kVersion, kNow,
                             [this, name](const ProduceResult& later) { tell(name, later); });
    prepare();
  }
  void send(const Batch& batch) { send(batch.name, bytes_of(batch)); }
  void prepare() {
    if (auto work = partition->take_prepare()) {
      REQUIRE_FALSE(out);
      out = std::move(*work);
    }
  }
  /// The pool thread has done its work.
  bool come_back() {
    REQUIRE(out);
    auto verdicts = std::exchange(out, std::nullopt)->run();
    const bool appended = partition->prepared(std::move(verdicts), kLater);
    prepare();
    return appended;
  }
  struct Stored {
    std::vector<std::string> names;
    std::vector<Codec> codecs;
  };
  /// What is in the log, from its beginning.
  Stored stored() {
    REQUIRE(partition->log().write());
    Stored all;
    Offset at{0};
    while (at < partition->log().log_end()) {
      const auto got = partition->log().read({at, partition->log().log_end(), 1 << 20, true});
      REQUIRE(got.has_value());
      const auto bytes = got->batches.flatten();
      for (const auto batch : protocol::BatchRun{bytes}) {
        CHECK(batch.crc_ok());
        all.codecs.push_back(batch.codec());
        const auto section =
            protocol::decompress(batch.codec(), batch.records_section(), 8 << 20).value();
        protocol::RecordReader reader{section, batch.record_count()};
        while (reader.left() > 0)
          all.names.emplace_back(as_text(reader.next().value().value.value_or(Bytes{})));
      }
      at = got->next;
    }
    return all;
  }
};

using Names = std::vector<std::string>;

TEST_CASE("produce queue: what needs no rebuilding takes no detour", "[broker][produce_queue]") {
  Line line;
  line.send({"a", Codec::lz4});
  line.send({"b", Codec::lz4});
  CHECK(line.direct == 2);
  CHECK_FALSE(line.out);
  CHECK(line.told == Names{"a: 0", "b: 1"});
}

TEST_CASE("produce queue: a light batch does not overtake a heavy one", "[broker][produce_queue]") {
  Line line;
  line.send({"a", Codec::lz4});
  line.send({"b", Codec::none});  // to be compressed
  line.send({"c", Codec::lz4});   // could be appended at once
  line.send({"d", Codec::gzip});
  CHECK(line.direct == 1);
  CHECK(line.told == Names{"a: 0"});
  CHECK(line.partition->log().log_end() == Offset{1});
  CHECK(line.come_back());  // "b" went alone
  CHECK(line.told == Names{"a: 0", "b: 1"});
  CHECK(line.come_back());  // the others lined up meanwhile
  CHECK_FALSE(line.out);
  line.send({"e", Codec::lz4});
  CHECK(line.direct == 2);
  CHECK(line.told == Names{"a: 0", "b: 1", "c: 2", "d: 3", "e: 4"});
  const auto stored = line.stored();
  CHECK(stored.names == Names{"a", "b", "c", "d", "e"});
  CHECK(stored.codecs == std::vector<Codec>(5, Codec::lz4));
}

TEST_CASE("produce queue: a refused batch leaves those around it alone",
          "[broker][produce_queue]") {
  Line line;
  auto settings = Line::lz4_topic();
  settings.rules.compacted = true;
  line.partition->set_settings(settings);
  line.send({"a"});
  line.send({"b"});
  BatchBuilder keyless;
  keyless.add(kNow, std::nullopt, as_bytes("x"));
  line.send("keyless", SharedBytes::copy_of(keyless.build().value()));
  const auto sound = bytes_of({"y"});
  std::vector<std::byte> broken{sound.view().begin(), sound.view().end()};
  broken.back() ^= std::byte{1};
  line.send("broken", SharedBytes::copy_of(broken));
  line.send({"c"});
  line.come_back();
  line.come_back();
  CHECK(line.told ==
        Names{"a: 0", "b: 1", "keyless: INVALID_RECORD", "broken: CORRUPT_MESSAGE", "c: 2"});
  CHECK(line.stored().names == Names{"a", "b", "c"});
}

TEST_CASE("produce queue: sequences are judged in the order in which batches came",
          "[broker][produce_queue]") {
  Line line;
  const auto producer = [](std::int32_t sequence) {
    return BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{sequence}};
  };
  line.send({"a", Codec::none, producer(0)});
  line.send({"b", Codec::lz4, producer(1)});
  line.send({"a again", Codec::none, producer(0)});  // sent twice, and the first is not done yet
  line.send({"gap", Codec::none, producer(3)});
  line.send({"c", Codec::none, producer(2)});
  line.come_back();
  line.come_back();
  CHECK(line.told ==
        Names{"a: 0", "b: 1", "a again: 0", "gap: OUT_OF_ORDER_SEQUENCE_NUMBER", "c: 2"});
  CHECK(line.stored().names == Names{"a", "b", "c"});
}

TEST_CASE("produce queue: a partition that goes away answers what is in line, and takes no more",
          "[broker][produce_queue]") {
  Line line;
  line.send({"a"});
  line.send({"b"});
  line.partition->retire(ErrorCode::unknown_topic_or_partition);
  CHECK(line.told == Names{"a: UNKNOWN_TOPIC_OR_PARTITION", "b: UNKNOWN_TOPIC_OR_PARTITION"});
  CHECK_FALSE(line.come_back());  // the pool knows nothing of it
  CHECK_FALSE(line.out);
  CHECK(line.told.size() == 2);
  CHECK(line.partition->log().log_end() == Offset{0});
  line.partition->produce_later(bytes_of({"c"}), kVersion, kNow,
                                [&](const ProduceResult& result) { line.tell("c", result); });
  line.send({"d"});
  CHECK(line.told.size() == 4);
  CHECK(line.told.back() == "d: NOT_LEADER_OR_FOLLOWER");
}

TEST_CASE("produce queue: a log that fails meanwhile appends nothing of it",
          "[broker][produce_queue]") {
  Line line;
  line.send({"a", Codec::lz4});
  line.send({"b"});
  line.send({"c"});
  line.files.fail_call(1, sim::FileCall::write);
  line.partition->write();
  REQUIRE(line.partition->offline());
  line.come_back();
  line.come_back();
  CHECK(line.told == Names{"a: 0", "b: KAFKA_STORAGE_ERROR", "c: KAFKA_STORAGE_ERROR"});
}

TEST_CASE("produce queue: a full disk takes back what is in the log, and batches in line go on",
          "[broker][produce_queue]") {
  Line line;
  const auto producer = [](std::int32_t sequence) {
    return BatchBuilder::Producer{ProducerId{7}, ProducerEpoch{0}, Sequence{sequence}};
  };
  line.send({"a", Codec::lz4, producer(0)});
  line.partition->write();
  line.send({"b", Codec::lz4, producer(1)});
  line.send({"c", Codec::none, producer(2)});
  line.send({"x", Codec::none});
  line.files.set_space(0);
  line.partition->write();  // "b" was never there
  REQUIRE(line.partition->log().log_end() == Offset{1});
  line.files.set_space(std::nullopt);
  line.directory.check();
  CHECK_FALSE(line.come_back());
  CHECK(line.come_back());
  CHECK(line.told == Names{"a: 0", "b: 1", "c: OUT_OF_ORDER_SEQUENCE_NUMBER", "x: 1"});
  line.send({"b", Codec::lz4, producer(1)});
  CHECK(line.stored().names == Names{"a", "x", "b"});
}

TEST_CASE("produce queue: what is built is in memory by a few batches at a time",
          "[broker][produce_queue]") {
  PartitionSettings settings;
  settings.rules.target_codec = Codec::none;
  Line line{settings};
  const std::string zeros(std::size_t{900} << 10, '0');  // four are less than 4 MiB, five are more
  line.send({zeros, Codec::zstd});
  for (int i = 0; i < 12; ++i) line.send({zeros, Codec::zstd});
  std::vector<std::int64_t> ends;
  while (line.out) {
    line.come_back();
    ends.push_back(line.partition->log().log_end().value);
  }
  CHECK(ends == std::vector<std::int64_t>{1, 6, 11, 13});
  CHECK(line.stored().names == Names(13, zeros));
}

TEST_CASE("produce queue: batches keep the rules under which they came",
          "[broker][produce_queue]") {
  Line line;
  line.send({"a"});
  auto settings = Line::lz4_topic();
  settings.rules.target_codec = Codec::zstd;
  settings.rules.timestamp_type = protocol::TimestampType::log_append_time;
  settings.log.timestamp_type = protocol::TimestampType::log_append_time;
  line.partition->set_settings(settings);
  line.send({"b"});
  line.come_back();
  line.come_back();
  CHECK(line.stored().codecs == std::vector{Codec::lz4, Codec::zstd});
  const auto bytes =
      line.partition->log().read({Offset{0}, Offset{2}, 1 << 20, true})->batches.flatten();
  std::vector<Timestamp> times;
  for (const auto batch : protocol::BatchRun{bytes}) times.push_back(batch.max_timestamp());
  CHECK(times == std::vector{kNow, kLater});  // "b" has the time of its append
}

TEST_CASE("produce queue: a batch that decompresses to much is looked at elsewhere",
          "[broker][produce_queue]") {
  Line line{{}};
  const std::string zeros(protocol::kLightBytesMax + 1, '0');
  line.send({zeros, Codec::zstd});
  REQUIRE(line.out);
  CHECK(line.direct == 0);
  line.come_back();
  CHECK(line.stored().names == Names{zeros});
  line.send({std::string(1000, '0'), Codec::zstd});
  CHECK(line.direct == 1);
}

TEST_CASE(
    "produce queue: whatever comes and whenever the pool is done, the order is that of coming",
    "[broker][produce_queue]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    SeededRng rng{seed};
    Line line;
    std::map<int, std::int32_t> sequences;
    Names sent;
    for (int i = 0; i < 40; ++i) {
      if (line.out && rng.chance(1, 3)) {
        line.come_back();
        continue;
      }
      Batch batch{std::to_string(i), static_cast<Codec>(rng.below(5)), {}};
      if (const auto id = static_cast<int>(rng.below(3)); id > 0)
        batch.producer =
            BatchBuilder::Producer{ProducerId{id}, ProducerEpoch{0}, Sequence{sequences[id]++}};
      line.send(batch);
      sent.push_back(batch.name);
    }
    while (line.out) line.come_back();
    CHECK(line.stored().names == sent);
    Names expected;
    for (std::size_t i = 0; i < sent.size(); ++i)
      expected.push_back(sent[i] + ": " + std::to_string(i));
    CHECK(line.told == expected);
  }
}

}  // namespace
}  // namespace millrace::broker
