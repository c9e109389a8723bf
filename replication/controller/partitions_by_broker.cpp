#include "replication/controller/partitions_by_broker.hpp"

#include <algorithm>

namespace millrace::replication {

void PartitionsByBroker::rebuild(const MetadataImage& image) {
  held_.clear();
  for (const auto& [name, topic] : image.topics()) {
    PartitionIndex index{0};
    for (const auto& partition : topic->partitions) {
      for (const BrokerId broker : partition.replicas) held_[broker][topic->id].insert(index);
      ++index.value;
    }
  }
}

void PartitionsByBroker::apply(std::span<const MetadataRecord> records) {
  for (const auto& record : records) {
    if (record.record_case() == MetadataRecord::kPartition) {
      const auto& partition = record.partition();
      const TopicId topic = id_from_bytes(partition.topic_id());
      for (const auto broker : partition.replicas())
        held_[BrokerId{broker}][topic].insert(PartitionIndex{partition.partition()});
    } else if (record.record_case() == MetadataRecord::kRemoveTopic) {
      const TopicId topic = id_from_bytes(record.remove_topic().topic_id());
      for (auto& [broker, held] : held_) held.erase(topic);
    } else if (record.record_case() == MetadataRecord::kRemoveBroker) {
      held_.erase(BrokerId{record.remove_broker().id()});
    }
  }
}

void PartitionsByBroker::for_each(const MetadataImage& image, BrokerId broker, const Visit& visit) {
  const auto found = held_.find(broker);
  if (found == held_.end()) return;
  for (auto& [id, indexes] : found->second) {
    const auto topic = image.topic(id);
    std::erase_if(indexes, [&](PartitionIndex index) {
      const auto* const partition = topic ? topic->partition(index) : nullptr;
      const bool there =
          partition != nullptr && std::ranges::count(partition->replicas, broker) > 0;
      if (there) visit(*topic, index, *partition);
      return !there;
    });
  }
}

std::size_t PartitionsByBroker::count(BrokerId broker) const {
  const auto found = held_.find(broker);
  std::size_t count = 0;
  if (found != held_.end())
    for (const auto& [topic, indexes] : found->second) count += indexes.size();
  return count;
}

}  // namespace millrace::replication
