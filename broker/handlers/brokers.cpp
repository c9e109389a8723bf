#include "broker/handlers/brokers.hpp"

#include "broker/node.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {

net::Endpoint advertised(const RequestContext& context) {
  const auto& info = context.session.info();
  for (const auto& endpoint : context.node.config.advertised_listeners()) {
    if (endpoint.name == info.listener) return {endpoint.host, endpoint.port};
  }
  return info.local;
}

std::optional<net::Endpoint> reached_at(const RequestContext& context, BrokerId broker) {
  if (broker == context.node.settings.node_id) return advertised(context);
  const auto* const known = context.shard.image()->broker(broker);
  if (known == nullptr) return std::nullopt;
  for (const auto& endpoint : known->endpoints)
    if (endpoint.listener == context.session.info().listener)
      return net::Endpoint{endpoint.host, endpoint.port};
  return std::nullopt;
}

}  // namespace millrace::broker
