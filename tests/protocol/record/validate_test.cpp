#include "protocol/record/validate.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "protocol/record/compression.hpp"
#include "protocol/record/record.hpp"
#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using namespace std::chrono_literals;
using test::from_hex;
using test::kCodecs;
using test::kGoldenTime;
using test::reseal;

const Timestamp kNow{kGoldenTime.value + 10'000};

std::vector<std::byte> batch_of(int count, BatchBuilder::Options options = {}) {
  BatchBuilder builder{options};
  for (int i = 0; i < count; ++i)
    builder.add(Timestamp{kGoldenTime.value + i}, as_bytes("key"), as_bytes("some value or other"));
  return builder.build().value();
}

/// A batch whose records have these offset deltas.
std::vector<std::byte> batch_with_deltas(std::initializer_list<std::int32_t> deltas, Codec codec) {
  std::vector<std::byte> section;
  for (const std::int32_t delta : deltas)
    append_record(section, {.offset_delta = delta, .key = as_bytes("k"), .value = as_bytes("v")});
  const auto count = static_cast<std::int32_t>(deltas.size());
  return assemble_batch({.codec = codec,
                         .last_offset_delta = count - 1,
                         .base_timestamp = kGoldenTime,
                         .max_timestamp = kGoldenTime,
                         .record_count = count},
                        compress(codec, section).value());
}

template <class Int>
std::vector<std::byte> with_field(std::vector<std::byte> batch, std::size_t at, Int value) {
  store_be(batch.data() + at, value);
  reseal(batch);
  return batch;
}

Rejection rejection_of(Bytes records, const ProduceRules& rules = {}) {
  auto verdict = validate_produced(records, rules, kNow);
  REQUIRE(std::holds_alternative<Rejection>(verdict));
  auto rejection = std::get<Rejection>(std::move(verdict));
  CHECK_FALSE(rejection.message.empty());
  return rejection;
}

ErrorCode code_of(Bytes records, const ProduceRules& rules = {}) {
  return rejection_of(records, rules).code;
}

Accepted accepted(Bytes records, const ProduceRules& rules = {}) {
  auto verdict = validate_produced(records, rules, kNow);
  if (const auto* const rejection = std::get_if<Rejection>(&verdict)) FAIL(*rejection);
  return std::get<Accepted>(std::move(verdict));
}

/// The offset deltas of the records, decompressed.
std::vector<std::int32_t> deltas_of(const BatchView& batch) {
  const auto section = decompress(batch.codec(), batch.records_section(), 1'000'000).value();
  RecordReader reader{section, batch.record_count()};
  std::vector<std::int32_t> deltas;
  for (;;) {
    const auto record = reader.next();
    if (!record) {
      REQUIRE(record.error() == Errc::end_of_stream);
      return deltas;
    }
    deltas.push_back(record->offset_delta);
  }
}

TEST_CASE("produce rules: a good batch is appended as it is, in every codec",
          "[protocol][record]") {
  for (const auto hex :
       {golden::kBatch_none, golden::kBatch_gzip, golden::kBatch_snappy, golden::kBatch_snappy_raw,
        golden::kBatch_lz4, golden::kBatch_zstd, golden::kBatch_transactional}) {
    const auto bytes = from_hex(hex);
    const Accepted verdict = accepted(bytes);
    CHECK_FALSE(verdict.rebuilt);
    CHECK(verdict.fix == TimestampFix::none);
    CHECK(verdict.record_count == 3);
    CHECK(verdict.max_timestamp == Timestamp{kGoldenTime.value + 1500});
  }
}

TEST_CASE("produce rules: anything but exactly one whole batch is an invalid record",
          "[protocol][record]") {
  const auto one = batch_of(2);
  for (std::size_t size = 0; size < one.size(); ++size)
    REQUIRE(code_of(Bytes{one}.first(size)) == ErrorCode::invalid_record);
  auto two = one;
  two.insert(two.end(), one.begin(), one.end());
  CHECK(code_of(two) == ErrorCode::invalid_record);
  two.resize(one.size() + 1);
  CHECK(code_of(two) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: old formats are an invalid record", "[protocol][record]") {
  CHECK(code_of(from_hex(golden::kSet0_none)) == ErrorCode::invalid_record);
  CHECK(code_of(from_hex(golden::kSet1_gzip)) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: zstd needs version 7 of the request", "[protocol][record]") {
  const auto bytes = batch_of(1, {.codec = Codec::zstd});
  CHECK(code_of(bytes, {.produce_version = 6}) == ErrorCode::unsupported_compression_type);
  accepted(bytes, {.produce_version = 7});
  accepted(batch_of(1, {.codec = Codec::lz4}), {.produce_version = 3});
}

TEST_CASE("produce rules: the base offset of a producer is 0", "[protocol][record]") {
  CHECK(code_of(batch_of(1, {.base_offset = Offset{1}})) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: a batch may be as large as the topic says and no larger",
          "[protocol][record]") {
  const auto bytes = batch_of(5);
  const auto size = static_cast<std::int32_t>(bytes.size());
  accepted(bytes, {.max_message_bytes = size});
  CHECK(code_of(bytes, {.max_message_bytes = size - 1}) == ErrorCode::message_too_large);
  accepted(bytes, {.segment_bytes = size});
  CHECK(code_of(bytes, {.segment_bytes = size - 1}) == ErrorCode::record_list_too_large);
}

TEST_CASE("produce rules: damage is a corrupt message, whichever bit it hit",
          "[protocol][record]") {
  auto bytes = from_hex(golden::kBatch_snappy);
  for (std::size_t at = 17; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      REQUIRE(code_of(bytes) == ErrorCode::corrupt_message);
      bytes[at] ^= static_cast<std::byte>(1 << bit);
    }
  store_be(bytes.data() + 8, std::int32_t{48});
  CHECK(code_of(bytes) == ErrorCode::corrupt_message);
}

TEST_CASE("produce rules: the checks come in the protocol's order", "[protocol][record]") {
  auto bytes = batch_of(2);
  bytes.back() ^= std::byte{1};
  CHECK(code_of(bytes, {.max_message_bytes = 10}) == ErrorCode::message_too_large);
  store_be(bytes.data(), std::int64_t{7});
  CHECK(code_of(bytes, {.max_message_bytes = 10}) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: a codec without a name is not supported", "[protocol][record]") {
  for (std::int16_t codec = 5; codec <= 7; ++codec)
    CHECK(code_of(with_field(batch_of(1), 21, codec)) == ErrorCode::unsupported_compression_type);
}

TEST_CASE("produce rules: the record count must agree with the offsets", "[protocol][record]") {
  const auto bytes = batch_of(3);
  CHECK(code_of(with_field(bytes, 57, std::int32_t{0})) == ErrorCode::invalid_record);
  CHECK(code_of(with_field(bytes, 57, std::int32_t{-1})) == ErrorCode::invalid_record);
  CHECK(code_of(with_field(bytes, 57, std::int32_t{4})) == ErrorCode::invalid_record);
  CHECK(code_of(with_field(bytes, 23, std::int32_t{-1})) == ErrorCode::invalid_record);
  CHECK(code_of(with_field(bytes, 23, INT32_MAX)) == ErrorCode::invalid_record);
  // Both changed alike: the section has one record fewer than they say.
  auto both = with_field(bytes, 23, std::int32_t{3});
  CHECK(code_of(with_field(both, 57, std::int32_t{4})) == ErrorCode::invalid_record);
  both = with_field(bytes, 23, std::int32_t{1});
  CHECK(code_of(with_field(both, 57, std::int32_t{2})) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: control batches are for brokers", "[protocol][record]") {
  CHECK(code_of(build_control_batch({.producer_id = ProducerId{1}})) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: a producer id comes with a sequence", "[protocol][record]") {
  const BatchBuilder::Producer producer{ProducerId{5}, ProducerEpoch{0}, Sequence{0}};
  const auto bytes = batch_of(1, {.producer = producer});
  accepted(bytes);
  CHECK(code_of(with_field(bytes, 53, std::int32_t{-1})) == ErrorCode::invalid_record);
  CHECK(code_of(batch_of(1, {.transactional = true})) == ErrorCode::invalid_record);
}

TEST_CASE("produce rules: a compacted topic wants keys and names the records without",
          "[protocol][record]") {
  for (const Codec codec : kCodecs) {
    BatchBuilder builder{{.codec = codec}};
    for (int i = 0; i < 4; ++i)
      builder.add(kGoldenTime, i % 2 == 1 ? std::optional<Bytes>{} : as_bytes(""), as_bytes("v"));
    const auto bytes = builder.build().value();
    accepted(bytes, {.compacted = false});
    const auto rejection = rejection_of(bytes, {.compacted = true});
    CHECK(rejection.code == ErrorCode::invalid_record);
    REQUIRE(rejection.records.size() == 2);
    CHECK(rejection.records[0].index == 1);
    CHECK(rejection.records[1].index == 3);
  }
}

TEST_CASE("produce rules: timestamps lie within the topic's window, ends included",
          "[protocol][record]") {
  const ProduceRules rules{.before_max = 1000ms, .after_max = 500ms};
  const auto at = [](std::int64_t distance) {
    BatchBuilder builder;
    builder.add(Timestamp{kNow.value + distance}, std::nullopt, as_bytes("v"));
    return builder.build().value();
  };
  accepted(at(0), rules);
  accepted(at(-1000), rules);
  accepted(at(500), rules);
  CHECK(code_of(at(-1001), rules) == ErrorCode::invalid_timestamp);
  const auto rejection = rejection_of(at(501), rules);
  CHECK(rejection.code == ErrorCode::invalid_timestamp);
  REQUIRE(rejection.records.size() == 1);
  CHECK(rejection.records[0].index == 0);

  auto by_append = rules;
  by_append.timestamp_type = TimestampType::log_append_time;
  accepted(at(-1'000'000), by_append);
  accepted(at(-1'000'000'000'000));  // no limits by default
  accepted(at(1'000'000'000'000));
}

TEST_CASE("produce rules: a record without a time is in no window", "[protocol][record]") {
  BatchBuilder builder;
  builder.add(std::nullopt, std::nullopt, as_bytes("v"));
  const auto verdict = accepted(builder.build().value(), {.before_max = 1ms, .after_max = 1ms});
  CHECK(verdict.max_timestamp == Timestamp{-1});
}

TEST_CASE("produce rules: a timestamp at fault outweighs a missing key", "[protocol][record]") {
  BatchBuilder builder;
  builder.add(kNow, std::nullopt, as_bytes("no key"));
  builder.add(kGoldenTime, as_bytes("k"), as_bytes("too old"));
  const auto rejection =
      rejection_of(builder.build().value(), {.compacted = true, .before_max = 1ms});
  CHECK(rejection.code == ErrorCode::invalid_timestamp);
  CHECK(rejection.records.size() == 2);
}

TEST_CASE("produce rules: the list of records at fault has a bound", "[protocol][record]") {
  BatchBuilder builder;
  for (int i = 0; i < 10'000; ++i) builder.add(kNow, std::nullopt, as_bytes("v"));
  const auto rejection = rejection_of(builder.build().value(), {.compacted = true});
  CHECK(rejection.records.size() == kRecordErrorsMax);
  CHECK(rejection.message.starts_with("10000 of 10000 records"));
}

TEST_CASE("produce rules: append time is the broker's to set", "[protocol][record]") {
  auto bytes = batch_of(2);
  const ProduceRules by_append{.timestamp_type = TimestampType::log_append_time};
  const Accepted verdict = accepted(bytes, by_append);
  CHECK(verdict.fix == TimestampFix::append_time);
  CHECK(verdict.max_timestamp == kNow);
  CHECK_FALSE(verdict.rebuilt);
  apply_fix(verdict, bytes);
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.crc_ok());
  CHECK(batch.timestamp_type() == TimestampType::log_append_time);
  CHECK(batch.max_timestamp() == kNow);
  // Sent back as it is now, it comes from a producer that set the bit itself.
  const auto rejection = rejection_of(bytes, by_append);
  CHECK(rejection.code == ErrorCode::invalid_timestamp);
  CHECK(rejection.records.size() == 2);
}

TEST_CASE("produce rules: on a create time topic the append time bit is cleared or refused",
          "[protocol][record]") {
  auto bytes = batch_of(2);
  patch_append_time(bytes, Timestamp{-1});
  CHECK(code_of(bytes) == ErrorCode::invalid_timestamp);
  patch_append_time(bytes, kNow);
  const Accepted verdict = accepted(bytes);
  CHECK(verdict.fix == TimestampFix::max_timestamp);
  apply_fix(verdict, bytes);
  CHECK(bytes == batch_of(2));
}

TEST_CASE("produce rules: a wrong max timestamp is put right", "[protocol][record]") {
  for (const Codec codec : kCodecs) {
    const auto right = batch_of(3, {.codec = codec});
    auto wrong = with_field(right, 35, std::int64_t{12});
    const Accepted verdict = accepted(wrong);
    CHECK(verdict.fix == TimestampFix::max_timestamp);
    CHECK(verdict.max_timestamp == Timestamp{kGoldenTime.value + 2});
    apply_fix(verdict, wrong);
    CHECK(wrong == right);
  }
}

TEST_CASE("produce rules: offset deltas that are not 0, 1, 2 are renumbered",
          "[protocol][record]") {
  for (const Codec codec : kCodecs) {
    CAPTURE(codec);
    const auto bytes = batch_with_deltas({0, 5, 5, -3}, codec);
    const Accepted verdict = accepted(bytes);
    REQUIRE(verdict.rebuilt);
    CHECK(verdict.fix == TimestampFix::none);
    const BatchView batch = parse_batch(*verdict.rebuilt).value();
    CHECK(batch.crc_ok());
    CHECK(batch.codec() == codec);
    CHECK(deltas_of(batch) == std::vector<std::int32_t>{0, 1, 2, 3});
    CHECK(batch.header() == parse_batch(bytes).value().header());
  }
}

TEST_CASE("produce rules: the topic's codec replaces the producer's", "[protocol][record]") {
  for (const Codec from : kCodecs)
    for (const Codec to : kCodecs)
      for (const auto type : {TimestampType::create_time, TimestampType::log_append_time}) {
        CAPTURE(from, to, type);
        const BatchBuilder::Producer producer{ProducerId{5}, ProducerEpoch{1}, Sequence{9}};
        const auto bytes = batch_of(30, {.codec = from, .producer = producer});
        const Accepted verdict =
            accepted(bytes, {.timestamp_type = type, .target_codec = to, .target_level = 1});
        CHECK(verdict.record_count == 30);
        REQUIRE(verdict.rebuilt.has_value() == (from != to));
        if (!verdict.rebuilt) continue;
        const BatchView batch = parse_batch(*verdict.rebuilt).value();
        CHECK(batch.crc_ok());
        auto expected = parse_batch(bytes).value().header();
        expected.codec = to;
        expected.timestamp_type = type;
        expected.max_timestamp = verdict.max_timestamp;
        CHECK(batch.header() == expected);
        const auto original = parse_batch(bytes).value();
        CHECK(decompress(to, batch.records_section(), 100'000).value() ==
              decompress(from, original.records_section(), 100'000).value());
      }
}

TEST_CASE("produce rules: a batch that grew in another codec is measured again",
          "[protocol][record]") {
  const auto bytes = batch_of(100, {.codec = Codec::zstd});
  const auto size = static_cast<std::int32_t>(bytes.size());
  accepted(bytes, {.max_message_bytes = size});
  CHECK(code_of(bytes, {.max_message_bytes = size, .target_codec = Codec::none}) ==
        ErrorCode::message_too_large);
  CHECK(code_of(bytes, {.segment_bytes = size, .target_codec = Codec::none}) ==
        ErrorCode::record_list_too_large);
}

TEST_CASE("produce rules: records are not decompressed past the bound", "[protocol][record]") {
  BatchBuilder builder{{.codec = Codec::gzip}};
  const std::vector<std::byte> zeros(1'000'000);
  builder.add(kGoldenTime, std::nullopt, zeros);
  const auto bytes = builder.build().value();
  accepted(bytes, {.decompressed_bytes_max = 1'000'100});
  CHECK(code_of(bytes, {.decompressed_bytes_max = 999'999}) == ErrorCode::message_too_large);
}

TEST_CASE("produce rules: a light look gives the same verdict or none", "[protocol][record]") {
  const ProduceRules as_sent;
  const auto plain = batch_of(3);
  REQUIRE(validate_lightly(plain, as_sent, kNow));
  CHECK(std::holds_alternative<Accepted>(*validate_lightly(plain, as_sent, kNow)));
  for (const Codec codec : kCodecs) {
    CAPTURE(codec);
    const auto batch = batch_of(3, {.codec = codec});
    CHECK(validate_lightly(batch, as_sent, kNow));
    // In the topic's codec already, and in another one.
    CHECK(validate_lightly(batch, {.target_codec = codec}, kNow));
    const Codec other = codec == Codec::lz4 ? Codec::gzip : Codec::lz4;
    CHECK_FALSE(validate_lightly(batch, {.target_codec = other}, kNow));
    CHECK_FALSE(validate_lightly(batch_with_deltas({0, 2, 1}, codec), as_sent, kNow));
  }
  // What is refused by its header is refused at once, whatever else there is to do.
  auto damaged = batch_of(3, {.codec = Codec::gzip});
  damaged.back() ^= std::byte{1};
  const auto refused = validate_lightly(damaged, {.target_codec = Codec::lz4}, kNow);
  REQUIRE(refused);
  CHECK(std::get<Rejection>(*refused).code == ErrorCode::corrupt_message);
}

TEST_CASE("produce rules: a light look stops where much comes out", "[protocol][record]") {
  const auto holding = [](std::size_t bytes) {
    BatchBuilder builder{{.codec = Codec::zstd}};
    builder.add(kGoldenTime, as_bytes("k"), as_bytes(std::string(bytes, '0')));
    return builder.build().value();
  };
  CHECK(validate_lightly(holding(kLightBytesMax - 100), {}, kNow));
  const auto large = holding(kLightBytesMax + 1);
  CHECK_FALSE(validate_lightly(large, {}, kNow));
  CHECK(std::holds_alternative<Accepted>(validate_produced(large, {}, kNow)));
  // A bound below that is the topic's own, and the verdict on it is final.
  const auto refused = validate_lightly(large, {.decompressed_bytes_max = 1000}, kNow);
  REQUIRE(refused);
  CHECK(std::get<Rejection>(*refused).code == ErrorCode::message_too_large);
}

TEST_CASE("produce rules: records that do not decompress are invalid", "[protocol][record]") {
  for (std::int16_t codec = 1; codec <= 4; ++codec) {
    const auto rejection = rejection_of(with_field(batch_of(2), 21, codec));
    CHECK(rejection.code == ErrorCode::invalid_record);
    CHECK(rejection.records.empty());
  }
}

TEST_CASE("produce rules: a malformed record is named", "[protocol][record]") {
  auto bytes = batch_of(1);
  bytes.back() = std::byte{0x02};  // one header, which is not there
  reseal(bytes);
  const auto rejection = rejection_of(bytes);
  CHECK(rejection.code == ErrorCode::invalid_record);
  REQUIRE(rejection.records.size() == 1);
  CHECK(rejection.records[0].index == 0);
}

TEST_CASE("produce rules: no byte of a sealed batch can do harm", "[protocol][record]") {
  SeededRng rng{11};
  const ProduceRules rules{.compacted = true,
                           .before_max = 1h,
                           .after_max = 1h,
                           .target_codec = Codec::lz4,
                           .decompressed_bytes_max = 100'000};
  for (const auto hex : {golden::kBatch_none, golden::kBatch_gzip, golden::kBatch_snappy,
                         golden::kBatch_snappy_raw, golden::kBatch_lz4, golden::kBatch_zstd}) {
    auto bytes = from_hex(hex);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const std::byte before = bytes[at];
      bytes[at] = static_cast<std::byte>(rng.next());
      reseal(bytes);
      for (const ProduceRules& each : {ProduceRules{}, rules}) {
        const auto verdict = validate_produced(bytes, each, kNow);
        if (const auto* const good = std::get_if<Accepted>(&verdict); good && good->rebuilt) {
          const auto again = validate_produced(*good->rebuilt, each, kNow);
          REQUIRE(std::holds_alternative<Accepted>(again));
          REQUIRE_FALSE(std::get<Accepted>(again).rebuilt);
        }
      }
      bytes[at] = before;
    }
  }
}

}  // namespace
}  // namespace millrace::protocol
