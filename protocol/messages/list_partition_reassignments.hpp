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

/// Asks which partitions are moving.
struct ListPartitionReassignmentsRequest {
  static constexpr ApiKey kApiKey = ApiKey::list_partition_reassignments;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct ListPartitionReassignmentsTopics {
    friend bool operator==(const ListPartitionReassignmentsTopics&,
                           const ListPartitionReassignmentsTopics&) = default;
    std::string name;
    std::vector<std::int32_t> partition_indexes;

    static constexpr auto fields() {
      return std::tuple{
          field<&ListPartitionReassignmentsTopics::name>("Name", from(0)),
          field<&ListPartitionReassignmentsTopics::partition_indexes>("PartitionIndexes", from(0))};
    }
  };

  friend bool operator==(const ListPartitionReassignmentsRequest&,
                         const ListPartitionReassignmentsRequest&) = default;
  std::int32_t timeout_ms = 60000;
  std::optional<std::vector<ListPartitionReassignmentsTopics>> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListPartitionReassignmentsRequest::timeout_ms>("TimeoutMs", from(0)),
        field<&ListPartitionReassignmentsRequest::topics>("Topics", from(0)).nullable(from(0))};
  }
};

/// Answer to `ListPartitionReassignmentsRequest`.
struct ListPartitionReassignmentsResponse {
  static constexpr ApiKey kApiKey = ApiKey::list_partition_reassignments;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct OngoingTopicReassignment {
    struct OngoingPartitionReassignment {
      friend bool operator==(const OngoingPartitionReassignment&,
                             const OngoingPartitionReassignment&) = default;
      std::int32_t partition_index = 0;
      std::vector<std::int32_t> replicas;
      std::vector<std::int32_t> adding_replicas;
      std::vector<std::int32_t> removing_replicas;

      static constexpr auto fields() {
        return std::tuple{
            field<&OngoingPartitionReassignment::partition_index>("PartitionIndex", from(0)),
            field<&OngoingPartitionReassignment::replicas>("Replicas", from(0)),
            field<&OngoingPartitionReassignment::adding_replicas>("AddingReplicas", from(0)),
            field<&OngoingPartitionReassignment::removing_replicas>("RemovingReplicas", from(0))};
      }
    };

    friend bool operator==(const OngoingTopicReassignment&,
                           const OngoingTopicReassignment&) = default;
    std::string name;
    std::vector<OngoingPartitionReassignment> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OngoingTopicReassignment::name>("Name", from(0)),
                        field<&OngoingTopicReassignment::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ListPartitionReassignmentsResponse&,
                         const ListPartitionReassignmentsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = std::string{};
  std::vector<OngoingTopicReassignment> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&ListPartitionReassignmentsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&ListPartitionReassignmentsResponse::error_code>("ErrorCode", from(0)),
        field<&ListPartitionReassignmentsResponse::error_message>("ErrorMessage", from(0))
            .nullable(from(0)),
        field<&ListPartitionReassignmentsResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ListPartitionReassignmentsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ListPartitionReassignmentsResponse);
