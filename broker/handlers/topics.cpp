#include "broker/handlers/handlers.hpp"
#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"

/// The requests that the controller decides on. Any broker takes them.
namespace millrace::broker {

net::Awaitable<CreateTopics::Response> CreateTopics::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->create_topics(context.shard, std::move(request));
}

net::Awaitable<DeleteTopics::Response> DeleteTopics::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->delete_topics(context.shard, std::move(request), context.version());
}

net::Awaitable<CreatePartitions::Response> CreatePartitions::handle(Request request,
                                                                    RequestContext& context) {
  return context.node.metadata->create_partitions(context.shard, std::move(request));
}

net::Awaitable<IncrementalAlterConfigs::Response> IncrementalAlterConfigs::handle(
    Request request, RequestContext& context) {
  return context.node.metadata->alter_configs(context.shard, std::move(request));
}

}  // namespace millrace::broker
