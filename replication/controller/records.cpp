#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

MetadataRecord config_record(schema::ConfigRecord::Resource resource, std::string_view name,
                             std::string_view key, std::optional<std::string_view> value) {
  MetadataRecord record;
  auto& config = *record.mutable_config();
  config.set_resource(resource);
  config.set_name(std::string{name});
  config.set_key(std::string{key});
  if (value) config.set_value(std::string{*value});
  return record;
}

}  // namespace

MetadataRecord topic_record(std::string_view name, TopicId id) {
  MetadataRecord record;
  record.mutable_topic()->set_name(std::string{name});
  record.mutable_topic()->set_id(id_bytes(id));
  return record;
}

MetadataRecord partition_record(TopicId topic, PartitionIndex index, const PartitionImage& image) {
  MetadataRecord record;
  auto& partition = *record.mutable_partition();
  partition.set_topic_id(id_bytes(topic));
  partition.set_partition(index.value);
  for (const BrokerId id : image.replicas) partition.add_replicas(id.value);
  for (const BrokerId id : image.in_sync) partition.add_in_sync(id.value);
  partition.set_leader(image.leader ? image.leader->value : -1);
  partition.set_leader_epoch(image.leader_epoch.value);
  for (const BrokerId id : image.adding) partition.add_adding(id.value);
  for (const BrokerId id : image.removing) partition.add_removing(id.value);
  for (const BrokerId id : image.eligible) partition.add_eligible(id.value);
  if (image.last_leader) partition.set_last_leader(image.last_leader->value);
  partition.set_recovering(image.recovering);
  partition.set_partition_epoch(image.partition_epoch);
  return record;
}

PartitionImage partition_from(const schema::PartitionRecord& record) {
  PartitionImage partition;
  for (const auto id : record.replicas()) partition.replicas.emplace_back(id);
  for (const auto id : record.in_sync()) partition.in_sync.emplace_back(id);
  if (record.leader() >= 0) partition.leader = BrokerId{record.leader()};
  partition.leader_epoch = LeaderEpoch{record.leader_epoch()};
  for (const auto id : record.adding()) partition.adding.emplace_back(id);
  for (const auto id : record.removing()) partition.removing.emplace_back(id);
  for (const auto id : record.eligible()) partition.eligible.emplace_back(id);
  if (record.has_last_leader()) partition.last_leader = BrokerId{record.last_leader()};
  partition.recovering = record.recovering();
  partition.partition_epoch = record.partition_epoch();
  return partition;
}

MetadataRecord remove_topic_record(TopicId topic) {
  MetadataRecord record;
  record.mutable_remove_topic()->set_topic_id(id_bytes(topic));
  return record;
}

MetadataRecord topic_config_record(std::string_view topic, std::string_view key,
                                   std::optional<std::string_view> value) {
  return config_record(schema::ConfigRecord::TOPIC, topic, key, value);
}

MetadataRecord broker_config_record(std::string_view broker, std::string_view key,
                                    std::optional<std::string_view> value) {
  return config_record(schema::ConfigRecord::BROKER, broker, key, value);
}

MetadataRecord group_config_record(std::string_view group, std::string_view key,
                                   std::optional<std::string_view> value) {
  return config_record(schema::ConfigRecord::GROUP, group, key, value);
}

MetadataRecord producer_ids_record(BrokerId broker, std::int64_t next) {
  MetadataRecord record;
  record.mutable_producer_ids()->set_broker(broker.value);
  record.mutable_producer_ids()->set_next(next);
  return record;
}

MetadataRecord broker_record(const BrokerImage& broker) {
  MetadataRecord record;
  auto& to = *record.mutable_broker();
  to.set_id(broker.id.value);
  to.set_epoch(broker.epoch);
  to.set_incarnation(id_bytes(broker.incarnation));
  to.set_directory(id_bytes(broker.directory));
  if (broker.rack) to.set_rack(*broker.rack);
  for (const auto& at : broker.endpoints) {
    auto& endpoint = *to.add_endpoints();
    endpoint.set_listener(at.listener);
    endpoint.set_host(at.host);
    endpoint.set_port(at.port);
    endpoint.set_security(at.security);
  }
  to.set_fenced(broker.fenced);
  to.set_shutting_down(broker.shutting_down);
  return record;
}

MetadataRecord broker_change_record(const BrokerImage& broker, std::optional<bool> fenced,
                                    std::optional<bool> shutting_down) {
  MetadataRecord record;
  auto& change = *record.mutable_broker_change();
  change.set_id(broker.id.value);
  change.set_epoch(broker.epoch);
  if (fenced) change.set_fenced(*fenced);
  if (shutting_down) change.set_shutting_down(*shutting_down);
  return record;
}

MetadataRecord remove_broker_record(const BrokerImage& broker) {
  MetadataRecord record;
  record.mutable_remove_broker()->set_id(broker.id.value);
  record.mutable_remove_broker()->set_epoch(broker.epoch);
  return record;
}

}  // namespace millrace::replication
