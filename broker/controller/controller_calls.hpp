#pragma once

#include <vector>

#include "broker/controller/active_controller.hpp"
#include "broker/peers/peer_calls.hpp"
#include "broker/peers/peers.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

/// What this node asks of the active controller, wherever that is, and what others ask of this one
/// when it is the active controller itself. On the first shard.
class ControllerCalls {
 public:
  ControllerCalls(Shard& shard, MetadataLog& log, ActiveController& controller)
      : shard_{shard}, log_{log}, controller_{controller} {}

  /// NOT_CONTROLLER also when the controller is not known, or gave no answer in time: then nobody
  /// knows whether it did what was asked.
  net::Awaitable<PeerResult> ask(replication::schema::PeerCall call, Instant deadline,
                                 PeerLane lane);
  /// NOT_CONTROLLER when this node is not the active controller.
  net::Awaitable<PeerResult> serve(replication::schema::PeerCall call);

 private:
  net::Awaitable<PeerResult> enroll(const replication::schema::RegisterCall& call);
  net::Awaitable<PeerResult> heartbeat(const replication::schema::HeartbeatCall& call);
  net::Awaitable<PeerResult> in_sync(const replication::schema::InSyncCall& call);
  net::Awaitable<PeerResult> producer_ids(const replication::schema::ProducerIdsCall& call);
  net::Awaitable<PeerResult> forwarded(const replication::schema::ForwardCall& call);
  template <class Request>
  net::Awaitable<PeerResult> carry_out(const replication::schema::ForwardCall& call);

  Shard& shard_;
  MetadataLog& log_;
  ActiveController& controller_;
};

/// Proposals about in-sync sets and their answers, as they travel.
void write(const replication::InSyncProposal& proposal,
           replication::schema::InSyncCall::Proposal& to);
/// In the order of `proposals`; all with the call's error when there is none.
std::vector<replication::InSyncAnswer> read_answers(
    const std::vector<replication::InSyncProposal>& proposals, const PeerResult& result);

}  // namespace millrace::broker
