#include "broker/handlers/handlers.hpp"
#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"
#include "replication/controller/partition_requests.hpp"

/// The requests that the controller decides on. Any broker takes them, and the active controller
/// carries them out.
namespace millrace::broker {

net::Awaitable<CreateTopics::Response> CreateTopics::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<DeleteTopics::Response> DeleteTopics::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<CreatePartitions::Response> CreatePartitions::handle(Request request,
                                                                    RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<IncrementalAlterConfigs::Response> IncrementalAlterConfigs::handle(
    Request request, RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<AlterConfigs::Response> AlterConfigs::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<ElectLeaders::Response> ElectLeaders::handle(Request request,
                                                            RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<AlterPartitionReassignments::Response> AlterPartitionReassignments::handle(
    Request request, RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<UnregisterBroker::Response> UnregisterBroker::handle(Request request,
                                                                    RequestContext& context) {
  return context.node.metadata->administer(context.shard, std::move(request), context.version());
}

net::Awaitable<ListPartitionReassignments::Response> ListPartitionReassignments::handle(
    Request request, RequestContext& context) {
  co_return replication::list_reassignments(*context.shard.image(), request);
}

}  // namespace millrace::broker
