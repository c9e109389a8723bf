#include "clients/metadata.hpp"

#include <catch2/catch.hpp>

#include "clients/client.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;

namespace {

protocol::MetadataResponse answer(std::int32_t leader, std::int32_t epoch, TopicId id = {}) {
  protocol::MetadataResponse response;
  for (const auto broker : {1, 2}) response.brokers.push_back({.node_id = broker, .host = "h"});
  auto& topic = response.topics.emplace_back();
  topic.name = "t";
  topic.topic_id = id;
  topic.partitions.push_back({.leader_id = leader, .leader_epoch = epoch});
  return response;
}

const TopicPartition kPartition{"t", PartitionIndex{0}};

}  // namespace

TEST_CASE("metadata: a broker that lags behind does not bring back an old leader", "[clients]") {
  MetadataCache cache;
  cache.apply(answer(2, 5), false, Instant{});
  cache.apply(answer(1, 4), false, Instant{});
  CHECK(cache.leader(kPartition) == BrokerId{2});
  cache.apply(answer(1, 6), false, Instant{});
  CHECK(cache.leader(kPartition) == BrokerId{1});
}

TEST_CASE("metadata: a topic made anew begins its epochs anew", "[clients]") {
  MetadataCache cache;
  cache.apply(answer(2, 5, TopicId{{1}}), false, Instant{});
  cache.apply(answer(1, 0, TopicId{{2}}), false, Instant{});
  CHECK(cache.leader(kPartition) == BrokerId{1});
}

TEST_CASE("metadata: a leader told in passing counts when it is newer", "[clients]") {
  MetadataCache cache;
  cache.apply(answer(1, 5), false, Instant{});
  cache.set_leader(kPartition, BrokerId{2}, LeaderEpoch{5});
  CHECK(cache.leader(kPartition) == BrokerId{1});
  cache.set_leader(kPartition, BrokerId{2}, LeaderEpoch{6});
  CHECK(cache.leader(kPartition) == BrokerId{2});
}

TEST_CASE("metadata: no leader is none, and a complete answer forgets what is gone", "[clients]") {
  MetadataCache cache;
  cache.apply(answer(-1, 1), false, Instant{});
  CHECK(cache.partition(kPartition) != nullptr);
  CHECK_FALSE(cache.leader(kPartition));
  cache.apply({}, false, Instant{});
  CHECK(cache.topic("t") != nullptr);
  cache.apply({}, true, Instant{});
  CHECK(cache.topic("t") == nullptr);
}

TEST_CASE("bootstrap: addresses are read with and without port, and nonsense is refused",
          "[clients]") {
  const auto good = parse_bootstrap("one:1, two ,[::1]:3,[::2]");
  REQUIRE(good);
  CHECK(*good == std::vector<net::Endpoint>{{"one", 1}, {"two", 9092}, {"::1", 3}, {"::2", 9092}});
  for (const auto* bad :
       {"", "a:", "a:0", "a:65536", "a:9x", "[::1", "[::1]x", ":1", "a,", "a b"}) {
    INFO(bad);
    CHECK_FALSE(parse_bootstrap(bad));
  }
}
