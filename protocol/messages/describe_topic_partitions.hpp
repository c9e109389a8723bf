#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/api_key.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Describes topics and their partitions, page by page.
struct DescribeTopicPartitionsRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_topic_partitions;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicRequest {
    friend bool operator==(const TopicRequest&, const TopicRequest&) = default;
    std::string name;

    static constexpr auto fields() {
      return std::tuple{field<&TopicRequest::name>("Name", from(0))};
    }
  };

  struct Cursor {
    friend bool operator==(const Cursor&, const Cursor&) = default;
    std::string topic_name;
    std::int32_t partition_index = 0;

    static constexpr auto fields() {
      return std::tuple{field<&Cursor::topic_name>("TopicName", from(0)),
                        field<&Cursor::partition_index>("PartitionIndex", from(0))};
    }
  };

  friend bool operator==(const DescribeTopicPartitionsRequest&,
                         const DescribeTopicPartitionsRequest&) = default;
  std::vector<TopicRequest> topics;
  std::int32_t response_partition_limit = 2000;
  std::optional<Cursor> cursor;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeTopicPartitionsRequest::topics>("Topics", from(0)),
        field<&DescribeTopicPartitionsRequest::response_partition_limit>("ResponsePartitionLimit",
                                                                         from(0)),
        field<&DescribeTopicPartitionsRequest::cursor>("Cursor", from(0)).nullable(from(0))};
  }
};

/// Answer to `DescribeTopicPartitionsRequest`.
struct DescribeTopicPartitionsResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_topic_partitions;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct DescribeTopicPartitionsResponseTopic {
    struct DescribeTopicPartitionsResponsePartition {
      friend bool operator==(const DescribeTopicPartitionsResponsePartition&,
                             const DescribeTopicPartitionsResponsePartition&) = default;
      ErrorCode error_code = ErrorCode::none;
      std::int32_t partition_index = 0;
      std::int32_t leader_id = 0;
      std::int32_t leader_epoch = -1;
      std::vector<std::int32_t> replica_nodes;
      std::vector<std::int32_t> isr_nodes;
      std::optional<std::vector<std::int32_t>> eligible_leader_replicas;
      std::optional<std::vector<std::int32_t>> last_known_elr;
      std::vector<std::int32_t> offline_replicas;

      static constexpr auto fields() {
        return std::tuple{
            field<&DescribeTopicPartitionsResponsePartition::error_code>("ErrorCode", from(0)),
            field<&DescribeTopicPartitionsResponsePartition::partition_index>("PartitionIndex",
                                                                              from(0)),
            field<&DescribeTopicPartitionsResponsePartition::leader_id>("LeaderId", from(0)),
            field<&DescribeTopicPartitionsResponsePartition::leader_epoch>("LeaderEpoch", from(0))
                .ignorable(),
            field<&DescribeTopicPartitionsResponsePartition::replica_nodes>("ReplicaNodes",
                                                                            from(0)),
            field<&DescribeTopicPartitionsResponsePartition::isr_nodes>("IsrNodes", from(0)),
            field<&DescribeTopicPartitionsResponsePartition::eligible_leader_replicas>(
                "EligibleLeaderReplicas", from(0))
                .nullable(from(0)),
            field<&DescribeTopicPartitionsResponsePartition::last_known_elr>("LastKnownElr",
                                                                             from(0))
                .nullable(from(0)),
            field<&DescribeTopicPartitionsResponsePartition::offline_replicas>("OfflineReplicas",
                                                                               from(0))
                .ignorable()};
      }
    };

    friend bool operator==(const DescribeTopicPartitionsResponseTopic&,
                           const DescribeTopicPartitionsResponseTopic&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> name = std::string{};
    Uuid topic_id;
    bool is_internal = false;
    std::vector<DescribeTopicPartitionsResponsePartition> partitions;
    std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();

    static constexpr auto fields() {
      return std::tuple{
          field<&DescribeTopicPartitionsResponseTopic::error_code>("ErrorCode", from(0)),
          field<&DescribeTopicPartitionsResponseTopic::name>("Name", from(0)).nullable(from(0)),
          field<&DescribeTopicPartitionsResponseTopic::topic_id>("TopicId", from(0)).ignorable(),
          field<&DescribeTopicPartitionsResponseTopic::is_internal>("IsInternal", from(0))
              .ignorable(),
          field<&DescribeTopicPartitionsResponseTopic::partitions>("Partitions", from(0)),
          field<&DescribeTopicPartitionsResponseTopic::topic_authorized_operations>(
              "TopicAuthorizedOperations", from(0))};
    }
  };

  struct Cursor {
    friend bool operator==(const Cursor&, const Cursor&) = default;
    std::string topic_name;
    std::int32_t partition_index = 0;

    static constexpr auto fields() {
      return std::tuple{field<&Cursor::topic_name>("TopicName", from(0)),
                        field<&Cursor::partition_index>("PartitionIndex", from(0))};
    }
  };

  friend bool operator==(const DescribeTopicPartitionsResponse&,
                         const DescribeTopicPartitionsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DescribeTopicPartitionsResponseTopic> topics;
  std::optional<Cursor> next_cursor;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeTopicPartitionsResponse::throttle_time_ms>("ThrottleTimeMs", from(0))
            .ignorable(),
        field<&DescribeTopicPartitionsResponse::topics>("Topics", from(0)),
        field<&DescribeTopicPartitionsResponse::next_cursor>("NextCursor", from(0))
            .nullable(from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeTopicPartitionsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeTopicPartitionsResponse);
