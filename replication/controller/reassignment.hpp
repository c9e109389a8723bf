#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "replication/controller/controller.hpp"
#include "replication/controller/elections.hpp"

namespace millrace::replication {

/// AlterPartitionReassignments for one partition (KIP-455): the replicas that it is to have, in the
/// order of preference, or nothing to call off what is under way. A second wish replaces the first.
/// Until all that were added are in sync the partition keeps those it had, so that calling off is
/// possible and nothing is lost on the way.
///
/// INVALID_REPLICA_ASSIGNMENT for no replicas, one twice, a broker that is not registered, and when
/// only a replica that goes with the first wish is in sync; INVALID_REPLICATION_FACTOR when their
/// number changes and must not; NO_REASSIGNMENT_IN_PROGRESS when there is nothing to call off;
/// UNKNOWN_TOPIC_OR_PARTITION.
struct Reassignment {
  std::string_view topic;
  PartitionIndex partition;
  std::optional<std::vector<BrokerId>> replicas;
  bool may_change_factor = true;  // AllowReplicationFactorChange
};

ControllerOutcome<PartitionVerdict> reassign(const MetadataImage& image, const Reassignment& wish,
                                             const ConfigRules& rules);

}  // namespace millrace::replication
