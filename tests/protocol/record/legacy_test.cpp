#include "protocol/record/legacy.hpp"

#include <catch2/catch.hpp>

#include "protocol/checksum/crc32.hpp"
#include "protocol/record/compression.hpp"
#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::bytes_of;
using test::from_hex;
using test::kGoldenTime;
using test::repeat;

constexpr std::size_t kPlenty = 1'000'000;

struct Written {
  std::int64_t offset = 0;
  std::int8_t magic = 1;
  std::uint8_t attributes = 0;
  std::int64_t timestamp = -1;
  std::optional<std::vector<std::byte>> key;
  std::optional<std::vector<std::byte>> value;
};

template <class Int>
void put(std::vector<std::byte>& to, Int value) {
  to.resize(to.size() + sizeof value);
  store_be(to.data() + to.size() - sizeof value, value);
}

std::vector<std::byte> entry(const Written& message) {
  std::vector<std::byte> bytes;
  put(bytes, message.offset);
  put(bytes, std::int32_t{0});
  put(bytes, std::uint32_t{0});
  put(bytes, message.magic);
  put(bytes, message.attributes);
  if (message.magic == 1) put(bytes, message.timestamp);
  for (const auto* part : {&message.key, &message.value}) {
    put(bytes, *part ? static_cast<std::int32_t>((*part)->size()) : -1);
    if (*part) bytes.insert(bytes.end(), (*part)->begin(), (*part)->end());
  }
  store_be(bytes.data() + 8, static_cast<std::int32_t>(bytes.size() - 12));
  store_be(bytes.data() + 12, crc32(Bytes{bytes}.subspan(16)));
  return bytes;
}

std::vector<std::byte> joined(std::initializer_list<std::vector<std::byte>> parts) {
  std::vector<std::byte> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<std::byte> inner(std::int64_t offset, std::int64_t timestamp = -1) {
  return entry({.offset = offset, .timestamp = timestamp, .value = bytes_of("inner")});
}

std::vector<std::byte> wrapper(Written outer, const std::vector<std::byte>& set) {
  outer.attributes |= static_cast<std::uint8_t>(Codec::gzip);
  outer.value = compress(Codec::gzip, set).value();
  return entry(outer);
}

void check_golden_message(const LegacyMessage& message, int i, int magic) {
  CHECK(message.offset == Offset{i});
  if (magic == 0)
    CHECK_FALSE(message.timestamp);
  else
    CHECK(message.timestamp == Timestamp{kGoldenTime.value + i});
  REQUIRE(message.key.has_value() == (i != 1));
  if (message.key) CHECK(as_text(*message.key) == "key-" + std::to_string(i));
  CHECK(as_text(message.value.value()) == repeat("value ", static_cast<std::size_t>(10 + i)));
}

TEST_CASE("message set: another implementation's messages are read", "[protocol][record]") {
  for (const auto& [magic, hex] :
       {std::pair{0, golden::kSet0_none}, std::pair{1, golden::kSet1_none}}) {
    const auto bytes = from_hex(hex);
    CHECK(detect_magic(bytes) == magic);
    Bytes rest{bytes};
    for (int i = 0; i < 3; ++i) {
      const auto parsed = parse_legacy_entry(rest, kPlenty);
      REQUIRE(parsed.has_value());
      CHECK(parsed->magic() == magic);
      CHECK(parsed->codec() == Codec::none);
      REQUIRE(parsed->messages().size() == 1);
      check_golden_message(parsed->messages().front(), i, magic);
      rest = rest.subspan(parsed->size_bytes());
    }
    CHECK(rest.empty());
    CHECK(parse_legacy_entry(rest, kPlenty).error() == Errc::truncated);
  }
}

TEST_CASE("message set: compressed entries are unpacked, in every codec they had",
          "[protocol][record]") {
  const std::array sets{std::tuple{0, Codec::gzip, golden::kSet0_gzip},
                        std::tuple{0, Codec::snappy, golden::kSet0_snappy},
                        std::tuple{0, Codec::lz4, golden::kSet0_lz4},
                        std::tuple{1, Codec::gzip, golden::kSet1_gzip},
                        std::tuple{1, Codec::snappy, golden::kSet1_snappy},
                        std::tuple{1, Codec::lz4, golden::kSet1_lz4}};
  for (const auto& [magic, codec, hex] : sets) {
    CAPTURE(magic, codec);
    const auto bytes = from_hex(hex);
    auto parsed = parse_legacy_entry(bytes, kPlenty);
    REQUIRE(parsed.has_value());
    const LegacyEntry moved = *std::move(parsed);
    CHECK(moved.codec() == codec);
    CHECK(moved.size_bytes() == bytes.size());
    REQUIRE(moved.messages().size() == 3);
    for (int i = 0; i < 3; ++i)
      check_golden_message(moved.messages()[static_cast<std::size_t>(i)], i, magic);
  }
}

TEST_CASE("message set: relative offsets end at the wrapper's", "[protocol][record]") {
  const auto bytes = wrapper({.offset = 1009}, joined({inner(0), inner(1), inner(9)}));
  const auto parsed = parse_legacy_entry(bytes, kPlenty);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->messages().size() == 3);
  CHECK(parsed->messages()[0].offset == Offset{1000});
  CHECK(parsed->messages()[1].offset == Offset{1001});
  CHECK(parsed->messages()[2].offset == Offset{1009});
}

TEST_CASE("message set: offsets inside a wrapper of magic 0 are absolute", "[protocol][record]") {
  const auto old = entry({.offset = 500, .magic = 0, .value = bytes_of("v")});
  const auto parsed = parse_legacy_entry(wrapper({.offset = 500, .magic = 0}, old), kPlenty);
  REQUIRE(parsed.has_value());
  CHECK(parsed->messages().front().offset == Offset{500});
}

TEST_CASE("message set: append time is the wrapper's for all inside", "[protocol][record]") {
  const auto set = joined({inner(0, 5), inner(1, 6)});
  const auto created = wrapper({.offset = 1, .timestamp = 6}, set);
  const auto appended = wrapper({.offset = 1, .attributes = 8, .timestamp = 99}, set);
  const auto by_creation = parse_legacy_entry(created, kPlenty);
  const auto by_append = parse_legacy_entry(appended, kPlenty);
  REQUIRE(by_creation.has_value());
  REQUIRE(by_append.has_value());
  CHECK(by_creation->messages()[0].timestamp == Timestamp{5});
  CHECK(by_creation->messages()[0].timestamp_type == TimestampType::create_time);
  CHECK(by_append->messages()[0].timestamp == Timestamp{99});
  CHECK(by_append->messages()[1].timestamp == Timestamp{99});
  CHECK(by_append->messages()[1].timestamp_type == TimestampType::log_append_time);
}

TEST_CASE("message set: nonsense inside a wrapper is corruption", "[protocol][record]") {
  const auto error_of = [](const std::vector<std::byte>& bytes) {
    return parse_legacy_entry(bytes, kPlenty).error();
  };
  const Written outer{.offset = 10};
  CHECK(error_of(wrapper(outer, {})) == Errc::corrupt_batch);
  CHECK(error_of(wrapper(outer, joined({inner(1), inner(0)}))) == Errc::corrupt_batch);
  CHECK(error_of(wrapper(outer, joined({inner(0), inner(0)}))) == Errc::corrupt_batch);
  CHECK(error_of(wrapper(outer, inner(-1))) == Errc::corrupt_batch);
  CHECK(error_of(wrapper(outer, wrapper({.offset = 0}, inner(0)))) == Errc::corrupt_batch);
  auto cut = inner(0);
  cut.pop_back();
  CHECK(error_of(wrapper(outer, cut)) == Errc::corrupt_batch);
  CHECK(error_of(wrapper(outer, entry({.magic = 0}))) == Errc::corrupt_batch);
  CHECK(error_of(entry({.attributes = 1})) == Errc::corrupt_batch);  // compressed null
  CHECK(error_of(entry({.attributes = 4, .value = bytes_of("zstd")})) == Errc::unsupported_codec);
  CHECK(error_of(entry({.attributes = 1, .value = bytes_of("not gzip")})) ==
        Errc::decompression_failed);
  const auto large = wrapper(outer, entry({.value = std::vector<std::byte>(kPlenty + 1)}));
  CHECK(error_of(large) == Errc::decompressed_too_large);
}

TEST_CASE("message set: extremes of offsets do no harm", "[protocol][record]") {
  const auto high = wrapper({.offset = INT64_MAX}, joined({inner(0), inner(INT64_MAX)}));
  const auto parsed = parse_legacy_entry(high, kPlenty);
  REQUIRE(parsed.has_value());
  CHECK(parsed->messages()[1].offset == Offset{INT64_MAX});
  const auto low = wrapper({.offset = INT64_MIN}, inner(3));
  REQUIRE(parse_legacy_entry(low, kPlenty).has_value());
}

TEST_CASE("message set: every cut is truncated and every flipped bit is noticed",
          "[protocol][record]") {
  for (const auto hex : {golden::kSet0_lz4, golden::kSet1_snappy}) {
    auto bytes = from_hex(hex);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      REQUIRE(parse_legacy_entry(Bytes{bytes}.first(size), kPlenty).error() == Errc::truncated);
    for (std::size_t at = 8; at < bytes.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        bytes[at] ^= static_cast<std::byte>(1 << bit);
        REQUIRE(parse_legacy_entry(bytes, kPlenty).has_error());
        bytes[at] ^= static_cast<std::byte>(1 << bit);
      }
  }
}

TEST_CASE("message set: a record batch is told apart", "[protocol][record]") {
  const auto bytes = from_hex(golden::kBatch_none);
  CHECK(detect_magic(bytes) == 2);
  CHECK(parse_legacy_entry(bytes, kPlenty).error() == Errc::bad_magic);
  CHECK_FALSE(detect_magic(Bytes{bytes}.first(16)));
}

}  // namespace
}  // namespace millrace::protocol
