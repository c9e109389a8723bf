#include "broker/peers/peer_calls.hpp"

#include <fmt/format.h>

#include "broker/blocking.hpp"
#include "broker/metadata_service.hpp"
#include "broker/node.hpp"
#include "broker/quorum/quorum_service.hpp"

namespace millrace::broker {
namespace {

using replication::schema::PeerAnswer;
using replication::schema::PeerCall;

PeerResult take_messages(RequestContext& context, const PeerCaller& caller, PeerCall call) {
  context.node.shards.front()->scheduler().post(
      [quorum = context.node.quorum, caller, call = std::move(call)] {
        quorum->receive(caller, call.quorum());
      });
  PeerAnswer answer;
  answer.mutable_quorum();
  return answer;
}

net::Awaitable<PeerResult> give_piece(RequestContext& context,
                                      replication::schema::SnapshotCall call) {
  auto read = [&node = context.node, call = std::move(call)] {
    PeerAnswer answer;
    *answer.mutable_snapshot() =
        read_snapshot_piece(node.world.files, node.quorum->directory(), call);
    return answer;
  };
  auto reading = blocking(context.shard.scheduler(), context.node.world.read_pool, std::move(read));
  auto answer = co_await std::move(reading);
  co_return answer;
}

net::Awaitable<PeerResult> let_join(RequestContext& context, PeerCaller caller,
                                    replication::schema::JoinCall call) {
  auto work = [&node = context.node, caller = std::move(caller), call = std::move(call)](
                  Answer<PeerResult> answer) { answer(node.quorum->join(caller, call)); };
  return ask<PeerResult>(context.shard, *context.node.shards.front(), std::move(work));
}

}  // namespace

net::Awaitable<PeerResult> answer_peer(RequestContext& context, const PeerCaller& caller,
                                       replication::schema::PeerCall call) {
  switch (call.call_case()) {
    case PeerCall::kQuorum:
      co_return take_messages(context, caller, std::move(call));
    case PeerCall::kSnapshot: {
      auto giving = give_piece(context, std::move(*call.mutable_snapshot()));
      co_return co_await std::move(giving);
    }
    case PeerCall::kJoin: {
      auto joining = let_join(context, caller, std::move(*call.mutable_join()));
      co_return co_await std::move(joining);
    }
    case PeerCall::kRegisterBroker:
    case PeerCall::kHeartbeat:
    case PeerCall::kInSync:
    case PeerCall::kProducerIds:
    case PeerCall::kForward: {
      auto serving = context.node.metadata->serve(context.shard, std::move(call));
      co_return co_await std::move(serving);
    }
    default:
      co_return PeerRefusal{
          protocol::ErrorCode::unsupported_version,
          fmt::format("node {} does not answer node {} about call {}: it is of another version",
                      context.node.settings.node_id.value, caller.node.value,
                      static_cast<int>(call.call_case()))};
  }
}

}  // namespace millrace::broker
