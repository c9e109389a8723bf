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

/// Finds offsets by timestamp, or the ends of a partition.
struct ListOffsetsRequest {
  static constexpr ApiKey kApiKey = ApiKey::list_offsets;
  static constexpr VersionRange kVersions{1, 11};
  static constexpr VersionRange kFlexible = from(6);

  struct ListOffsetsTopic {
    struct ListOffsetsPartition {
      friend bool operator==(const ListOffsetsPartition&, const ListOffsetsPartition&) = default;
      std::int32_t partition_index = 0;
      std::int32_t current_leader_epoch = -1;
      std::int64_t timestamp = 0;

      static constexpr auto fields() {
        return std::tuple{
            field<&ListOffsetsPartition::partition_index>("PartitionIndex", from(0)),
            field<&ListOffsetsPartition::current_leader_epoch>("CurrentLeaderEpoch", from(4))
                .ignorable(),
            field<&ListOffsetsPartition::timestamp>("Timestamp", from(0))};
      }
    };

    friend bool operator==(const ListOffsetsTopic&, const ListOffsetsTopic&) = default;
    std::string name;
    std::vector<ListOffsetsPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&ListOffsetsTopic::name>("Name", from(0)),
                        field<&ListOffsetsTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ListOffsetsRequest&, const ListOffsetsRequest&) = default;
  std::int32_t replica_id = 0;
  std::int8_t isolation_level = 0;
  std::vector<ListOffsetsTopic> topics;
  std::int32_t timeout_ms = 0;

  static constexpr auto fields() {
    return std::tuple{field<&ListOffsetsRequest::replica_id>("ReplicaId", from(0)),
                      field<&ListOffsetsRequest::isolation_level>("IsolationLevel", from(2)),
                      field<&ListOffsetsRequest::topics>("Topics", from(0)),
                      field<&ListOffsetsRequest::timeout_ms>("TimeoutMs", from(10)).ignorable()};
  }
};

/// Answer to `ListOffsetsRequest`.
struct ListOffsetsResponse {
  static constexpr ApiKey kApiKey = ApiKey::list_offsets;
  static constexpr VersionRange kVersions{1, 11};
  static constexpr VersionRange kFlexible = from(6);

  struct ListOffsetsTopicResponse {
    struct ListOffsetsPartitionResponse {
      friend bool operator==(const ListOffsetsPartitionResponse&,
                             const ListOffsetsPartitionResponse&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;
      std::int64_t timestamp = -1;
      std::int64_t offset = -1;
      std::int32_t leader_epoch = -1;

      static constexpr auto fields() {
        return std::tuple{
            field<&ListOffsetsPartitionResponse::partition_index>("PartitionIndex", from(0)),
            field<&ListOffsetsPartitionResponse::error_code>("ErrorCode", from(0)),
            field<&ListOffsetsPartitionResponse::timestamp>("Timestamp", from(1)),
            field<&ListOffsetsPartitionResponse::offset>("Offset", from(1)),
            field<&ListOffsetsPartitionResponse::leader_epoch>("LeaderEpoch", from(4))};
      }
    };

    friend bool operator==(const ListOffsetsTopicResponse&,
                           const ListOffsetsTopicResponse&) = default;
    std::string name;
    std::vector<ListOffsetsPartitionResponse> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&ListOffsetsTopicResponse::name>("Name", from(0)),
                        field<&ListOffsetsTopicResponse::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ListOffsetsResponse&, const ListOffsetsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<ListOffsetsTopicResponse> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListOffsetsResponse::throttle_time_ms>("ThrottleTimeMs", from(2)).ignorable(),
        field<&ListOffsetsResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ListOffsetsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ListOffsetsResponse);
