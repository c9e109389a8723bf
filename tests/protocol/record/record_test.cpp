#include "protocol/record/record.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/batch.hpp"
#include "protocol/record/compression.hpp"
#include "protocol/record/control.hpp"
#include "protocol/record/varint.hpp"
#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::bytes_of;
using test::from_hex;
using test::kGoldenTime;
using test::repeat;

ErrorInfo first_error(Bytes section, std::int32_t count) {
  RecordReader reader{section, count};
  for (;;)
    if (const auto record = reader.next(); !record) return record.error();
}

std::vector<std::byte> with_length(std::vector<std::byte> body) {
  std::vector<std::byte> record;
  append_varint(record, static_cast<std::int32_t>(body.size()));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

TEST_CASE("varint: the published examples", "[protocol][record]") {
  const auto encoded = [](std::int32_t v) {
    std::vector<std::byte> bytes;
    append_varint(bytes, v);
    return bytes;
  };
  CHECK(encoded(0) == from_hex("00"));
  CHECK(encoded(-1) == from_hex("01"));
  CHECK(encoded(1) == from_hex("02"));
  CHECK(encoded(63) == from_hex("7e"));
  CHECK(encoded(-64) == from_hex("7f"));
  CHECK(encoded(64) == from_hex("8001"));
  CHECK(encoded(INT32_MAX) == from_hex("feffffff0f"));
  CHECK(encoded(INT32_MIN) == from_hex("ffffffff0f"));
  std::vector<std::byte> longest;
  append_varlong(longest, INT64_MIN);
  CHECK(longest == from_hex("ffffffffffffffffff01"));
}

TEST_CASE("varint: what is written is read, and its size was known", "[protocol][record]") {
  SeededRng rng{3};
  for (int i = 0; i < 20'000; ++i) {
    const auto wide =
        static_cast<std::int64_t>(rng.next() >> rng.below(64)) * (i % 2 == 0 ? 1 : -1);
    const auto narrow = static_cast<std::int32_t>(wide);
    std::vector<std::byte> bytes;
    append_varint(bytes, narrow);
    REQUIRE(bytes.size() == varint_size(narrow));
    append_varlong(bytes, wide);
    REQUIRE(bytes.size() == varint_size(narrow) + varlong_size(wide));
    VarintCursor cursor{bytes};
    REQUIRE(cursor.varint() == narrow);
    REQUIRE(cursor.varlong() == wide);
    REQUIRE(cursor.ok());
    REQUIRE(cursor.left() == 0);
  }
}

TEST_CASE("varint: too long, too large and cut off are told apart", "[protocol][record]") {
  const auto narrow = [](std::string_view hex) {
    const auto bytes = from_hex(hex);
    VarintCursor cursor{bytes};
    cursor.varint();
    return cursor.ok() ? "good" : cursor.hit_end() ? "end" : "malformed";
  };
  const auto wide = [](std::string_view hex) {
    const auto bytes = from_hex(hex);
    VarintCursor cursor{bytes};
    cursor.varlong();
    return cursor.ok() ? "good" : cursor.hit_end() ? "end" : "malformed";
  };
  CHECK(narrow("ffffffff0f") == std::string_view{"good"});
  CHECK(narrow("8080808000") == std::string_view{"good"});  // wasteful, but it means 0
  CHECK(narrow("ffffffff1f") == std::string_view{"malformed"});
  CHECK(narrow("ffffffff8f") == std::string_view{"malformed"});
  CHECK(narrow("ffffffff8f01") == std::string_view{"malformed"});
  CHECK(narrow("ffffffff") == std::string_view{"end"});
  CHECK(narrow("") == std::string_view{"end"});
  CHECK(wide("ffffffffffffffffff01") == std::string_view{"good"});
  CHECK(wide("ffffffffffffffffff03") == std::string_view{"malformed"});
  CHECK(wide("ffffffffffffffffff8100") == std::string_view{"malformed"});
  CHECK(wide("ffffffffffffffffff") == std::string_view{"end"});
}

TEST_CASE("record reader: another implementation's records are read, in every codec",
          "[protocol][record]") {
  for (const auto hex : {golden::kBatch_none, golden::kBatch_gzip, golden::kBatch_snappy,
                         golden::kBatch_snappy_raw, golden::kBatch_lz4, golden::kBatch_zstd}) {
    const auto bytes = from_hex(hex);
    const BatchView batch = parse_batch(bytes).value();
    CAPTURE(batch.codec());
    REQUIRE(batch.crc_ok());
    const auto section = decompress(batch.codec(), batch.records_section(), 10'000).value();
    RecordReader reader{section, batch.record_count()};

    const RecordView first = reader.next().value();
    CHECK(batch.offset_of(first.offset_delta) == Offset{0});
    CHECK(batch.timestamp_of(first.timestamp_delta) == kGoldenTime);
    CHECK(as_text(first.key.value()) == "key-0");
    CHECK(as_text(first.value.value()) == repeat("value ", 50));
    REQUIRE(first.headers.size() == 2);
    auto header = first.headers.begin();
    CHECK(*header == HeaderView{"h1", as_bytes("one")});
    ++header;
    CHECK(*header == HeaderView{"h2", as_bytes("")});
    ++header;
    CHECK(header == first.headers.end());

    const RecordView second = reader.next().value();
    CHECK(batch.timestamp_of(second.timestamp_delta).value == kGoldenTime.value + 1500);
    CHECK_FALSE(second.key);
    CHECK(second.headers.empty());
    CHECK(second.headers.begin() == second.headers.end());

    const RecordView third = reader.next().value();
    CHECK(third.offset_delta == 2);
    CHECK(third.timestamp_delta == -70);
    CHECK_FALSE(third.value);
    CHECK(*third.headers.begin() == HeaderView{"\u00fc", Bytes{from_hex("00ff")}});

    CHECK(reader.left() == 0);
    CHECK(reader.next().error() == Errc::end_of_stream);
  }
}

TEST_CASE("record reader: every cut of the section is noticed", "[protocol][record]") {
  const auto bytes = from_hex(golden::kBatch_none);
  const Bytes section = Bytes{bytes}.subspan(kBatchHeaderBytes);
  for (std::size_t size = 0; size < section.size(); ++size)
    REQUIRE(first_error(section.first(size), 3) == Errc::truncated);
  CHECK(first_error(section, 3) == Errc::end_of_stream);
}

TEST_CASE("record reader: the count of the header must be that of the section",
          "[protocol][record]") {
  const auto bytes = from_hex(golden::kBatch_none);
  const Bytes section = Bytes{bytes}.subspan(kBatchHeaderBytes);
  CHECK(first_error(section, 2) == Errc::trailing_bytes);
  CHECK(first_error(section, 4) == Errc::truncated);
  CHECK(first_error(section, 0) == Errc::trailing_bytes);
  CHECK(first_error(section, -1) == Errc::bad_length);
  CHECK(first_error({}, 0) == Errc::end_of_stream);
  CHECK(first_error({}, INT32_MAX) == Errc::truncated);
}

TEST_CASE("record reader: a malformed body has its reason", "[protocol][record]") {
  // attributes, timestamp delta, offset delta, key null, value null, no headers
  CHECK(first_error(with_length(from_hex("000000010100")), 1) == Errc::end_of_stream);
  CHECK(first_error(with_length(from_hex("00000001010000")), 1) == Errc::trailing_bytes);
  CHECK(first_error(with_length(from_hex("0000000101")), 1) == Errc::truncated);
  CHECK(first_error(with_length({}), 1) == Errc::truncated);
  CHECK(first_error(with_length(from_hex("000000030100")), 1) == Errc::bad_length);  // key of -2
  CHECK(first_error(with_length(from_hex("000000010300")), 1) == Errc::bad_length);  // value of -2
  CHECK(first_error(with_length(from_hex("000000040100")), 1) == Errc::truncated);
  CHECK(first_error(with_length(from_hex("000000010101")), 1) == Errc::bad_length);  // -1 headers
  CHECK(first_error(with_length(from_hex("000000010102")), 1) ==
        Errc::bad_length);  // 1, none there
  CHECK(first_error(with_length(from_hex("0000000101020101")), 1) == Errc::bad_length);  // null key
  CHECK(first_error(with_length(from_hex("0000000101020003")), 1) == Errc::bad_length);
  CHECK(first_error(with_length(from_hex("0000000101020001")), 1) == Errc::end_of_stream);
  CHECK(first_error(with_length(from_hex("00ffffffffffffffffff7f00010100")), 1) ==
        Errc::bad_varint);
  CHECK(first_error(from_hex("ffffffff7f"), 1) == Errc::bad_varint);
  CHECK(first_error(from_hex("01"), 1) == Errc::bad_length);  // length -1
  // A count of two thousand million headers in a handful of bytes.
  CHECK(first_error(with_length(from_hex("0000000101feffffff0f0001")), 1) == Errc::bad_length);
}

TEST_CASE("record: what is written is read again, and its size was known", "[protocol][record]") {
  SeededRng rng{4};
  for (int i = 0; i < 2'000; ++i) {
    const auto owned = test::random_record(rng);
    const auto headers = test::header_views(owned);
    const RecordFields fields{.timestamp_delta = static_cast<std::int64_t>(rng.next()),
                              .offset_delta = static_cast<std::int32_t>(rng.next()),
                              .key = test::view_of(owned.key),
                              .value = test::view_of(owned.value),
                              .headers = headers};
    std::vector<std::byte> section;
    append_record(section, fields);
    REQUIRE(section.size() == record_size(fields));
    RecordReader reader{section, 1};
    const RecordView record = reader.next().value();
    REQUIRE(record.timestamp_delta == fields.timestamp_delta);
    REQUIRE(record.offset_delta == fields.offset_delta);
    REQUIRE(record.key.has_value() == owned.key.has_value());
    if (owned.key) REQUIRE(std::ranges::equal(*record.key, *owned.key));
    REQUIRE(record.value.has_value() == owned.value.has_value());
    if (owned.value) REQUIRE(std::ranges::equal(*record.value, *owned.value));
    REQUIRE(static_cast<std::size_t>(record.headers.size()) == headers.size());
    std::size_t at = 0;
    for (const HeaderView& header : record.headers) REQUIRE(header == headers[at++]);

    std::vector<std::byte> copy;
    append_record_with_delta(copy, record, fields.timestamp_delta, fields.offset_delta);
    REQUIRE(copy == section);
  }
}

TEST_CASE("control record: markers of both kinds are told apart", "[protocol][record]") {
  const auto key = from_hex("00000001");
  const auto value = from_hex("000000000011");
  RecordView record{.key = Bytes{key}, .value = Bytes{value}};
  CHECK(parse_control_record(record).value() ==
        ControlRecord{.type = ControlType::commit, .coordinator_epoch = 17});
  const auto newer = from_hex("0009000000aa");  // a version above ours, with more behind it
  record.key = Bytes{newer};
  CHECK(parse_control_record(record).value().type == ControlType::abort);
  const auto other = from_hex("00000002");
  record.key = Bytes{other};
  CHECK(parse_control_record(record).value() == ControlRecord{.type = ControlType::leader_change});
}

TEST_CASE("control record: a key or value that is too short is refused", "[protocol][record]") {
  const auto key = from_hex("00000001");
  const auto value = from_hex("000000000011");
  CHECK(parse_control_record({.value = Bytes{value}}).error() == Errc::truncated);
  CHECK(parse_control_record({.key = Bytes{key}}).error() == Errc::truncated);
  CHECK(parse_control_record({.key = Bytes{key}.first(3), .value = Bytes{value}}).error() ==
        Errc::truncated);
  CHECK(parse_control_record({.key = Bytes{key}, .value = Bytes{value}.first(5)}).error() ==
        Errc::truncated);
}

}  // namespace
}  // namespace millrace::protocol
