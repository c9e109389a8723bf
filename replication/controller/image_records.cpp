#include "replication/controller/image_records.hpp"

#include "replication/controller/records.hpp"

namespace millrace::replication {

std::vector<MetadataRecord> records_of(const MetadataImage& image) {
  std::vector<MetadataRecord> records;
  for (const auto& [id, broker] : image.brokers()) records.push_back(broker_record(broker));
  for (const auto& [name, topic] : image.topics()) {
    records.push_back(topic_record(name, topic->id));
    for (std::size_t i = 0; i < topic->partitions.size(); ++i)
      records.push_back(partition_record(topic->id, PartitionIndex{static_cast<std::int32_t>(i)},
                                         topic->partitions[i]));
    for (const auto& [key, value] : topic->configs)
      records.push_back(topic_config_record(name, key, value));
  }
  for (const auto& [broker, overrides] : image.all_broker_configs())
    for (const auto& [key, value] : overrides)
      records.push_back(broker_config_record(broker, key, value));
  for (const auto& [group, overrides] : *image.all_group_configs())
    for (const auto& [key, value] : overrides)
      records.push_back(group_config_record(group, key, value));
  if (image.next_producer_id() > 0)
    records.push_back(producer_ids_record(BrokerId{-1}, image.next_producer_id()));
  return records;
}

}  // namespace millrace::replication
