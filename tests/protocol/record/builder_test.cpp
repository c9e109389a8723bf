#include "protocol/record/builder.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/compression.hpp"
#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::from_hex;
using test::kCodecs;
using test::kGoldenTime;
using test::repeat;

/// The records of the golden batches.
void add_golden_records(BatchBuilder& builder) {
  const std::string value = repeat("value ", 50);
  const std::string no_key = repeat("no key ", 20);
  const std::array first{HeaderView{"h1", as_bytes("one")}, HeaderView{"h2", as_bytes("")}};
  const auto odd_bytes = from_hex("00ff");
  const std::array third{HeaderView{"\u00fc", Bytes{odd_bytes}}};
  builder.add(kGoldenTime, as_bytes("key-0"), as_bytes(value), first);
  builder.add(Timestamp{kGoldenTime.value + 1500}, std::nullopt, as_bytes(no_key));
  builder.add(Timestamp{kGoldenTime.value - 70}, as_bytes("tombstone"), std::nullopt, third);
}

TEST_CASE("builder: the batch is the one that another implementation makes", "[protocol][record]") {
  BatchBuilder builder{
      {.producer = BatchBuilder::Producer{ProducerId{4242}, ProducerEpoch{7}, Sequence{2147483646}},
       .transactional = true,
       .leader_epoch = LeaderEpoch{0}}};
  add_golden_records(builder);
  CHECK(builder.build().value() == from_hex(golden::kBatch_transactional));
  CHECK(builder.size_estimate() == from_hex(golden::kBatch_transactional).size());
}

TEST_CASE("builder: what is added is read again, in every codec", "[protocol][record]") {
  SeededRng rng{10};
  for (int round = 0; round < 60; ++round) {
    const Codec codec = kCodecs[rng.below(kCodecs.size())];
    BatchBuilder builder{{.codec = codec, .base_offset = Offset{1000}}};
    std::vector<test::OwnedRecord> records(1 + rng.below(40));
    std::size_t size_max = kBatchHeaderBytes;
    for (auto& record : records) {
      record = test::random_record(rng);
      const auto headers = test::header_views(record);
      const auto key = test::view_of(record.key);
      const auto value = test::view_of(record.value);
      builder.add(record.timestamp, key, value, headers);
      size_max += BatchBuilder::record_size_max(key, value, headers);
    }
    REQUIRE(builder.size_estimate() <= size_max);

    const auto bytes = builder.build().value();
    const BatchView batch = parse_batch(bytes).value();
    REQUIRE(batch.crc_ok());
    REQUIRE(batch.size_bytes() == bytes.size());
    REQUIRE(batch.codec() == codec);
    REQUIRE(static_cast<std::size_t>(batch.record_count()) == records.size());
    REQUIRE(batch.last_offset().value == 999 + static_cast<std::int64_t>(records.size()));
    const auto section = decompress(codec, batch.records_section(), 10'000'000).value();
    REQUIRE(builder.size_estimate() == kBatchHeaderBytes + section.size());
    RecordReader reader{section, batch.record_count()};
    Timestamp max{-1};
    Offset offset{1000};
    for (const auto& record : records) {
      const RecordView view = reader.next().value();
      REQUIRE(batch.offset_of(view.offset_delta) == offset);
      REQUIRE(batch.timestamp_of(view.timestamp_delta) == record.timestamp);
      REQUIRE(view.value.has_value() == record.value.has_value());
      if (record.value) REQUIRE(std::ranges::equal(*view.value, *record.value));
      max = std::max(max, record.timestamp);
      offset = offset.next();
    }
    REQUIRE(reader.next().error() == Errc::end_of_stream);
    REQUIRE(batch.max_timestamp() == max);
  }
}

TEST_CASE("builder: the producer may be set when the batch is about to leave",
          "[protocol][record]") {
  BatchBuilder builder;
  builder.add(kGoldenTime, std::nullopt, as_bytes("v"));
  CHECK_FALSE(parse_batch(builder.build().value()).value().producer_id());
  builder.set_producer(BatchBuilder::Producer{ProducerId{9}, ProducerEpoch{1}, Sequence{50}});
  const auto bytes = builder.build().value();
  CHECK(parse_batch(bytes).value().producer_id() == ProducerId{9});
  CHECK(parse_batch(bytes).value().base_sequence() == Sequence{50});
  CHECK(parse_batch(bytes).value().crc_ok());
}

TEST_CASE("builder: records without a time carry none", "[protocol][record]") {
  BatchBuilder builder;
  builder.add(std::nullopt, std::nullopt, as_bytes("a"));
  builder.add(kGoldenTime, std::nullopt, as_bytes("b"));
  const auto bytes = builder.build().value();
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.base_timestamp() == Timestamp{-1});
  CHECK(batch.max_timestamp() == kGoldenTime);
  RecordReader reader{batch.records_section(), 2};
  CHECK(batch.timestamp_of(reader.next().value().timestamp_delta) == Timestamp{-1});
  CHECK(batch.timestamp_of(reader.next().value().timestamp_delta) == kGoldenTime);
}

TEST_CASE("control batch: a marker takes one offset and has no sequence", "[protocol][record]") {
  for (const auto type : {ControlType::abort, ControlType::commit}) {
    const auto bytes = build_control_batch({.type = type,
                                            .producer_id = ProducerId{77},
                                            .producer_epoch = ProducerEpoch{3},
                                            .coordinator_epoch = 5,
                                            .timestamp = kGoldenTime,
                                            .base_offset = Offset{42},
                                            .leader_epoch = LeaderEpoch{2}});
    const BatchView batch = parse_batch(bytes).value();
    CHECK(batch.crc_ok());
    CHECK(batch.header() == BatchHeader{.base_offset = Offset{42},
                                        .leader_epoch = LeaderEpoch{2},
                                        .transactional = true,
                                        .control = true,
                                        .base_timestamp = kGoldenTime,
                                        .max_timestamp = kGoldenTime,
                                        .producer_id = ProducerId{77},
                                        .producer_epoch = ProducerEpoch{3},
                                        .record_count = 1});
    CHECK(batch.next_offset() == Offset{43});
    RecordReader reader{batch.records_section(), batch.record_count()};
    CHECK(parse_control_record(reader.next().value()).value() ==
          ControlRecord{.type = type, .coordinator_epoch = 5});
    CHECK(reader.next().error() == Errc::end_of_stream);
  }
}

}  // namespace
}  // namespace millrace::protocol
