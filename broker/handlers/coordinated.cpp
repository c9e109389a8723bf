#include "broker/handlers/coordinated.hpp"

#include "broker/group/partitioner.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {

std::optional<GroupHome> home_of_group(const RequestContext& context, std::string_view group_id) {
  const auto topic = context.shard.image()->topic(replication::kOffsetsTopic);
  if (!topic) return std::nullopt;
  const PartitionIndex partition{
      partition_for_group(group_id, static_cast<std::int32_t>(topic->partitions.size()))};
  return GroupHome{&context.node.owner_of(topic->id, partition), partition};
}

GroupClient group_client(const RequestContext& context) {
  return {.client_id = context.header.client_id.value_or(""),
          .host = "/" + context.session.info().peer.host,
          .api_version = context.version()};
}

}  // namespace millrace::broker
