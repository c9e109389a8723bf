#include <fmt/format.h>

#include "broker/handlers/brokers.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {

net::Awaitable<DescribeCluster::Response> DescribeCluster::handle(Request request,
                                                                  RequestContext& context) {
  constexpr std::int8_t kBrokers = 1;
  constexpr std::int8_t kControllers = 2;
  Response response;
  response.cluster_id = context.node.cluster_id;
  response.endpoint_type = request.endpoint_type;
  if (request.endpoint_type != kBrokers) {
    const bool known = request.endpoint_type == kControllers;
    response.error_code = known ? protocol::ErrorCode::mismatched_endpoint_type
                                : protocol::ErrorCode::unsupported_endpoint_type;
    response.error_message =
        fmt::format("this listener lists brokers (endpoint type {}), not endpoint type {}",
                    kBrokers, request.endpoint_type);
    co_return response;
  }
  auto looking = controller_for(context);
  const BrokerId controller = co_await std::move(looking);
  response.controller_id = controller.value;
  const replication::ImagePtr image = context.shard.image();
  for (auto& visible : visible_brokers(context, *image, request.include_fenced_brokers)) {
    auto& broker = response.brokers.emplace_back();
    broker.broker_id = visible.id.value;
    broker.host = std::move(visible.at.host);
    broker.port = visible.at.port;
    broker.rack = std::move(visible.rack);
    broker.is_fenced = visible.fenced;
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kAllClusterOperations;
  }
  co_return response;
}

}  // namespace millrace::broker
