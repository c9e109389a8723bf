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

/// Describes groups of the consumer protocol and their members.
struct ConsumerGroupDescribeRequest {
  static constexpr ApiKey kApiKey = ApiKey::consumer_group_describe;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const ConsumerGroupDescribeRequest&,
                         const ConsumerGroupDescribeRequest&) = default;
  std::vector<std::string> group_ids;
  bool include_authorized_operations = false;

  static constexpr auto fields() {
    return std::tuple{field<&ConsumerGroupDescribeRequest::group_ids>("GroupIds", from(0)),
                      field<&ConsumerGroupDescribeRequest::include_authorized_operations>(
                          "IncludeAuthorizedOperations", from(0))};
  }
};

/// Answer to `ConsumerGroupDescribeRequest`.
struct ConsumerGroupDescribeResponse {
  static constexpr ApiKey kApiKey = ApiKey::consumer_group_describe;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(0);

  struct DescribedGroup {
    struct Assignment {
      struct TopicPartitions {
        friend bool operator==(const TopicPartitions&, const TopicPartitions&) = default;
        Uuid topic_id;
        std::string topic_name;
        std::vector<std::int32_t> partitions;

        static constexpr auto fields() {
          return std::tuple{field<&TopicPartitions::topic_id>("TopicId", from(0)),
                            field<&TopicPartitions::topic_name>("TopicName", from(0)),
                            field<&TopicPartitions::partitions>("Partitions", from(0))};
        }
      };

      friend bool operator==(const Assignment&, const Assignment&) = default;
      std::vector<TopicPartitions> topic_partitions;

      static constexpr auto fields() {
        return std::tuple{field<&Assignment::topic_partitions>("TopicPartitions", from(0))};
      }
    };

    struct Member {
      friend bool operator==(const Member&, const Member&) = default;
      std::string member_id;
      std::optional<std::string> instance_id;
      std::optional<std::string> rack_id;
      std::int32_t member_epoch = 0;
      std::string client_id;
      std::string client_host;
      std::vector<std::string> subscribed_topic_names;
      std::optional<std::string> subscribed_topic_regex;
      Assignment assignment;
      Assignment target_assignment;
      std::int8_t member_type = -1;

      static constexpr auto fields() {
        return std::tuple{field<&Member::member_id>("MemberId", from(0)),
                          field<&Member::instance_id>("InstanceId", from(0)).nullable(from(0)),
                          field<&Member::rack_id>("RackId", from(0)).nullable(from(0)),
                          field<&Member::member_epoch>("MemberEpoch", from(0)),
                          field<&Member::client_id>("ClientId", from(0)),
                          field<&Member::client_host>("ClientHost", from(0)),
                          field<&Member::subscribed_topic_names>("SubscribedTopicNames", from(0)),
                          field<&Member::subscribed_topic_regex>("SubscribedTopicRegex", from(0))
                              .nullable(from(0)),
                          field<&Member::assignment>("Assignment", from(0)),
                          field<&Member::target_assignment>("TargetAssignment", from(0)),
                          field<&Member::member_type>("MemberType", from(1)).ignorable()};
      }
    };

    friend bool operator==(const DescribedGroup&, const DescribedGroup&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::int32_t group_epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::string assignor_name;
    std::vector<Member> members;
    std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();

    static constexpr auto fields() {
      return std::tuple{
          field<&DescribedGroup::error_code>("ErrorCode", from(0)),
          field<&DescribedGroup::error_message>("ErrorMessage", from(0)).nullable(from(0)),
          field<&DescribedGroup::group_id>("GroupId", from(0)),
          field<&DescribedGroup::group_state>("GroupState", from(0)),
          field<&DescribedGroup::group_epoch>("GroupEpoch", from(0)),
          field<&DescribedGroup::assignment_epoch>("AssignmentEpoch", from(0)),
          field<&DescribedGroup::assignor_name>("AssignorName", from(0)),
          field<&DescribedGroup::members>("Members", from(0)),
          field<&DescribedGroup::authorized_operations>("AuthorizedOperations", from(0))};
    }
  };

  friend bool operator==(const ConsumerGroupDescribeResponse&,
                         const ConsumerGroupDescribeResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DescribedGroup> groups;

  static constexpr auto fields() {
    return std::tuple{
        field<&ConsumerGroupDescribeResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&ConsumerGroupDescribeResponse::groups>("Groups", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupDescribeRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ConsumerGroupDescribeResponse);
