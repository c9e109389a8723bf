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

/// Records of the topic `__consumer_offsets` that groups of the consumer protocol (KIP-848) need.
/// Framed as those in group_records.hpp: the record type before the key, the version before the
/// value.

/// Record type 3: the epoch of a group, and of what its topics were then.
struct ConsumerGroupMetadataKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupMetadataKey&,
                         const ConsumerGroupMetadataKey&) = default;
  std::string group_id;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupMetadataKey::group_id>("GroupId", only(0))};
  }
};

struct ConsumerGroupMetadataValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const ConsumerGroupMetadataValue&,
                         const ConsumerGroupMetadataValue&) = default;
  std::int32_t epoch = 0;
  std::int64_t metadata_hash = 0;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupMetadataValue::epoch>("Epoch", from(0)),
                      field<&ConsumerGroupMetadataValue::metadata_hash>("MetadataHash", from(0))
                          .tagged(0, from(0))};
  }
};

/// Record type 4: what a group knew of its topics. Superseded by the hash in type 3, and not
/// written.
struct ConsumerGroupPartitionMetadataKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupPartitionMetadataKey&,
                         const ConsumerGroupPartitionMetadataKey&) = default;
  std::string group_id;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupPartitionMetadataKey::group_id>("GroupId", only(0))};
  }
};

struct ConsumerGroupPartitionMetadataValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicMetadata {
    struct PartitionMetadata {
      friend bool operator==(const PartitionMetadata&, const PartitionMetadata&) = default;
      std::int32_t partition = 0;
      std::vector<std::string> racks;

      static constexpr auto fields() {
        return std::tuple{field<&PartitionMetadata::partition>("Partition", from(0)),
                          field<&PartitionMetadata::racks>("Racks", from(0))};
      }
    };

    friend bool operator==(const TopicMetadata&, const TopicMetadata&) = default;
    Uuid topic_id;
    std::string topic_name;
    std::int32_t num_partitions = 0;
    std::vector<PartitionMetadata> partition_metadata;

    static constexpr auto fields() {
      return std::tuple{field<&TopicMetadata::topic_id>("TopicId", from(0)),
                        field<&TopicMetadata::topic_name>("TopicName", from(0)),
                        field<&TopicMetadata::num_partitions>("NumPartitions", from(0)),
                        field<&TopicMetadata::partition_metadata>("PartitionMetadata", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupPartitionMetadataValue&,
                         const ConsumerGroupPartitionMetadataValue&) = default;
  std::vector<TopicMetadata> topics;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupPartitionMetadataValue::topics>("Topics", from(0))};
  }
};

/// Record type 5: who a member is and what it subscribes to.
struct ConsumerGroupMemberMetadataKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupMemberMetadataKey&,
                         const ConsumerGroupMemberMetadataKey&) = default;
  std::string group_id;
  std::string member_id;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupMemberMetadataKey::group_id>("GroupId", only(0)),
                      field<&ConsumerGroupMemberMetadataKey::member_id>("MemberId", only(0))};
  }
};

struct ConsumerGroupMemberMetadataValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct ClassicMemberMetadata {
    struct ClassicProtocol {
      friend bool operator==(const ClassicProtocol&, const ClassicProtocol&) = default;
      std::string name;
      SharedBytes metadata;

      static constexpr auto fields() {
        return std::tuple{field<&ClassicProtocol::name>("Name", from(0)),
                          field<&ClassicProtocol::metadata>("Metadata", from(0))};
      }
    };

    friend bool operator==(const ClassicMemberMetadata&, const ClassicMemberMetadata&) = default;
    std::int32_t session_timeout_ms = 0;
    std::vector<ClassicProtocol> supported_protocols;

    static constexpr auto fields() {
      return std::tuple{
          field<&ClassicMemberMetadata::session_timeout_ms>("SessionTimeoutMs", from(0)),
          field<&ClassicMemberMetadata::supported_protocols>("SupportedProtocols", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupMemberMetadataValue&,
                         const ConsumerGroupMemberMetadataValue&) = default;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  std::vector<std::string> subscribed_topic_names;
  std::optional<std::string> subscribed_topic_regex;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> server_assignor;
  std::optional<ClassicMemberMetadata> classic_member_metadata;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupMemberMetadataValue::instance_id>("InstanceId", from(0))
            .nullable(from(0)),
        field<&ConsumerGroupMemberMetadataValue::rack_id>("RackId", from(0)).nullable(from(0)),
        field<&ConsumerGroupMemberMetadataValue::client_id>("ClientId", from(0)),
        field<&ConsumerGroupMemberMetadataValue::client_host>("ClientHost", from(0)),
        field<&ConsumerGroupMemberMetadataValue::subscribed_topic_names>("SubscribedTopicNames",
                                                                         from(0)),
        field<&ConsumerGroupMemberMetadataValue::subscribed_topic_regex>("SubscribedTopicRegex",
                                                                         from(0))
            .nullable(from(0)),
        field<&ConsumerGroupMemberMetadataValue::rebalance_timeout_ms>("RebalanceTimeoutMs",
                                                                       from(0)),
        field<&ConsumerGroupMemberMetadataValue::server_assignor>("ServerAssignor", from(0))
            .nullable(from(0)),
        field<&ConsumerGroupMemberMetadataValue::classic_member_metadata>("ClassicMemberMetadata",
                                                                          from(0))
            .nullable(from(0))
            .tagged(0, from(0))};
  }
};

/// Record type 6: the group epoch that the target assignment was made for.
struct ConsumerGroupTargetAssignmentMetadataKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupTargetAssignmentMetadataKey&,
                         const ConsumerGroupTargetAssignmentMetadataKey&) = default;
  std::string group_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupTargetAssignmentMetadataKey::group_id>("GroupId", only(0))};
  }
};

struct ConsumerGroupTargetAssignmentMetadataValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const ConsumerGroupTargetAssignmentMetadataValue&,
                         const ConsumerGroupTargetAssignmentMetadataValue&) = default;
  std::int32_t assignment_epoch = 0;
  std::int64_t assignment_timestamp = 0;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupTargetAssignmentMetadataValue::assignment_epoch>(
                          "AssignmentEpoch", from(0)),
                      field<&ConsumerGroupTargetAssignmentMetadataValue::assignment_timestamp>(
                          "AssignmentTimestamp", from(0))
                          .tagged(0, from(0))
                          .ignorable()};
  }
};

/// Record type 7: what a member is to have.
struct ConsumerGroupTargetAssignmentMemberKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupTargetAssignmentMemberKey&,
                         const ConsumerGroupTargetAssignmentMemberKey&) = default;
  std::string group_id;
  std::string member_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupTargetAssignmentMemberKey::group_id>("GroupId", only(0)),
        field<&ConsumerGroupTargetAssignmentMemberKey::member_id>("MemberId", only(0))};
  }
};

struct ConsumerGroupTargetAssignmentMemberValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicPartition {
    friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
    Uuid topic_id;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartition::topic_id>("TopicId", from(0)),
                        field<&TopicPartition::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupTargetAssignmentMemberValue&,
                         const ConsumerGroupTargetAssignmentMemberValue&) = default;
  std::vector<TopicPartition> topic_partitions;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupTargetAssignmentMemberValue::topic_partitions>(
        "TopicPartitions", from(0))};
  }
};

/// Record type 8: what a member has, and how far it is on the way to its target.
struct ConsumerGroupCurrentMemberAssignmentKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupCurrentMemberAssignmentKey&,
                         const ConsumerGroupCurrentMemberAssignmentKey&) = default;
  std::string group_id;
  std::string member_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupCurrentMemberAssignmentKey::group_id>("GroupId", only(0)),
        field<&ConsumerGroupCurrentMemberAssignmentKey::member_id>("MemberId", only(0))};
  }
};

struct ConsumerGroupCurrentMemberAssignmentValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicPartitions {
    friend bool operator==(const TopicPartitions&, const TopicPartitions&) = default;
    Uuid topic_id;
    std::vector<std::int32_t> partitions;
    std::optional<std::vector<std::int32_t>> assignment_epochs;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartitions::topic_id>("TopicId", from(0)),
                        field<&TopicPartitions::partitions>("Partitions", from(0)),
                        field<&TopicPartitions::assignment_epochs>("AssignmentEpochs", from(0))
                            .nullable(from(0))
                            .tagged(0, from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupCurrentMemberAssignmentValue&,
                         const ConsumerGroupCurrentMemberAssignmentValue&) = default;
  std::int32_t member_epoch = 0;
  std::int32_t previous_member_epoch = 0;
  std::int8_t state = 0;
  std::vector<TopicPartitions> assigned_partitions;
  std::vector<TopicPartitions> partitions_pending_revocation;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupCurrentMemberAssignmentValue::member_epoch>("MemberEpoch", from(0)),
        field<&ConsumerGroupCurrentMemberAssignmentValue::previous_member_epoch>(
            "PreviousMemberEpoch", from(0)),
        field<&ConsumerGroupCurrentMemberAssignmentValue::state>("State", from(0)),
        field<&ConsumerGroupCurrentMemberAssignmentValue::assigned_partitions>("AssignedPartitions",
                                                                               from(0)),
        field<&ConsumerGroupCurrentMemberAssignmentValue::partitions_pending_revocation>(
            "PartitionsPendingRevocation", from(0))};
  }
};

/// Record type 16: the topics that a regular expression stands for.
struct ConsumerGroupRegularExpressionKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const ConsumerGroupRegularExpressionKey&,
                         const ConsumerGroupRegularExpressionKey&) = default;
  std::string group_id;
  std::string regular_expression;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupRegularExpressionKey::group_id>("GroupId", only(0)),
                      field<&ConsumerGroupRegularExpressionKey::regular_expression>(
                          "RegularExpression", only(0))};
  }
};

struct ConsumerGroupRegularExpressionValue {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const ConsumerGroupRegularExpressionValue&,
                         const ConsumerGroupRegularExpressionValue&) = default;
  std::vector<std::string> topics;
  std::int64_t version = 0;
  std::int64_t timestamp = 0;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupRegularExpressionValue::topics>("Topics", from(0)),
                      field<&ConsumerGroupRegularExpressionValue::version>("Version", from(0)),
                      field<&ConsumerGroupRegularExpressionValue::timestamp>("Timestamp", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupMetadataKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupMetadataValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupPartitionMetadataKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupPartitionMetadataValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupMemberMetadataKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupMemberMetadataValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMetadataKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMetadataValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMemberKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupTargetAssignmentMemberValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupCurrentMemberAssignmentKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupCurrentMemberAssignmentValue);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupRegularExpressionKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupRegularExpressionValue);
