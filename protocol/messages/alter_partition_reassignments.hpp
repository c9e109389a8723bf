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

/// Moves partitions to other brokers, or calls that off.
struct AlterPartitionReassignmentsRequest {
  static constexpr ApiKey kApiKey = ApiKey::alter_partition_reassignments;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct ReassignableTopic {
    struct ReassignablePartition {
      friend bool operator==(const ReassignablePartition&, const ReassignablePartition&) = default;
      std::int32_t partition_index = 0;
      std::optional<std::vector<std::int32_t>> replicas;

      static constexpr auto fields() {
        return std::tuple{
            field<&ReassignablePartition::partition_index>("PartitionIndex", from(0)),
            field<&ReassignablePartition::replicas>("Replicas", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const ReassignableTopic&, const ReassignableTopic&) = default;
    std::string name;
    std::vector<ReassignablePartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&ReassignableTopic::name>("Name", from(0)),
                        field<&ReassignableTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const AlterPartitionReassignmentsRequest&,
                         const AlterPartitionReassignmentsRequest&) = default;
  std::int32_t timeout_ms = 60000;
  bool allow_replication_factor_change = true;
  std::vector<ReassignableTopic> topics;

  static constexpr auto fields() {
    return std::tuple{field<&AlterPartitionReassignmentsRequest::timeout_ms>("TimeoutMs", from(0)),
                      field<&AlterPartitionReassignmentsRequest::allow_replication_factor_change>(
                          "AllowReplicationFactorChange", from(1)),
                      field<&AlterPartitionReassignmentsRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `AlterPartitionReassignmentsRequest`.
struct AlterPartitionReassignmentsResponse {
  static constexpr ApiKey kApiKey = ApiKey::alter_partition_reassignments;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct ReassignableTopicResponse {
    struct ReassignablePartitionResponse {
      friend bool operator==(const ReassignablePartitionResponse&,
                             const ReassignablePartitionResponse&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;
      std::optional<std::string> error_message = std::string{};

      static constexpr auto fields() {
        return std::tuple{
            field<&ReassignablePartitionResponse::partition_index>("PartitionIndex", from(0)),
            field<&ReassignablePartitionResponse::error_code>("ErrorCode", from(0)),
            field<&ReassignablePartitionResponse::error_message>("ErrorMessage", from(0))
                .nullable(from(0))};
      }
    };

    friend bool operator==(const ReassignableTopicResponse&,
                           const ReassignableTopicResponse&) = default;
    std::string name;
    std::vector<ReassignablePartitionResponse> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&ReassignableTopicResponse::name>("Name", from(0)),
                        field<&ReassignableTopicResponse::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const AlterPartitionReassignmentsResponse&,
                         const AlterPartitionReassignmentsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  bool allow_replication_factor_change = true;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = std::string{};
  std::vector<ReassignableTopicResponse> responses;

  static constexpr auto fields() {
    return std::tuple{
        field<&AlterPartitionReassignmentsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&AlterPartitionReassignmentsResponse::allow_replication_factor_change>(
            "AllowReplicationFactorChange", from(1))
            .ignorable(),
        field<&AlterPartitionReassignmentsResponse::error_code>("ErrorCode", from(0)),
        field<&AlterPartitionReassignmentsResponse::error_message>("ErrorMessage", from(0))
            .nullable(from(0)),
        field<&AlterPartitionReassignmentsResponse::responses>("Responses", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::AlterPartitionReassignmentsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::AlterPartitionReassignmentsResponse);
