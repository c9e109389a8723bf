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

/// A member of a group of the consumer protocol (KIP-848) joins, stays or leaves.
struct ConsumerGroupHeartbeatRequest {
  static constexpr ApiKey kApiKey = ApiKey::consumer_group_heartbeat;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicPartitions {
    friend bool operator==(const TopicPartitions&, const TopicPartitions&) = default;
    Uuid topic_id;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicPartitions::topic_id>("TopicId", from(0)),
                        field<&TopicPartitions::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupHeartbeatRequest&,
                         const ConsumerGroupHeartbeatRequest&) = default;
  std::string group_id;
  std::string member_id;
  std::int32_t member_epoch = 0;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::vector<std::string>> subscribed_topic_names;
  std::optional<std::string> subscribed_topic_regex;
  std::optional<std::string> server_assignor;
  std::optional<std::vector<TopicPartitions>> topic_partitions;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupHeartbeatRequest::group_id>("GroupId", from(0)),
        field<&ConsumerGroupHeartbeatRequest::member_id>("MemberId", from(0)),
        field<&ConsumerGroupHeartbeatRequest::member_epoch>("MemberEpoch", from(0)),
        field<&ConsumerGroupHeartbeatRequest::instance_id>("InstanceId", from(0)).nullable(from(0)),
        field<&ConsumerGroupHeartbeatRequest::rack_id>("RackId", from(0)).nullable(from(0)),
        field<&ConsumerGroupHeartbeatRequest::rebalance_timeout_ms>("RebalanceTimeoutMs", from(0)),
        field<&ConsumerGroupHeartbeatRequest::subscribed_topic_names>("SubscribedTopicNames",
                                                                      from(0))
            .nullable(from(0)),
        field<&ConsumerGroupHeartbeatRequest::subscribed_topic_regex>("SubscribedTopicRegex",
                                                                      from(1))
            .nullable(from(1)),
        field<&ConsumerGroupHeartbeatRequest::server_assignor>("ServerAssignor", from(0))
            .nullable(from(0)),
        field<&ConsumerGroupHeartbeatRequest::topic_partitions>("TopicPartitions", from(0))
            .nullable(from(0))};
  }
};

/// Answer to `ConsumerGroupHeartbeatRequest`. No assignment: it is as it was.
struct ConsumerGroupHeartbeatResponse {
  static constexpr ApiKey kApiKey = ApiKey::consumer_group_heartbeat;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct Assignment {
    struct TopicPartitions {
      friend bool operator==(const TopicPartitions&, const TopicPartitions&) = default;
      Uuid topic_id;
      std::vector<std::int32_t> partitions;

      static constexpr auto fields() {
        return std::tuple{field<&TopicPartitions::topic_id>("TopicId", from(0)),
                          field<&TopicPartitions::partitions>("Partitions", from(0))};
      }
    };

    friend bool operator==(const Assignment&, const Assignment&) = default;
    std::vector<TopicPartitions> topic_partitions;

    static constexpr auto fields() {
      return std::tuple{field<&Assignment::topic_partitions>("TopicPartitions", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupHeartbeatResponse&,
                         const ConsumerGroupHeartbeatResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message;
  std::optional<std::string> member_id;
  std::int32_t member_epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::optional<Assignment> assignment;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupHeartbeatResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&ConsumerGroupHeartbeatResponse::error_code>("ErrorCode", from(0)),
        field<&ConsumerGroupHeartbeatResponse::error_message>("ErrorMessage", from(0))
            .nullable(from(0)),
        field<&ConsumerGroupHeartbeatResponse::member_id>("MemberId", from(0)).nullable(from(0)),
        field<&ConsumerGroupHeartbeatResponse::member_epoch>("MemberEpoch", from(0)),
        field<&ConsumerGroupHeartbeatResponse::heartbeat_interval_ms>("HeartbeatIntervalMs",
                                                                      from(0)),
        field<&ConsumerGroupHeartbeatResponse::assignment>("Assignment", from(0))
            .nullable(from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupHeartbeatRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupHeartbeatResponse);
