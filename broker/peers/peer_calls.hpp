#pragma once

#include <string>
#include <variant>

#include "broker/handlers/handler.hpp"
#include "protocol/error_code.hpp"
#include "protocol/net/net.hpp"
#include "replication/peer.pb.h"

namespace millrace::broker {

/// Which node asks. It says so itself; what it may do is decided by whoever answers, from the
/// epochs and the directory that the cluster knows of it.
struct PeerCaller {
  BrokerId node;
  Uuid directory;
  net::Endpoint reached_at;
};

struct PeerRefusal {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::string message;
};

using PeerResult = std::variant<replication::schema::PeerAnswer, PeerRefusal>;

/// Hands the call of another node, of this cluster or about to join it, to the part of this one
/// that it is for. On the connection's shard.
net::Awaitable<PeerResult> answer_peer(RequestContext& context, const PeerCaller& caller,
                                       replication::schema::PeerCall call);

}  // namespace millrace::broker
