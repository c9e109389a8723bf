#include "replication/controller/new_partition.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::replication {
namespace {

bool is_up(const MetadataImage& image, BrokerId id) {
  const auto* const broker = image.broker(id);
  return broker != nullptr && broker->may_lead();
}

}  // namespace

std::optional<std::string> replicas_fault(const MetadataImage& image,
                                          const std::vector<BrokerId>& replicas) {
  if (replicas.empty()) return "it names no replica";
  for (const BrokerId broker : replicas) {
    const std::string name = "broker " + std::to_string(broker.value);
    if (image.broker(broker) == nullptr) return name + " is not registered";
    if (std::ranges::count(replicas, broker) > 1) return name + " is named twice";
  }
  return std::nullopt;
}

std::optional<std::string> assignment_fault(const MetadataImage& image,
                                            const std::vector<BrokerId>& replicas) {
  auto fault = replicas_fault(image, replicas);
  const bool someone = std::ranges::any_of(replicas, [&](BrokerId id) { return is_up(image, id); });
  if (!fault && !someone) fault = "none of its brokers is up, or stays so";
  return fault;
}

PartitionImage new_partition(const MetadataImage& image, std::vector<BrokerId> replicas) {
  PartitionImage partition;
  for (const BrokerId id : replicas)
    if (is_up(image, id)) partition.in_sync.push_back(id);
  ENSURE(!partition.in_sync.empty());
  partition.leader = partition.in_sync.front();
  partition.replicas = std::move(replicas);
  return partition;
}

}  // namespace millrace::replication
