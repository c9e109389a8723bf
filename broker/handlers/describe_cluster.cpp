#include <fmt/format.h>

#include "broker/handlers/brokers.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/node.hpp"

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
  response.controller_id = context.node.settings.node_id.value;
  const auto here = advertised(context);
  auto& broker = response.brokers.emplace_back();
  broker.broker_id = context.node.settings.node_id.value;
  broker.host = here.host;
  broker.port = here.port;
  if (!context.node.settings.rack.empty()) broker.rack = context.node.settings.rack;
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kAllClusterOperations;
  }
  co_return response;
}

}  // namespace millrace::broker
