#include "replication/controller/image.hpp"

#include <cstring>

#include "protocol/base/ensure.hpp"
#include "replication/controller/records.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::replication {

bool TopicImage::is_internal() const {
  return is_internal_topic(name);
}

const PartitionImage* TopicImage::partition(PartitionIndex index) const {
  if (index.value < 0) return nullptr;
  const auto at = static_cast<std::size_t>(index.value);
  return at < partitions.size() ? &partitions[at] : nullptr;
}

std::string id_bytes(TopicId id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

TopicId id_from_bytes(std::string_view bytes) {
  TopicId id;
  ENSURE(bytes.size() == id.bytes.size());
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

ImagePtr MetadataImage::with(std::span<const MetadataRecord> records) const {
  auto next = std::make_shared<MetadataImage>(*this);
  Edited edited;
  for (const auto& record : records) next->apply(record, edited);
  ++next->revision_;
  return next;
}

MetadataImage::TopicPtr MetadataImage::topic(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

MetadataImage::TopicPtr MetadataImage::topic(TopicId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const BrokerImage* MetadataImage::broker(BrokerId id) const {
  const auto found = brokers_.find(id);
  return found == brokers_.end() ? nullptr : &found->second;
}

const ConfigOverrides& MetadataImage::broker_configs(const std::string& broker) const {
  static const ConfigOverrides kNone;
  const auto found = broker_configs_.find(broker);
  return found == broker_configs_.end() ? kNone : found->second;
}

const ConfigOverrides& MetadataImage::group_configs(std::string_view group) const {
  static const ConfigOverrides kNone;
  const auto found = group_configs_->find(group);
  return found == group_configs_->end() ? kNone : found->second;
}

void MetadataImage::set_group_config(const schema::ConfigRecord& record) {
  auto copy = std::make_shared<GroupConfigs>(*group_configs_);
  auto& overrides = (*copy)[record.name()];
  if (record.has_value()) {
    overrides[record.key()] = record.value();
  } else {
    overrides.erase(record.key());
  }
  if (overrides.empty()) copy->erase(record.name());
  group_configs_ = std::move(copy);
}

/// A copy of the topic that only this image has, put in the place of the shared one; `edited` knows
/// those that were made already.
TopicImage& MetadataImage::edit(TopicId id, Edited& edited) {
  if (const auto ours = edited.find(id); ours != edited.end()) return *ours->second;
  const auto found = by_id_.find(id);
  ENSURE(found != by_id_.end());
  auto copy = std::make_shared<TopicImage>(*found->second);
  TopicImage& topic = *copy;
  edited[id] = &topic;
  found->second = copy;
  by_name_[topic.name] = std::move(copy);
  return topic;
}

void MetadataImage::apply(const MetadataRecord& record, Edited& edited) {
  switch (record.record_case()) {
    case MetadataRecord::kTopic: {
      auto topic = std::make_shared<TopicImage>();
      topic->name = record.topic().name();
      topic->id = id_from_bytes(record.topic().id());
      edited[topic->id] = topic.get();
      by_id_[topic->id] = topic;
      by_name_[topic->name] = std::move(topic);
      return;
    }
    case MetadataRecord::kPartition: {
      const auto& from = record.partition();
      auto& partitions = edit(id_from_bytes(from.topic_id()), edited).partitions;
      const auto index = static_cast<std::size_t>(from.partition());
      ENSURE(index <= partitions.size());
      if (index == partitions.size()) partitions.emplace_back();
      partitions[index] = partition_from(from);
      return;
    }
    case MetadataRecord::kRemoveTopic: {
      const auto found = by_id_.find(id_from_bytes(record.remove_topic().topic_id()));
      ENSURE(found != by_id_.end());
      by_name_.erase(found->second->name);
      edited.erase(found->first);
      by_id_.erase(found);
      return;
    }
    case MetadataRecord::kConfig: {
      const auto& from = record.config();
      if (from.resource() == schema::ConfigRecord::GROUP) return set_group_config(from);
      ConfigOverrides* overrides = nullptr;
      if (from.resource() == schema::ConfigRecord::TOPIC) {
        const auto named = topic(from.name());
        ENSURE(named != nullptr);
        overrides = &edit(named->id, edited).configs;
      } else {
        overrides = &broker_configs_[from.name()];
      }
      if (from.has_value()) {
        (*overrides)[from.key()] = from.value();
      } else {
        overrides->erase(from.key());
      }
      return;
    }
    case MetadataRecord::kProducerIds:
      next_producer_id_ = record.producer_ids().next();
      return;
    case MetadataRecord::kBroker: {
      const auto& from = record.broker();
      BrokerImage broker;
      broker.id = BrokerId{from.id()};
      broker.epoch = from.epoch();
      broker.incarnation = id_from_bytes(from.incarnation());
      broker.directory = id_from_bytes(from.directory());
      if (from.has_rack()) broker.rack = from.rack();
      for (const auto& at : from.endpoints())
        broker.endpoints.push_back(
            {at.listener(), at.host(), static_cast<std::uint16_t>(at.port()), at.security()});
      broker.fenced = from.fenced();
      broker.shutting_down = from.shutting_down();
      brokers_[broker.id] = std::move(broker);
      return;
    }
    case MetadataRecord::kBrokerChange: {
      const auto& from = record.broker_change();
      const auto found = brokers_.find(BrokerId{from.id()});
      ENSURE(found != brokers_.end() && found->second.epoch == from.epoch());
      if (from.has_fenced()) found->second.fenced = from.fenced();
      if (from.has_shutting_down()) found->second.shutting_down = from.shutting_down();
      return;
    }
    case MetadataRecord::kRemoveBroker:
      ENSURE(brokers_.erase(BrokerId{record.remove_broker().id()}) == 1);
      return;
    case MetadataRecord::RECORD_NOT_SET:
      return;  // written by a newer version; what it means is not for us
  }
}

}  // namespace millrace::replication
