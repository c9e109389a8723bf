#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// What members of classic groups of protocol type "consumer" put into the opaque bytes of
/// JoinGroup and SyncGroup. Each is preceded by its version as int16.

/// What a member wants: its topics, and what it owns already.
struct ConsumerProtocolSubscription {
  static constexpr VersionRange kVersions{0, 3};
  static constexpr VersionRange kFlexible = kNoVersions;

  struct TopicPartition {
    friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
    std::string topic;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartition::topic>("Topic", from(1)),
                        field<&TopicPartition::partitions>("Partitions", from(1))};
    }
  };

  friend bool operator==(const ConsumerProtocolSubscription&,
                         const ConsumerProtocolSubscription&) = default;
  std::vector<std::string> topics;
  std::optional<SharedBytes> user_data;
  std::vector<TopicPartition> owned_partitions;
  std::int32_t generation_id = -1;
  std::optional<std::string> rack_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerProtocolSubscription::topics>("Topics", from(0)),
        field<&ConsumerProtocolSubscription::user_data>("UserData", from(0)).nullable(from(0)),
        field<&ConsumerProtocolSubscription::owned_partitions>("OwnedPartitions", from(1))
            .ignorable(),
        field<&ConsumerProtocolSubscription::generation_id>("GenerationId", from(2)).ignorable(),
        field<&ConsumerProtocolSubscription::rack_id>("RackId", from(3))
            .nullable(from(3))
            .ignorable()};
  }
};

/// What the leader gives to one member.
struct ConsumerProtocolAssignment {
  static constexpr VersionRange kVersions{0, 3};
  static constexpr VersionRange kFlexible = kNoVersions;

  struct TopicPartition {
    friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
    std::string topic;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartition::topic>("Topic", from(0)),
                        field<&TopicPartition::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ConsumerProtocolAssignment&,
                         const ConsumerProtocolAssignment&) = default;
  std::vector<TopicPartition> assigned_partitions;
  std::optional<SharedBytes> user_data;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerProtocolAssignment::assigned_partitions>("AssignedPartitions", from(0)),
        field<&ConsumerProtocolAssignment::user_data>("UserData", from(0)).nullable(from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerProtocolSubscription);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerProtocolAssignment);
