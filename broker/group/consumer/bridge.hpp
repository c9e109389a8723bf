#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/consumer/changes.hpp"
#include "broker/group/consumer/state.hpp"
#include "broker/group/group.hpp"
#include "broker/group/types.hpp"

/// A group with members goes from one protocol to the other: upwards when a member of the consumer
/// protocol joins classic ones, downwards when the last member of the consumer protocol has gone
/// and classic ones are left. Everybody keeps what it has.
namespace millrace::broker {

/// A classic group as changes from nothing: its generation is the epoch of all, what members were
/// assigned is what they have and are to have. Nothing when a member's bytes cannot be read.
[[nodiscard]] std::optional<std::vector<ConsumerChange>> upgraded(const ClassicGroup& group,
                                                                  const TopicDirectory& topics);

/// A group all of whose members are classic, as a generation of a classic group.
struct Downgraded {
  protocol::GroupMetadataValue value;
  /// By member id; the value has room for one of them only.
  std::map<std::string, std::vector<GroupMember::Protocol>> protocols;
};
[[nodiscard]] Downgraded downgraded(const ConsumerGroupState& state, Timestamp wall,
                                    const TopicDirectory& topics);

}  // namespace millrace::broker
