#include "broker/handlers/brokers.hpp"

#include "broker/node.hpp"

namespace millrace::broker {

net::Endpoint advertised(const RequestContext& context) {
  const auto& info = context.session.info();
  for (const auto& endpoint : context.node.config.advertised_listeners()) {
    if (endpoint.name == info.listener) return {endpoint.host, endpoint.port};
  }
  return info.local;
}

}  // namespace millrace::broker
