#pragma once

#include "protocol/messages/alter_partition_reassignments.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "protocol/messages/list_partition_reassignments.hpp"
#include "replication/controller/controller.hpp"

/// Requests about many partitions, each of which is decided on by itself: elections.hpp and
/// reassignment.hpp say how. A partition that is named twice is refused the second time, with
/// INVALID_REQUEST.
namespace millrace::replication {

/// Without a list, all partitions are meant, and those that need no election are passed over in
/// silence. INVALID_REQUEST for another election type than preferred (0) and unclean (1).
ControllerOutcome<protocol::ElectLeadersResponse> elect_leaders(
    const MetadataImage& image, const protocol::ElectLeadersRequest& request,
    const ConfigRules& rules);

ControllerOutcome<protocol::AlterPartitionReassignmentsResponse> alter_reassignments(
    const MetadataImage& image, const protocol::AlterPartitionReassignmentsRequest& request,
    const ConfigRules& rules);

/// What moves: of the partitions that are named, or of all.
protocol::ListPartitionReassignmentsResponse list_reassignments(
    const MetadataImage& image, const protocol::ListPartitionReassignmentsRequest& request);

}  // namespace millrace::replication
