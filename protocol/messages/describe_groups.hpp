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
#include "protocol/messages/group_rebalance.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Describes classic groups and their members.
struct DescribeGroupsRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_groups;
  static constexpr VersionRange kVersions{0, 6};
  static constexpr VersionRange kFlexible = from(5);

  friend bool operator==(const DescribeGroupsRequest&, const DescribeGroupsRequest&) = default;
  std::vector<std::string> groups;
  bool include_authorized_operations = false;
  bool include_rebalances = false;  // ours: see GroupRebalance

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeGroupsRequest::groups>("Groups", from(0)),
        field<&DescribeGroupsRequest::include_authorized_operations>("IncludeAuthorizedOperations",
                                                                     from(3)),
        field<&DescribeGroupsRequest::include_rebalances>("IncludeRebalances", from(5))
            .tagged(kOwnTagsFrom, from(5))
            .ignorable()};
  }
};

/// Answer to `DescribeGroupsRequest`.
struct DescribeGroupsResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_groups;
  static constexpr VersionRange kVersions{0, 6};
  static constexpr VersionRange kFlexible = from(5);

  struct DescribedGroup {
    struct DescribedGroupMember {
      friend bool operator==(const DescribedGroupMember&, const DescribedGroupMember&) = default;
      std::string member_id;
      std::optional<std::string> group_instance_id;
      std::string client_id;
      std::string client_host;
      SharedBytes member_metadata;
      SharedBytes member_assignment;

      static constexpr auto fields() {
        return std::tuple{
            field<&DescribedGroupMember::member_id>("MemberId", from(0)),
            field<&DescribedGroupMember::group_instance_id>("GroupInstanceId", from(4))
                .nullable(from(4))
                .ignorable(),
            field<&DescribedGroupMember::client_id>("ClientId", from(0)),
            field<&DescribedGroupMember::client_host>("ClientHost", from(0)),
            field<&DescribedGroupMember::member_metadata>("MemberMetadata", from(0)),
            field<&DescribedGroupMember::member_assignment>("MemberAssignment", from(0))};
      }
    };

    friend bool operator==(const DescribedGroup&, const DescribedGroup&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<DescribedGroupMember> members;
    std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();
    // Ours: see GroupRebalance. Nothing that happened before this time is known; -1: nobody asked,
    // or the broker keeps no history.
    std::int64_t history_since_ms = -1;
    std::vector<GroupRebalance> rebalances;  // oldest first

    static constexpr auto fields() {
      return std::tuple{
          field<&DescribedGroup::error_code>("ErrorCode", from(0)),
          field<&DescribedGroup::error_message>("ErrorMessage", from(6)).nullable(from(6)),
          field<&DescribedGroup::group_id>("GroupId", from(0)),
          field<&DescribedGroup::group_state>("GroupState", from(0)),
          field<&DescribedGroup::protocol_type>("ProtocolType", from(0)),
          field<&DescribedGroup::protocol_data>("ProtocolData", from(0)),
          field<&DescribedGroup::members>("Members", from(0)),
          field<&DescribedGroup::authorized_operations>("AuthorizedOperations", from(3)),
          field<&DescribedGroup::history_since_ms>("HistorySinceMs", from(5))
              .tagged(kOwnTagsFrom, from(5))
              .ignorable(),
          field<&DescribedGroup::rebalances>("Rebalances", from(5))
              .tagged(kOwnTagsFrom + 1, from(5))
              .ignorable()};
    }
  };

  friend bool operator==(const DescribeGroupsResponse&, const DescribeGroupsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DescribedGroup> groups;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeGroupsResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&DescribeGroupsResponse::groups>("Groups", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeGroupsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeGroupsResponse);
