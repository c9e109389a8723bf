#include "protocol/messages/peer.hpp"

#include <fmt/format.h>

#include "broker/handlers/handlers.hpp"
#include "broker/node.hpp"
#include "broker/peers/peer_calls.hpp"
#include "broker/session.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::schema::PeerCall;

Peer::Response refused(ErrorCode error, std::string message) {
  Peer::Response response;
  response.error_code = error;
  response.error_message = std::move(message);
  return response;
}

}  // namespace

net::Awaitable<Peer::Response> Peer::handle(Request request, RequestContext& context) {
  PeerCall call;
  const auto bytes = request.call.view();
  if (!call.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    co_return refused(ErrorCode::invalid_request, "the call cannot be read");
  const std::string& own = context.node.cluster_id;
  // Only who wants to join may not know yet which cluster this is.
  if (!request.from_directory.is_zero() && request.from_directory == context.node.directory)
    co_return refused(ErrorCode::invalid_request, "this is the node that asks");
  const bool newcomer = request.cluster_id.empty() && call.has_join();
  if (!newcomer && request.cluster_id != own) {
    co_return refused(
        ErrorCode::inconsistent_cluster_id,
        fmt::format("node {} belongs to cluster {}, this one to cluster {}: give it the address of "
                    "a node of its own cluster, or another data directory",
                    request.from_node, request.cluster_id, own));
  }
  const PeerCaller caller{
      .node = BrokerId{request.from_node},
      .directory = request.from_directory,
      .reached_at = {request.from_host, static_cast<std::uint16_t>(request.from_port)}};
  if (call.has_quorum()) context.session.set_node(caller.node);
  auto answering = answer_peer(context, caller, std::move(call));
  auto answered = co_await std::move(answering);
  if (const auto* refusal = std::get_if<PeerRefusal>(&answered))
    co_return refused(refusal->error, refusal->message);
  Response response;
  const auto text = std::get<replication::schema::PeerAnswer>(answered).SerializeAsString();
  response.answer = SharedBytes::copy_of(as_bytes(text));
  co_return response;
}

}  // namespace millrace::broker
