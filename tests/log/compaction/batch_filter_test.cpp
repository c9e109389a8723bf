#include "log/compaction/batch_filter.hpp"

#include "tests/log/compaction/compaction_fixture.hpp"

namespace millrace::log {
namespace {

using protocol::Codec;
using protocol::ControlType;
using std::chrono::milliseconds;

constexpr Timestamp kLater{kNow.value + 5000};

/// A batch at offset 100, filtered by a map that has seen the keys given.
class Filter {
 public:
  explicit Filter(std::vector<std::byte> batch, const std::map<std::string, int>& latest = {})
      : batch_{std::move(batch)} {
    protocol::patch_base_offset_and_epoch(batch_, Offset{100}, LeaderEpoch{7});
    for (const auto& [key, offset] : latest) REQUIRE(keys_.put(as_bytes(key), Offset{offset}));
  }
  FilteredBatch run(const BatchRole& role = {}) {
    const auto done = filter_batch(view_of(batch_), role, keys_, rules, buffer_);
    REQUIRE(done.has_value());
    return *done;
  }
  /// Goes on with what came out.
  FilteredBatch keep(const BatchRole& role = {}) {
    auto done = run(role);
    if (!done.bytes.empty()) batch_ = done.bytes;
    return done;
  }
  [[nodiscard]] BatchView view() const { return view_of(batch_); }

  FilterRules rules{
      .now = kLater, .delete_retention = milliseconds{1000}, .covered_end = Offset{1000}};

 private:
  std::vector<std::byte> batch_;
  KeyMap keys_{{1, 2}, {.bytes = 1U << 16, .keys = 100}};
  protocol::DecompressionBuffer buffer_;
};

KeyedBatch three() {
  return {.records = {{"a", "1"}, {"b", "2"}, {"c", "3"}}};
}

TEST_CASE("filter: a batch that keeps everything is not touched", "[log][compaction]") {
  Filter filter{keyed_batch(three()), {{"a", 100}, {"b", 101}, {"c", 50}}};
  const auto done = filter.run();
  CHECK(done.fate == BatchFate::copied);
  CHECK(done.bytes.empty());
  CHECK(done.records_dropped == 0);
}

TEST_CASE("filter: only the latest record of a key stays, in its place and codec",
          "[log][compaction]") {
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    auto spec = three();
    spec.codec = codec;
    spec.producer = BatchBuilder::Producer{ProducerId{9}, ProducerEpoch{2}, Sequence{40}};
    Filter filter{keyed_batch(spec), {{"a", 200}, {"c", 300}}};
    const auto before = filter.view().header();
    const auto done = filter.keep();
    REQUIRE(done.fate == BatchFate::rebuilt);
    CHECK(done.records_dropped == 2);
    REQUIRE(filter.view().crc_ok());
    CHECK(records_of(filter.view()) ==
          std::vector<FoundRecord>{{Offset{101}, Timestamp{kNow.value + 1}, {"b", "2"}}});
    auto expected = before;
    expected.record_count = 1;
    expected.base_timestamp = expected.max_timestamp = Timestamp{kNow.value + 1};
    CHECK(filter.view().header() == expected);
  }
}

TEST_CASE("filter: a record without key goes", "[log][compaction]") {
  Filter filter{keyed_batch({.records = {{std::nullopt, "x"}, {"b", "2"}}})};
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(records_of(filter.view()).front().record == KeyValue{"b", "2"});
  CHECK(Filter{keyed_batch({.records = {{std::nullopt, "x"}}})}.run().fate == BatchFate::dropped);
}

TEST_CASE("filter: a tombstone goes when its horizon has passed", "[log][compaction]") {
  Filter filter{keyed_batch({.records = {{"a", std::nullopt}, {"b", "2"}}})};
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(filter.view().delete_horizon() == Timestamp{kLater.value + 1000});
  CHECK(records_of(filter.view()) ==
        std::vector<FoundRecord>{{Offset{100}, kNow, {"a", std::nullopt}},
                                 {Offset{101}, Timestamp{kNow.value + 1}, {"b", "2"}}});
  CHECK(filter.view().max_timestamp() == Timestamp{kNow.value + 1});
  filter.rules.now = Timestamp{kLater.value + 999};
  CHECK(filter.run().fate == BatchFate::copied);
  filter.rules.now = Timestamp{kLater.value + 1000};
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(records_of(filter.view()) ==
        std::vector<FoundRecord>{{Offset{101}, Timestamp{kNow.value + 1}, {"b", "2"}}});
}

TEST_CASE("filter: a horizon past the end of time is never reached", "[log][compaction]") {
  Filter filter{keyed_batch({.records = {{"a", std::nullopt}}})};
  filter.rules.delete_retention = milliseconds::max();
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(filter.view().delete_horizon()->value == std::numeric_limits<std::int64_t>::max());
  CHECK(records_of(filter.view()).front().timestamp == kNow);
}

TEST_CASE("filter: what lies behind the end of the key map stays", "[log][compaction]") {
  Filter filter{keyed_batch(three()), {{"a", 200}, {"b", 200}, {"c", 200}}};
  filter.rules.covered_end = Offset{100};
  CHECK(filter.run().fate == BatchFate::copied);
  filter.rules.covered_end = Offset{101};
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(records_of(filter.view()).size() == 2);
  // The time of a tombstone does not run before all of its batch is known.
  Filter cut{keyed_batch({.records = {{"a", std::nullopt}, {"b", "2"}}})};
  cut.rules.covered_end = Offset{101};
  CHECK(cut.run().fate == BatchFate::copied);
}

TEST_CASE("filter: of an active producer's last batch the header stays", "[log][compaction]") {
  auto spec = three();
  spec.codec = Codec::zstd;
  spec.producer = BatchBuilder::Producer{ProducerId{9}, ProducerEpoch{2}, Sequence{40}};
  Filter filter{keyed_batch(spec), {{"a", 200}, {"b", 200}, {"c", 200}}};
  CHECK(filter.run().fate == BatchFate::dropped);
  const auto before = filter.view().header();
  REQUIRE(filter.keep({.keeps_producer = true}).fate == BatchFate::emptied);
  CHECK(filter.view().crc_ok());
  CHECK(filter.view().size_bytes() == protocol::kBatchHeaderBytes);
  auto expected = before;
  expected.record_count = 0;
  expected.codec = Codec::none;
  expected.base_timestamp.reset();
  CHECK(filter.view().header() == expected);
  // An empty batch that is still needed stays as it is, and goes when it is not.
  CHECK(filter.run({.keeps_producer = true}).fate == BatchFate::copied);
  CHECK(filter.run().fate == BatchFate::dropped);
}

TEST_CASE("filter: nothing of an aborted transaction stays", "[log][compaction]") {
  Filter filter{keyed_batch(three())};
  CHECK(filter.run({.aborted = true}).fate == BatchFate::dropped);
  CHECK(filter.run({.aborted = true, .keeps_producer = true}).fate == BatchFate::emptied);
}

TEST_CASE("filter: a marker goes in two steps once its data is gone", "[log][compaction]") {
  Filter filter{protocol::build_control_batch({.type = ControlType::commit,
                                               .producer_id = ProducerId{9},
                                               .producer_epoch = ProducerEpoch{2},
                                               .coordinator_epoch = 5,
                                               .timestamp = kNow})};
  CHECK(filter.run().fate == BatchFate::copied);
  REQUIRE(filter.keep({.marker_unneeded = true}).fate == BatchFate::rebuilt);
  CHECK(filter.view().delete_horizon() == Timestamp{kLater.value + 1000});
  CHECK(filter.view().crc_ok());
  const auto records = records_of(filter.view());
  REQUIRE(records.size() == 1);
  CHECK(records.front().timestamp == kNow);
  CHECK(filter.run({.marker_unneeded = true}).fate == BatchFate::copied);
  filter.rules.now = Timestamp{kLater.value + 1000};
  CHECK(filter.run().fate == BatchFate::copied);
  CHECK(filter.run({.marker_unneeded = true}).fate == BatchFate::dropped);
  CHECK(filter.run({.marker_unneeded = true, .keeps_producer = true}).fate == BatchFate::emptied);
}

TEST_CASE("filter: with append time the records keep the batch's time", "[log][compaction]") {
  auto batch = keyed_batch({.records = {{"a", std::nullopt}, {"b", "2"}, {"c", "3"}}});
  protocol::patch_append_time(batch, Timestamp{kNow.value + 77});
  Filter filter{std::move(batch), {{"c", 500}}};
  REQUIRE(filter.keep().fate == BatchFate::rebuilt);
  CHECK(filter.view().max_timestamp() == Timestamp{kNow.value + 77});
  for (const auto& record : records_of(filter.view()))
    CHECK(record.timestamp == Timestamp{kNow.value + 77});
}

TEST_CASE("filter: a batch that cannot be read is an error, not a loss", "[log][compaction]") {
  auto batch = keyed_batch({.records = {{"a", "1"}}, .codec = Codec::gzip});
  batch.back() ^= std::byte{0xff};
  const KeyMap keys{{1, 2}, {.bytes = 100, .keys = 1}};
  protocol::DecompressionBuffer buffer;
  const FilterRules rules{.now = kNow, .covered_end = Offset{1000}};
  CHECK(filter_batch(view_of(batch), {}, keys, rules, buffer).has_error());
}

}  // namespace
}  // namespace millrace::log
