#include "clients/metadata.hpp"

#include <algorithm>
#include <set>

namespace millrace::clients {

namespace {

using Response = protocol::MetadataResponse;
using WirePartition = Response::MetadataResponseTopic::MetadataResponsePartition;

std::vector<BrokerId> ids(const std::vector<std::int32_t>& from) {
  std::vector<BrokerId> to;
  to.reserve(from.size());
  for (const auto id : from) to.emplace_back(id);
  return to;
}

PartitionInfo partition_from(const WirePartition& from) {
  PartitionInfo to{.index = PartitionIndex{from.partition_index},
                   .replicas = ids(from.replica_nodes),
                   .in_sync = ids(from.isr_nodes),
                   .offline = ids(from.offline_replicas),
                   .error = from.error_code};
  if (from.leader_id >= 0) to.leader = BrokerId{from.leader_id};
  if (from.leader_epoch >= 0) to.leader_epoch = LeaderEpoch{from.leader_epoch};
  return to;
}

TopicInfo topic_from(const Response::MetadataResponseTopic& from, const TopicInfo* known) {
  TopicInfo to{.name = from.name.value_or(""),
               .id = from.topic_id,
               .internal = from.is_internal,
               .error = from.error_code};
  for (const auto& wire : from.partitions) to.partitions.push_back(partition_from(wire));
  std::ranges::sort(to.partitions, {}, &PartitionInfo::index);
  if (known == nullptr || known->id != to.id) return to;
  for (auto& partition : to.partitions) {
    const auto* before = known->find(partition.index);
    if (before == nullptr || !before->leader_epoch || !partition.leader_epoch) continue;
    if (*partition.leader_epoch < *before->leader_epoch) partition = *before;
  }
  return to;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const BrokerInfo& broker) {
  return out << "broker " << broker.id << " at " << broker.endpoint;
}

const PartitionInfo* TopicInfo::find(PartitionIndex index) const {
  const auto found = std::ranges::lower_bound(partitions, index, {}, &PartitionInfo::index);
  return found != partitions.end() && found->index == index ? &*found : nullptr;
}

void MetadataCache::apply(const Response& response, bool complete, Instant now) {
  refreshed_at_ = now;
  if (response.cluster_id) cluster_id_ = response.cluster_id;
  controller_.reset();
  if (response.controller_id >= 0) controller_ = BrokerId{response.controller_id};
  if (!response.brokers.empty()) brokers_.clear();  // a broker that knows nobody knows nothing
  for (const auto& broker : response.brokers) {
    const BrokerId id{broker.node_id};
    brokers_[id] = {.id = id,
                    .endpoint = {broker.host, static_cast<std::uint16_t>(broker.port)},
                    .rack = broker.rack};
  }
  std::set<std::string> mentioned;
  for (const auto& wire : response.topics) {
    if (!wire.name) continue;
    mentioned.insert(*wire.name);
    topics_[*wire.name] = topic_from(wire, topic(*wire.name));
  }
  if (complete) {
    std::erase_if(topics_, [&](const auto& entry) { return !mentioned.contains(entry.first); });
  }
}

void MetadataCache::set_leader(const TopicPartition& partition, BrokerId leader,
                               LeaderEpoch epoch) {
  const auto found = topics_.find(partition.topic);
  if (found == topics_.end() || !brokers_.contains(leader)) return;
  for (auto& info : found->second.partitions) {
    if (info.index != partition.partition) continue;
    if (info.leader_epoch && *info.leader_epoch >= epoch) return;
    info.leader = leader;
    info.leader_epoch = epoch;
  }
}

void MetadataCache::forget_topic(const std::string& name) {
  topics_.erase(name);
}

const TopicInfo* MetadataCache::topic(const std::string& name) const {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

const PartitionInfo* MetadataCache::partition(const TopicPartition& at) const {
  const auto* info = topic(at.topic);
  return info == nullptr ? nullptr : info->find(at.partition);
}

std::optional<BrokerId> MetadataCache::leader(const TopicPartition& at) const {
  const auto* info = partition(at);
  return info == nullptr ? std::nullopt : info->leader;
}

}  // namespace millrace::clients
