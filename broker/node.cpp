#include "broker/node.hpp"

#include "broker/data_directory.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {

Node::Node(World w, config::BrokerConfig c)
    : world{std::move(w)},
      config{std::move(c)},
      settings{config},
      rules{config},
      data_dir{data_directory(config)},
      log_dir{world.files, world.clock, data_dir, settings.space} {}

Node::~Node() = default;

/// Highest random weight: each shard draws a number from the partition and itself, the largest
/// wins.
Shard& Node::owner_of(TopicId topic, PartitionIndex partition) const {
  const auto mix = [](std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  const std::uint64_t key =
      mix(std::hash<Uuid>{}(topic) + static_cast<std::uint64_t>(partition.value));
  std::size_t best = 0;
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::uint64_t weight = mix(key ^ mix(i + 1));
    if (weight >= best_weight) {
      best = i;
      best_weight = weight;
    }
  }
  return *shards[best];
}

}  // namespace millrace::broker
