#include "clients/fetch_decode.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/builder.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;

namespace {

using Data = protocol::FetchResponse::FetchableTopicResponse::PartitionData;
const auto kSource = std::make_shared<const TopicPartition>(TopicPartition{"t", PartitionIndex{0}});

struct Stream {
  std::vector<std::byte> bytes;
  std::int64_t end = 0;

  void put(std::vector<std::byte> batch) {
    protocol::patch_base_offset_and_epoch(batch, Offset{end}, LeaderEpoch{3});
    end = protocol::parse_batch(batch)->next_offset().value;
    bytes.insert(bytes.end(), batch.begin(), batch.end());
  }
  void records(std::vector<std::string> values, std::optional<std::int64_t> producer = {},
               protocol::Codec codec = protocol::Codec::none) {
    protocol::BatchBuilder builder{{.codec = codec, .transactional = producer.has_value()}};
    if (producer) {
      builder.set_producer(
          protocol::BatchBuilder::Producer{ProducerId{*producer}, ProducerEpoch{0}, Sequence{0}});
    }
    for (const auto& value : values) builder.add(Timestamp{100}, as_bytes("k"), as_bytes(value));
    put(*builder.build());
  }
  void marker(protocol::ControlType type, std::int64_t producer) {
    put(protocol::build_control_batch(
        {.type = type, .producer_id = ProducerId{producer}, .timestamp = Timestamp{1}}));
  }
  Data data(std::vector<Data::AbortedTransaction> aborted = {}) const {
    Data data;
    data.aborted_transactions = std::move(aborted);
    data.records = BytesChain{SharedBytes::copy_of(bytes)};
    return data;
  }
};

std::vector<std::string> values(const DecodedPartition& decoded) {
  std::vector<std::string> all;
  for (const auto& batch : decoded.batches) {
    const auto walked = batch.for_each([&](const FetchedBatch::Item& item) {
      all.emplace_back(*batch.to_record(item).value_text());
    });
    REQUIRE(walked);
  }
  return all;
}

DecodedPartition decode(const Data& data, std::int64_t from = 0,
                        Isolation isolation = Isolation::read_committed) {
  return decode_partition(kSource, data, Offset{from},
                          {.isolation = isolation, .decompressed_bytes_max = 1 << 20});
}

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("fetched: records before the position are left out of a batch", "[clients][consumer]") {
  Stream stream;
  stream.records({"a", "b", "c"});
  const auto decoded = decode(stream.data(), 1);
  CHECK(values(decoded) == Values{"b", "c"});
  CHECK(decoded.next_offset == Offset{3});
}

TEST_CASE("fetched: every codec comes out as it went in", "[clients][consumer]") {
  for (const auto codec : {protocol::Codec::none, protocol::Codec::gzip, protocol::Codec::snappy,
                           protocol::Codec::lz4, protocol::Codec::zstd}) {
    Stream stream;
    stream.records({"a", std::string(1000, 'b')}, {}, codec);
    CHECK(values(decode(stream.data())) == Values{"a", std::string(1000, 'b')});
  }
}

TEST_CASE("fetched: read_committed drops an aborted transaction and nothing else of its producer",
          "[clients][consumer]") {
  Stream stream;
  stream.records({"early"}, 5);                     // 0, committed
  stream.marker(protocol::ControlType::commit, 5);  // 1
  stream.records({"gone"}, 5);                      // 2, aborted
  stream.records({"other"}, 6);                     // 3, of another producer
  stream.records({"plain"});                        // 4
  stream.marker(protocol::ControlType::abort, 5);   // 5
  stream.records({"late"}, 5);                      // 6
  stream.marker(protocol::ControlType::commit, 6);  // 7
  const auto data = stream.data({{.producer_id = 5, .first_offset = 2}});
  const auto committed = decode(data);
  CHECK(values(committed) == Values{"early", "other", "plain", "late"});
  CHECK(committed.next_offset == Offset{8});  // past the markers too
  const auto all = decode(data, 0, Isolation::read_uncommitted);
  CHECK(values(all) == Values{"early", "gone", "other", "plain", "late"});
}

TEST_CASE("fetched: a flipped bit is told, with what was whole before it", "[clients][consumer]") {
  Stream stream;
  stream.records({"good"});
  const auto at = stream.bytes.size();
  stream.records({"bad"});
  stream.bytes[at + protocol::kBatchHeaderBytes + 2] ^= std::byte{1};
  const auto decoded = decode(stream.data());
  CHECK(values(decoded) == Values{"good"});
  CHECK(decoded.next_offset == Offset{1});
  REQUIRE(decoded.error);
  CHECK(decoded.error->code == Errc::corrupt_data);
}

TEST_CASE("fetched: a batch cut off at the end waits for the next fetch", "[clients][consumer]") {
  Stream stream;
  stream.records({"whole"});
  stream.records({"cut"});
  stream.bytes.pop_back();
  const auto decoded = decode(stream.data());
  CHECK(values(decoded) == Values{"whole"});
  CHECK(decoded.next_offset == Offset{1});
  CHECK_FALSE(decoded.error);
}
