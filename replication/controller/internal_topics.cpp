#include "replication/controller/internal_topics.hpp"

#include <algorithm>

#include "replication/controller/broker_lists.hpp"
#include "replication/controller/placement.hpp"
#include "replication/controller/reassignment.hpp"

namespace millrace::replication {
namespace {

/// Those that it has and as many of the new ones as are missing, the latter's order for all.
Brokers raised(const Brokers& has_now, const Brokers& placed, std::size_t factor) {
  Brokers kept = has_now;
  for (const BrokerId broker : placed)
    if (kept.size() < factor && !has(kept, broker)) kept.push_back(broker);
  Brokers target;
  for (const BrokerId broker : placed)
    if (has(kept, broker)) target.push_back(broker);
  for (const BrokerId broker : kept)
    if (!has(target, broker)) target.push_back(broker);
  return target;
}

}  // namespace

std::vector<MetadataRecord> raise_internal_topics(const MetadataImage& image,
                                                  const InternalFactors& wanted,
                                                  std::size_t records_max,
                                                  const ConfigRules& rules) {
  std::vector<MetadataRecord> records;
  std::size_t start = 0;
  for (const auto& [name, most] : wanted) {
    const std::size_t factor = std::min(most, brokers_up(image));
    const auto topic = image.topic(std::string_view{name});
    if (!topic || factor == 0) continue;
    const Placement placement{image, factor, start++};
    for (std::int32_t i = 0; i < std::ssize(topic->partitions); ++i) {
      if (records.size() >= records_max) return records;
      const auto& now = topic->partitions[static_cast<std::size_t>(i)];
      const bool moving = !now.adding.empty() || !now.removing.empty();
      if (moving || now.in_sync.empty() || now.replicas.size() >= factor) continue;
      Reassignment wish{.topic = name,
                        .partition = PartitionIndex{i},
                        .replicas = raised(now.replicas, placement.replicas(i), factor)};
      auto outcome = reassign(image, wish, rules);
      std::ranges::move(outcome.records, std::back_inserter(records));
    }
  }
  return records;
}

}  // namespace millrace::replication
