#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_code.hpp"
#include "replication/controller/controller.hpp"
#include "replication/controller/partition_change.hpp"

namespace millrace::replication {

/// What became of one partition that somebody wanted a leader for, or moved elsewhere.
struct PartitionVerdict {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::string message;  // with an error
};

/// ElectLeaders for one partition. `preferred` or `unclean` as the client asks: the latter is the
/// only way to a leader that may lack acknowledged records, and gives up on them.
///
/// ELECTION_NOT_NEEDED when it has that leader (`unclean`: any leader) already,
/// PREFERRED_LEADER_NOT_AVAILABLE when its first replica is down or not in sync,
/// ELIGIBLE_LEADERS_NOT_AVAILABLE when no replica is up, UNKNOWN_TOPIC_OR_PARTITION.
ControllerOutcome<PartitionVerdict> elect_leader(const MetadataImage& image, std::string_view topic,
                                                 PartitionIndex partition, Election kind,
                                                 const ConfigRules& rules);

/// Gives partitions back to their preferred leaders where these are in sync again, `records_max` of
/// them at most; the rest is for the next time. For `auto.leader.rebalance.enable`.
std::vector<MetadataRecord> balance_leaders(const MetadataImage& image, std::size_t records_max,
                                            const ConfigRules& rules);

}  // namespace millrace::replication
