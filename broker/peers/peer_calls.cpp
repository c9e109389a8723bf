#include "broker/peers/peer_calls.hpp"

#include <fmt/format.h>

#include "broker/node.hpp"

namespace millrace::broker {

net::Awaitable<PeerResult> answer_peer(RequestContext& context, const PeerCaller& caller,
                                       replication::schema::PeerCall call) {
  // As long as a cluster has one node there is nobody who could ask.
  co_return PeerRefusal{
      protocol::ErrorCode::unsupported_version,
      fmt::format("node {} does not answer node {} about call {}: it is of another version",
                  context.node.settings.node_id.value, caller.node.value,
                  static_cast<int>(call.call_case()))};
}

}  // namespace millrace::broker
