#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "replication/controller/image.hpp"

/// Makers of metadata records.
namespace millrace::replication {

MetadataRecord topic_record(std::string_view name, TopicId id);
MetadataRecord partition_record(TopicId topic, PartitionIndex index, const PartitionImage& image);
/// And back.
PartitionImage partition_from(const schema::PartitionRecord& record);
MetadataRecord remove_topic_record(TopicId topic);
/// Without a value the setting goes back to its default.
MetadataRecord topic_config_record(std::string_view topic, std::string_view key,
                                   std::optional<std::string_view> value);
MetadataRecord broker_config_record(std::string_view broker, std::string_view key,
                                    std::optional<std::string_view> value);
MetadataRecord group_config_record(std::string_view group, std::string_view key,
                                   std::optional<std::string_view> value);
MetadataRecord producer_ids_record(BrokerId broker, std::int64_t next);
MetadataRecord broker_record(const BrokerImage& broker);
/// What is not given stays.
MetadataRecord broker_change_record(const BrokerImage& broker, std::optional<bool> fenced,
                                    std::optional<bool> shutting_down);
MetadataRecord remove_broker_record(const BrokerImage& broker);

}  // namespace millrace::replication
