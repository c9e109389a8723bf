#include "broker/transaction/records.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

Transaction a_transaction() {
  return {.producer_id = ProducerId{4000},
          .epoch = ProducerEpoch{7},
          .previous_id = ProducerId{3999},
          .next_id = ProducerId{5000},
          .timeout = std::chrono::milliseconds{60'000},
          .state = TransactionState::prepare_commit,
          .partitions = {{"orders", PartitionIndex{3}},
                         {"orders", PartitionIndex{0}},
                         {"__consumer_offsets", PartitionIndex{49}}},
          .started = Timestamp{1'699'999'999'000},
          .updated = Timestamp{1'700'000'000'000},
          .version = TransactionVersion::v2};
}

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST_CASE("transaction records: what is written is read back", "[broker][transaction]") {
  const auto record = encode_transaction("t", a_transaction());
  CHECK(record.key == bytes_of({0, 0, 0, 1, 't'}));
  const auto decoded = decode_transaction(record.key, Bytes{*record.value});
  REQUIRE(decoded.has_value());
  REQUIRE(decoded->has_value());
  CHECK((*decoded)->transactional_id == "t");
  CHECK((*decoded)->transaction == a_transaction());
  const auto tombstone = encode_transaction("t", std::nullopt);
  CHECK_FALSE(tombstone.value);
  const auto gone = decode_transaction(tombstone.key, std::nullopt);
  REQUIRE(gone.has_value());
  REQUIRE(gone->has_value());
  CHECK_FALSE((*gone)->transaction);
}

TEST_CASE("transaction records: every truncation is damage, later versions are passed over",
          "[broker][transaction]") {
  const auto record = encode_transaction("t", a_transaction());
  for (std::size_t i = 0; i < record.value->size(); ++i)
    REQUIRE(decode_transaction(record.key, Bytes{*record.value}.first(i)).has_error());
  for (std::size_t i = 0; i < record.key.size(); ++i)
    REQUIRE(decode_transaction(Bytes{record.key}.first(i), Bytes{*record.value}).has_error());
  auto later = *record.value;
  later[1] = std::byte{2};
  const auto passed = decode_transaction(record.key, Bytes{later});
  REQUIRE(passed.has_value());
  CHECK_FALSE(*passed);
  auto key = record.key;
  key[1] = std::byte{9};
  const auto other = decode_transaction(key, Bytes{*record.value});
  REQUIRE(other.has_value());
  CHECK_FALSE(*other);
}

TEST_CASE("transaction records: a state that is none is damage", "[broker][transaction]") {
  auto record = encode_transaction("t", a_transaction());
  constexpr std::size_t kStatus = 2 + 8 + 2 + 4;
  REQUIRE((*record.value)[kStatus] == std::byte{2});
  for (const int bad : {6, 7, 100, 255}) {
    (*record.value)[kStatus] = static_cast<std::byte>(bad);
    CHECK(decode_transaction(record.key, Bytes{*record.value}).has_error());
  }
}

}  // namespace
}  // namespace millrace::broker
