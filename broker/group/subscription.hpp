#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/consumer/partition_sets.hpp"
#include "broker/group/history.hpp"
#include "broker/group/types.hpp"
#include "protocol/base/bytes.hpp"

/// What members of protocol type "consumer" put into the opaque bytes of JoinGroup and SyncGroup: a
/// version as int16, then the message of consumer_protocol.hpp in that version. Of a version from
/// the future the part that we know is read.
namespace millrace::broker {

/// What a member joins with.
struct ClassicSubscription {
  std::int16_t version = 0;
  std::vector<std::string> topics;
  std::optional<std::string> rack;
  PartitionSets owned;  // of topics that exist
};

/// Nothing when the bytes are something else: such clients exist.
[[nodiscard]] std::optional<ClassicSubscription> decode_subscription(const SharedBytes& metadata,
                                                                     const TopicDirectory& topics);
/// The topics alone.
[[nodiscard]] std::optional<std::vector<std::string>> subscribed_topics(
    const SharedBytes& metadata);

/// What a member was assigned, of topics that exist; nothing when the bytes are something else.
[[nodiscard]] std::optional<PartitionSets> decode_assignment(const SharedBytes& assignment,
                                                             const TopicDirectory& topics);
/// The same by the names of topics, which need not exist.
[[nodiscard]] std::optional<NamedPartitions> assigned_partitions(const SharedBytes& assignment);
/// Inverse of `decode_assignment`, in the version that a member's subscription has. Topics that are
/// gone are left out.
[[nodiscard]] SharedBytes encode_assignment(const PartitionSets& sets, std::int16_t version,
                                            const TopicDirectory& topics);

}  // namespace millrace::broker
