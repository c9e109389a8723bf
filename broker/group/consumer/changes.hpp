#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "broker/group/consumer/partition_sets.hpp"
#include "protocol/messages/consumer_group_records.hpp"

/// What can happen to a group of the consumer protocol (KIP-848). Each change is one record of
/// `__consumer_offsets`, and holds the whole new value of what its key names; no value deletes it.
/// Nothing else changes such a group.
namespace millrace::broker {

/// Where a member stands on the way to its target. The numbers are those of the record.
enum class MemberState : std::int8_t {
  /// It has reached the target of its epoch.
  stable = 0,
  /// It must give up partitions first, and keeps its epoch until it has said that it did.
  unrevoked_partitions = 1,
  /// It waits for partitions that other members have not given up yet.
  unreleased_partitions = 2,
};

/// The epoch of a static member that is away and will come back within its session.
inline constexpr std::int32_t kEpochAway = -2;

/// What a member has. `assigned` and `revoking` have nothing in common.
struct MemberProgress {
  friend bool operator==(const MemberProgress&, const MemberProgress&) = default;
  std::int32_t epoch = 0;  // 0: not yet in; `kEpochAway`
  std::int32_t previous_epoch = 0;
  MemberState state = MemberState::stable;
  PartitionSets assigned;
  PartitionSets revoking;  // told to give up; still the member's until it says so
};

using MemberSubscription = protocol::ConsumerGroupMemberMetadataValue;
using ResolvedRegex = protocol::ConsumerGroupRegularExpressionValue;

/// The group's epoch moves on: members, subscriptions or topics have changed. Without a value the
/// group is gone.
struct EpochChange {
  friend bool operator==(const EpochChange&, const EpochChange&) = default;
  std::optional<protocol::ConsumerGroupMetadataValue> value;
};
struct SubscriptionChange {
  friend bool operator==(const SubscriptionChange&, const SubscriptionChange&) = default;
  std::string member;
  std::optional<MemberSubscription> value;
};
struct TargetEpochChange {
  friend bool operator==(const TargetEpochChange&, const TargetEpochChange&) = default;
  std::optional<protocol::ConsumerGroupTargetAssignmentMetadataValue> value;
};
struct TargetChange {
  friend bool operator==(const TargetChange&, const TargetChange&) = default;
  std::string member;
  std::optional<PartitionSets> value;
};
struct ProgressChange {
  friend bool operator==(const ProgressChange&, const ProgressChange&) = default;
  std::string member;
  std::optional<MemberProgress> value;
};
struct RegexChange {
  friend bool operator==(const RegexChange&, const RegexChange&) = default;
  std::string regex;
  std::optional<ResolvedRegex> value;
};

using ConsumerChange = std::variant<EpochChange, SubscriptionChange, TargetEpochChange,
                                    TargetChange, ProgressChange, RegexChange>;

}  // namespace millrace::broker
