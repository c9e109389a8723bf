#include "replication/controller/placement.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "replication/controller/internal_topics.hpp"
#include "replication/controller/topic_names.hpp"
#include "tests/replication/brokers.hpp"
#include "tests/replication/cluster.hpp"

namespace millrace::replication {
namespace {

TEST_CASE("placement: each broker leads as many as any other, and no replica is twice in one",
          "[replication][placement]") {
  const auto image = with_brokers({{1, ""}, {2, ""}, {3, ""}, {5, ""}, {9, ""}});
  for (std::size_t count = 1; count <= 5; ++count) {
    const Placement placement{*image, count, 3};
    std::map<BrokerId, int> leads;
    std::map<BrokerId, int> holds;
    for (std::int32_t i = 0; i < 20; ++i) {
      const auto replicas = placement.replicas(i);
      REQUIRE(replicas.size() == count);
      CHECK(std::set<BrokerId>(replicas.begin(), replicas.end()).size() == count);
      ++leads[replicas.front()];
      for (const BrokerId id : replicas) ++holds[id];
    }
    for (const auto& [id, broker] : image->brokers()) {
      CHECK(leads[id] == 4);
      CHECK(holds[id] == static_cast<int>(4 * count));
    }
  }
}

TEST_CASE("placement: replicas are on as many racks as there are", "[replication][placement]") {
  // Racks of different sizes, and brokers without one.
  const auto image =
      with_brokers({{1, "a"}, {2, "a"}, {3, "a"}, {4, "b"}, {5, "b"}, {6, "c"}, {7, ""}, {8, "a"}});
  for (std::size_t count = 1; count <= 8; ++count) {
    const Placement placement{*image, count, 1};
    std::map<BrokerId, int> leads;
    for (std::int32_t i = 0; i < 40; ++i) {
      const auto replicas = placement.replicas(i);
      std::map<std::optional<std::string>, int> racks;
      for (const BrokerId id : replicas) ++racks[image->broker(id)->rack];
      CHECK(racks.size() == std::min<std::size_t>(count, 4));
      CHECK(std::set<BrokerId>(replicas.begin(), replicas.end()).size() == count);
      ++leads[replicas.front()];
    }
    for (const auto& [id, broker] : image->brokers()) CHECK(leads[id] == 5);
  }
}

TEST_CASE("placement: with racks of one size followers are spread evenly too",
          "[replication][placement]") {
  const auto image = with_brokers({{1, "a"}, {2, "a"}, {3, "b"}, {4, "b"}, {5, "c"}, {6, "c"}});
  const Placement placement{*image, 3, 0};
  std::map<BrokerId, int> holds;
  for (std::int32_t i = 0; i < 60; ++i)
    for (const BrokerId id : placement.replicas(i)) ++holds[id];
  for (const auto& [id, broker] : image->brokers()) {
    CHECK(holds[id] >= 25);
    CHECK(holds[id] <= 35);
  }
}

TEST_CASE("placement: brokers that are down or on their way there get nothing",
          "[replication][placement]") {
  auto image = fenced(with_brokers({{1, ""}, {2, ""}, {3, ""}}), 2);
  image = image->with(std::vector{broker_change_record(*image->broker(BrokerId{3}), {}, true)});
  CHECK(brokers_up(*image) == 1);
  const Placement placement{*image, 1, 0};
  for (std::int32_t i = 0; i < 3; ++i) CHECK(placement.replicas(i) == std::vector{BrokerId{1}});
}

/// `__consumer_offsets` as it was made when broker 1 was alone.
ImagePtr made_alone(std::int32_t partitions) {
  std::vector<MetadataRecord> records{topic_record(kOffsetsTopic, kTopic)};
  const PartitionImage alone{
      .replicas = {BrokerId{1}}, .in_sync = {BrokerId{1}}, .leader = BrokerId{1}};
  for (std::int32_t i = 0; i < partitions; ++i)
    records.push_back(partition_record(kTopic, PartitionIndex{i}, alone));
  return with_brokers({{1, ""}})->with(records);
}

ImagePtr joined(const ImagePtr& image, std::int32_t id) {
  return image->with(std::vector{broker_record({.id = BrokerId{id}, .epoch = 1, .fenced = false})});
}

TEST_CASE("internal topics: they get replicas as brokers join, and keep those that they have",
          "[replication][internal_topics]") {
  const Rules rules;
  const InternalFactors wanted{{std::string{kOffsetsTopic}, 3}, {"not there", 3}};
  auto image = made_alone(6);
  CHECK(raise_internal_topics(*image, wanted, 100, rules).empty());
  image = joined(image, 2);
  CHECK(raise_internal_topics(*image, wanted, 4, rules).size() == 4);
  image = image->with(raise_internal_topics(*image, wanted, 100, rules));
  std::map<BrokerId, int> preferred;
  for (const auto& partition : image->topic(kTopic)->partitions) {
    CHECK(partition.replicas.size() == 2);
    CHECK(partition.adding == std::vector{BrokerId{2}});
    CHECK(partition.leader == BrokerId{1});
    CHECK(partition.in_sync == std::vector{BrokerId{1}});
    ++preferred[partition.replicas.front()];
  }
  CHECK(preferred == std::map<BrokerId, int>{{BrokerId{1}, 3}, {BrokerId{2}, 3}});
  // What is under way is not judged again.
  image = joined(joined(image, 3), 4);
  CHECK(raise_internal_topics(*image, wanted, 100, rules).empty());
  // Never more than was asked for.
  auto settled = image->topic(kTopic)->partitions;
  std::vector<MetadataRecord> done;
  for (std::int32_t i = 0; i < 6; ++i) {
    auto partition = settled[static_cast<std::size_t>(i)];
    partition.adding.clear();
    partition.in_sync = partition.replicas;
    done.push_back(partition_record(kTopic, PartitionIndex{i}, partition));
  }
  image = image->with(done);
  image = image->with(raise_internal_topics(*image, wanted, 100, rules));
  for (const auto& partition : image->topic(kTopic)->partitions) {
    CHECK(partition.replicas.size() == 3);
    CHECK(partition.adding.size() == 1);
  }
}

}  // namespace
}  // namespace millrace::replication
