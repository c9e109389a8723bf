#include "protocol/record/batch.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "protocol/record/builder.hpp"
#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::from_hex;
using test::kGoldenTime;

std::vector<std::byte> small_batch(std::string_view value) {
  BatchBuilder builder;
  builder.add(kGoldenTime, std::nullopt, as_bytes(value));
  return builder.build().value();
}

std::vector<std::byte> joined(std::initializer_list<std::vector<std::byte>> parts) {
  std::vector<std::byte> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_CASE("batch: the fields of another implementation's batch are read", "[protocol][record]") {
  const auto bytes = from_hex(golden::kBatch_transactional);
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.size_bytes() == bytes.size());
  CHECK(batch.crc_ok());
  CHECK(batch.header() == BatchHeader{
                              .base_offset = Offset{0},
                              .leader_epoch = LeaderEpoch{0},
                              .transactional = true,
                              .last_offset_delta = 2,
                              .base_timestamp = kGoldenTime,
                              .max_timestamp = Timestamp{kGoldenTime.value + 1500},
                              .producer_id = ProducerId{4242},
                              .producer_epoch = ProducerEpoch{7},
                              .base_sequence = Sequence{2147483646},
                              .record_count = 3,
                          });
  CHECK(batch.last_sequence() == Sequence{0});  // wrapped
  CHECK(batch.last_offset() == Offset{2});
  CHECK(batch.next_offset() == Offset{3});
  CHECK_FALSE(batch.is_control());
  CHECK_FALSE(batch.delete_horizon());
  CHECK(batch.records_section().size() == bytes.size() - kBatchHeaderBytes);
}

TEST_CASE("batch: what is none on the wire is nothing here", "[protocol][record]") {
  const auto bytes = small_batch("v");
  const BatchView batch = parse_batch(bytes).value();
  CHECK_FALSE(batch.leader_epoch());
  CHECK_FALSE(batch.producer_id());
  CHECK_FALSE(batch.producer_epoch());
  CHECK_FALSE(batch.base_sequence());
  CHECK_FALSE(batch.last_sequence());
}

TEST_CASE("batch: sealing a header writes the bytes it was read from", "[protocol][record]") {
  for (const auto hex : {golden::kBatch_none, golden::kBatch_zstd, golden::kBatch_transactional}) {
    const auto original = from_hex(hex);
    auto copy = original;
    std::fill_n(copy.begin(), kBatchHeaderBytes, std::byte{0xee});
    seal_batch(copy, parse_batch(original).value().header());
    CHECK(copy == original);
  }
}

TEST_CASE("batch: every cut of a batch is called truncated", "[protocol][record]") {
  const auto bytes = from_hex(golden::kBatch_none);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE(parse_batch(Bytes{bytes}.first(size)).error() == Errc::truncated);
  }
}

TEST_CASE("batch: no flipped bit that the checksum covers goes unnoticed", "[protocol][record]") {
  for (const auto hex : {golden::kBatch_none, golden::kBatch_lz4}) {
    auto bytes = from_hex(hex);
    for (std::size_t at = 17; at < bytes.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        bytes[at] ^= static_cast<std::byte>(1 << bit);
        REQUIRE_FALSE(parse_batch(bytes).value().crc_ok());
        bytes[at] ^= static_cast<std::byte>(1 << bit);
      }
    CHECK(parse_batch(bytes).value().crc_ok());
  }
}

TEST_CASE("batch: a length that no batch can have is refused", "[protocol][record]") {
  auto bytes = small_batch("v");
  for (const std::int32_t length : {INT32_MIN, -1, 0, 14, 48}) {
    store_be(bytes.data() + 8, length);
    CHECK(parse_batch(bytes).error() == Errc::bad_length);
  }
  for (const std::int32_t length : {1000, INT32_MAX}) {
    store_be(bytes.data() + 8, length);
    CHECK(parse_batch(bytes).error() == Errc::truncated);
  }
}

TEST_CASE("batch: other formats are told apart before anything else", "[protocol][record]") {
  CHECK(parse_batch(from_hex(golden::kSet0_none)).error() == Errc::bad_magic);
  CHECK(parse_batch(from_hex(golden::kSet1_gzip)).error() == Errc::bad_magic);
  auto bytes = small_batch("v");
  bytes[16] = std::byte{3};
  CHECK(parse_batch(bytes).error() == Errc::bad_magic);
}

TEST_CASE("batch run: batches come one after the other and a cut-off tail is left out",
          "[protocol][record]") {
  const auto a = small_batch("first");
  const auto b = small_batch("the second");
  const auto c = small_batch("third");
  const auto all = joined({a, b, c});
  for (std::size_t size = 0; size <= all.size(); ++size) {
    BatchRun run{Bytes{all}.first(size)};
    std::size_t seen = 0;
    std::size_t count = 0;
    for (const BatchView batch : run) {
      seen += batch.size_bytes();
      ++count;
    }
    const std::size_t expected = size == all.size()            ? 3
                                 : size >= a.size() + b.size() ? 2
                                 : size >= a.size()            ? 1
                                                               : 0;
    CAPTURE(size);
    REQUIRE(count == expected);
    REQUIRE_FALSE(run.error().failed());
    REQUIRE(run.tail_bytes() == size - seen);
  }
}

TEST_CASE("batch run: damage ends the walk and is told", "[protocol][record]") {
  auto all = joined({small_batch("first"), small_batch("second")});
  const std::size_t second = small_batch("first").size();
  all[second + 16] = std::byte{9};
  BatchRun run{all};
  REQUIRE(run.next());
  CHECK_FALSE(run.next());
  CHECK(run.error() == Errc::bad_magic);
  CHECK(run.tail_bytes() == all.size() - second);
  CHECK_FALSE(run.next());
}

TEST_CASE("batch patches: offset and epoch do not disturb the checksum", "[protocol][record]") {
  auto bytes = from_hex(golden::kBatch_snappy);
  patch_base_offset_and_epoch(bytes, Offset{1'000'000'007}, LeaderEpoch{12});
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.crc_ok());
  CHECK(batch.base_offset() == Offset{1'000'000'007});
  CHECK(batch.last_offset() == Offset{1'000'000'009});
  CHECK(batch.leader_epoch() == LeaderEpoch{12});
  CHECK(batch.offset_of(1) == Offset{1'000'000'008});
}

TEST_CASE("batch patches: append time is every record's time, and can be taken back",
          "[protocol][record]") {
  auto bytes = from_hex(golden::kBatch_none);
  patch_append_time(bytes, Timestamp{77});
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.crc_ok());
  CHECK(batch.timestamp_type() == TimestampType::log_append_time);
  CHECK(batch.max_timestamp() == Timestamp{77});
  CHECK(batch.timestamp_of(1500) == Timestamp{77});
  patch_max_timestamp(bytes, Timestamp{kGoldenTime.value + 1500});
  CHECK(bytes == from_hex(golden::kBatch_none));
  CHECK(batch.timestamp_of(1500) == Timestamp{kGoldenTime.value + 1500});
}

TEST_CASE("batch: sums of hostile fields wrap instead of overflowing", "[protocol][record]") {
  auto bytes = small_batch("v");
  store_be(bytes.data(), INT64_MAX);
  store_be(bytes.data() + 23, INT32_MAX);
  store_be(bytes.data() + 27, INT64_MAX);
  store_be(bytes.data() + 53, INT32_MAX);
  const BatchView batch = parse_batch(bytes).value();
  CHECK(batch.last_offset().value < 0);
  CHECK(batch.timestamp_of(INT64_MAX).value == -2);
  CHECK(batch.last_sequence() == Sequence{INT32_MAX - 1});
}

TEST_CASE("batch: a header prints as a sentence", "[protocol][record]") {
  std::ostringstream out;
  out << parse_batch(from_hex(golden::kBatch_gzip)).value().header();
  CHECK(out.str() ==
        "batch base_offset=0 last_offset_delta=2 records=3 codec=gzip create_time leader_epoch=0 "
        "base_timestamp=1700000000000 max_timestamp=1700000001500 producer_id=none "
        "producer_epoch=none base_sequence=none");
}

}  // namespace
}  // namespace millrace::protocol
