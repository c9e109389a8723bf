#include "broker/handlers/brokers.hpp"

#include "broker/metadata_service.hpp"
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

std::vector<VisibleBroker> visible_brokers(const RequestContext& context,
                                           const replication::MetadataImage& image,
                                           bool fenced_too) {
  std::vector<VisibleBroker> visible;
  for (const auto& [id, broker] : image.brokers()) {
    if (broker.fenced && !fenced_too) continue;
    auto at = reached_at(context, id);
    if (at) visible.push_back({id, std::move(*at), broker.rack, broker.fenced});
  }
  return visible;
}

net::Awaitable<BrokerId> controller_for(RequestContext& context) {
  auto asking = context.node.metadata->controller(context.shard);
  const auto controller = co_await std::move(asking);
  const auto* const known = controller ? context.shard.image()->broker(*controller) : nullptr;
  if (known == nullptr || known->fenced) co_return context.node.settings.node_id;
  co_return known->id;
}

}  // namespace millrace::broker
