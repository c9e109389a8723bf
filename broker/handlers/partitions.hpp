#pragma once

#include <utility>

#include "broker/ask.hpp"
#include "broker/handlers/handler.hpp"
#include "broker/partition.hpp"
#include "broker/shard.hpp"
#include "replication/controller/image.hpp"

/// What handlers do with partitions that are named in requests.
namespace millrace::broker {

/// Whether the topic, null when there is none, has a partition of this index.
inline bool has_partition(const replication::TopicImage* topic, std::int32_t index) {
  return topic != nullptr && index >= 0 && index < std::ssize(topic->partitions);
}

/// Runs `question(partition)` on the shard that owns the partition and brings its answer here. The
/// partition is null when it is not open there.
template <class T, class Question>
net::Awaitable<T> ask_partition(RequestContext& context, TopicId topic, std::int32_t index,
                                Question question) {
  const PartitionIndex place{index};
  Shard& owner = context.node.owner_of(topic, place);
  auto work = [&owner, topic, place, question = std::move(question)](Answer<T> answer) mutable {
    answer(question(owner.find(topic, place).get()));
  };
  return ask<T>(context.shard, owner, std::move(work));
}

/// The same of the partition's leader: null when that is not here.
template <class T, class Question>
net::Awaitable<T> ask_leader(RequestContext& context, TopicId topic, std::int32_t index,
                             Question question) {
  auto of_leader = [question = std::move(question)](Partition* partition) mutable {
    return question(partition != nullptr && partition->leads() ? partition : nullptr);
  };
  return ask_partition<T>(context, topic, index, std::move(of_leader));
}

/// Whether a broker is registered and up.
inline bool is_up(const replication::MetadataImage& image, BrokerId id) {
  const auto* const broker = image.broker(id);
  return broker != nullptr && !broker->fenced;
}

/// Fills in what Metadata and DescribeTopicPartitions tell of a partition alike.
template <class PartitionAnswer>
void describe_partition(const replication::MetadataImage& image,
                        const replication::TopicImage& topic, std::size_t index,
                        PartitionAnswer& answer) {
  const auto& partition = topic.partitions[index];
  answer.partition_index = static_cast<std::int32_t>(index);
  // The only replica of a partition stays its leader while it is down.
  const bool led = partition.leader && is_up(image, *partition.leader);
  answer.leader_id = led ? partition.leader->value : -1;
  if (!led) answer.error_code = protocol::ErrorCode::leader_not_available;
  answer.leader_epoch = partition.leader_epoch.value;
  for (const BrokerId id : partition.replicas) answer.replica_nodes.push_back(id.value);
  for (const BrokerId id : partition.in_sync) answer.isr_nodes.push_back(id.value);
  for (const BrokerId id : partition.replicas)
    if (!is_up(image, id)) answer.offline_replicas.push_back(id.value);
}

}  // namespace millrace::broker
