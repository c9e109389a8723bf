#include "broker/quorum/metadata_codec.hpp"

#include <catch2/catch.hpp>

#include "protocol/base/rng.hpp"
#include "replication/controller/image_records.hpp"
#include "replication/controller/records.hpp"

namespace millrace::broker {
namespace {

using replication::BrokerImage;
using replication::MetadataImage;
using replication::MetadataRecord;
using replication::PartitionImage;

std::vector<std::string> texts(const MetadataImage& image) {
  std::vector<std::string> all;
  for (const auto& record : replication::records_of(image))
    all.push_back(record.SerializeAsString());
  return all;
}

/// Something of everything that an image holds.
replication::ImagePtr rich_image() {
  SeededRng rng{3};
  const auto orders = rng.uuid();
  BrokerImage broker{.id = BrokerId{2},
                     .epoch = 17,
                     .incarnation = rng.uuid(),
                     .directory = rng.uuid(),
                     .rack = "r1",
                     .endpoints = {{"PLAINTEXT", "h", 9092, "PLAINTEXT"}},
                     .fenced = false,
                     .shutting_down = true};
  const PartitionImage partition{.replicas = {BrokerId{2}, BrokerId{1}},
                                 .in_sync = {BrokerId{2}},
                                 .leader = std::nullopt,
                                 .leader_epoch = LeaderEpoch{4},
                                 .adding = {BrokerId{1}},
                                 .removing = {BrokerId{2}},
                                 .eligible = {BrokerId{1}},
                                 .last_leader = BrokerId{2},
                                 .recovering = true,
                                 .partition_epoch = 9};
  const std::vector<MetadataRecord> records{
      replication::topic_record("orders", orders),
      replication::partition_record(orders, PartitionIndex{0}, partition),
      replication::partition_record(orders, PartitionIndex{1}, partition),
      replication::topic_config_record("orders", "retention.ms", "5"),
      replication::topic_record("other", rng.uuid()),
      replication::broker_config_record("", "log.retention.ms", "6"),
      replication::broker_config_record("2", "log.retention.ms", "7"),
      replication::group_config_record("g", "consumer.session.timeout.ms", "8"),
      replication::producer_ids_record(BrokerId{2}, 3000),
      replication::broker_record(broker),
  };
  return MetadataImage{}.with(records);
}

TEST_CASE("metadata codec: a snapshot is the image it was taken of", "[broker]") {
  const auto image = rich_image();
  const auto pieces = snapshot_pieces(*image);
  const auto again = image_of(pieces);
  REQUIRE(again.has_value());
  CHECK(texts(**again) == texts(*image));
  CHECK((*again)->brokers() == image->brokers());
  CHECK((*again)->topic("orders")->partitions == image->topic("orders")->partitions);
  CHECK((*again)->topic("orders")->configs == image->topic("orders")->configs);
  CHECK((*again)->topic("other") != nullptr);
  CHECK((*again)->broker_configs("2") == image->broker_configs("2"));
  CHECK((*again)->group_configs("g") == image->group_configs("g"));
  CHECK((*again)->next_producer_id() == 3000);
}

TEST_CASE("metadata codec: a snapshot of nothing is nothing", "[broker]") {
  const auto pieces = snapshot_pieces(MetadataImage{});
  CHECK(pieces.empty());
  const auto image = image_of(pieces);
  REQUIRE(image.has_value());
  CHECK((*image)->topics().empty());
}

TEST_CASE("metadata codec: bytes that are no change are told", "[broker]") {
  std::vector<MetadataRecord> records;
  CHECK(decode_batch("\x0a\xff", records).has_error());
}

}  // namespace
}  // namespace millrace::broker
