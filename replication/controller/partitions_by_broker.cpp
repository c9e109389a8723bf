#include "replication/controller/partitions_by_broker.hpp"

#include <algorithm>
#include <vector>

namespace millrace::replication {

std::size_t PartitionsByBroker::Hash::operator()(const Key& key) const noexcept {
  return std::hash<TopicId>{}(key.topic) * 31 + std::hash<PartitionIndex>{}(key.partition);
}

void PartitionsByBroker::rebuild(const MetadataImage& image) {
  held_.clear();
  for (const auto& [name, topic] : image.topics()) {
    PartitionIndex index{0};
    for (const auto& partition : topic->partitions) {
      for (const BrokerId broker : partition.replicas) held_[broker].insert({topic->id, index});
      ++index.value;
    }
  }
}

void PartitionsByBroker::apply(std::span<const MetadataRecord> records) {
  for (const auto& record : records) {
    if (record.record_case() != MetadataRecord::kPartition) continue;
    const auto& partition = record.partition();
    const Key key{id_from_bytes(partition.topic_id()), PartitionIndex{partition.partition()}};
    for (const auto broker : partition.replicas()) held_[BrokerId{broker}].insert(key);
  }
}

void PartitionsByBroker::for_each(const MetadataImage& image, BrokerId broker, const Visit& visit) {
  const auto found = held_.find(broker);
  if (found == held_.end()) return;
  std::vector<Key> keys{found->second.begin(), found->second.end()};
  std::ranges::sort(keys);
  MetadataImage::TopicPtr topic;
  for (const Key& key : keys) {
    if (!topic || topic->id != key.topic) topic = image.topic(key.topic);
    const auto index = static_cast<std::size_t>(key.partition.value);
    const bool there = topic && index < topic->partitions.size() &&
                       std::ranges::find(topic->partitions[index].replicas, broker) !=
                           topic->partitions[index].replicas.end();
    if (there) {
      visit(*topic, key.partition, topic->partitions[index]);
    } else {
      found->second.erase(key);
    }
  }
}

std::size_t PartitionsByBroker::count(BrokerId broker) const {
  const auto found = held_.find(broker);
  return found == held_.end() ? 0 : found->second.size();
}

}  // namespace millrace::replication
