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

/// Asks for leaders of partitions.
struct ElectLeadersRequest {
  static constexpr ApiKey kApiKey = ApiKey::elect_leaders;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct TopicPartitions {
    friend bool operator==(const TopicPartitions&, const TopicPartitions&) = default;
    std::string topic;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartitions::topic>("Topic", from(0)),
                        field<&TopicPartitions::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ElectLeadersRequest&, const ElectLeadersRequest&) = default;
  std::int8_t election_type = 0;
  std::optional<std::vector<TopicPartitions>> topic_partitions = std::vector<TopicPartitions>{};
  std::int32_t timeout_ms = 60000;

  static constexpr auto fields() {
    return std::tuple{
        field<&ElectLeadersRequest::election_type>("ElectionType", from(1)),
        field<&ElectLeadersRequest::topic_partitions>("TopicPartitions", from(0)).nullable(from(0)),
        field<&ElectLeadersRequest::timeout_ms>("TimeoutMs", from(0))};
  }
};

/// Answer to `ElectLeadersRequest`.
struct ElectLeadersResponse {
  static constexpr ApiKey kApiKey = ApiKey::elect_leaders;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct ReplicaElectionResult {
    struct PartitionResult {
      friend bool operator==(const PartitionResult&, const PartitionResult&) = default;
      std::int32_t partition_id = 0;
      ErrorCode error_code = ErrorCode::none;
      std::optional<std::string> error_message = std::string{};

      static constexpr auto fields() {
        return std::tuple{
            field<&PartitionResult::partition_id>("PartitionId", from(0)),
            field<&PartitionResult::error_code>("ErrorCode", from(0)),
            field<&PartitionResult::error_message>("ErrorMessage", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const ReplicaElectionResult&, const ReplicaElectionResult&) = default;
    std::string topic;
    std::vector<PartitionResult> partition_result;

    static constexpr auto fields() {
      return std::tuple{
          field<&ReplicaElectionResult::topic>("Topic", from(0)),
          field<&ReplicaElectionResult::partition_result>("PartitionResult", from(0))};
    }
  };

  friend bool operator==(const ElectLeadersResponse&, const ElectLeadersResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<ReplicaElectionResult> replica_election_results;

  static constexpr auto fields() {
    return std::tuple{
        field<&ElectLeadersResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&ElectLeadersResponse::error_code>("ErrorCode", from(1)),
        field<&ElectLeadersResponse::replica_election_results>("ReplicaElectionResults", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ElectLeadersRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ElectLeadersResponse);
