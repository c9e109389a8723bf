#pragma once

#include <cstdint>
#include <vector>

#include "protocol/error_code.hpp"
#include "replication/controller/controller.hpp"

namespace millrace::replication {

/// What the leader of a partition asks of the controller, which alone changes the in-sync set
/// (AlterPartition, KIP-497 and KIP-903): that replicas are in sync or no longer are, or that it
/// has settled a log that it took over without being safe.
struct InSyncProposal {
  struct Member {
    BrokerId id;
    std::int64_t epoch = -1;  // of the broker, as it fetched from the leader
  };
  TopicId topic;
  PartitionIndex partition;
  LeaderEpoch leader_epoch;
  std::int32_t partition_epoch = 0;
  std::vector<Member> in_sync;
  bool recovering = false;
};

struct InSyncAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  TopicId topic;
  PartitionIndex partition;
  PartitionImage now;  // as it is once the records are committed; without an error
};

/// Decides on the proposals of a broker, one by one. What the leader does not know the newest of is
/// refused, so that an old leader, or one that was slow, changes nothing:
///
/// | error | because |
/// | --- | --- |
/// | STALE_BROKER_EPOCH (all of them) | the broker has registered anew since |
/// | UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION | there is no such partition |
/// | FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION | its epoch is below the partition's |
/// | NOT_CONTROLLER | its epoch is above: it has heard of a newer controller than this one |
/// | INVALID_REQUEST | it does not lead the partition; the set has a stranger, or lacks the leader;
///   the partition is named twice |
/// | INELIGIBLE_REPLICA | a member is fenced, stopping, or was started anew |
/// | NEW_LEADER_ELECTED | accepted, and the leader is another one now |
ControllerOutcome<std::vector<InSyncAnswer>> alter_in_sync(
    const MetadataImage& image, BrokerId broker, std::int64_t broker_epoch,
    const std::vector<InSyncProposal>& proposals, const ConfigRules& rules);

}  // namespace millrace::replication
