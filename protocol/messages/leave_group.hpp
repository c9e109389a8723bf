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

/// Takes members out of a classic group.
struct LeaveGroupRequest {
  static constexpr ApiKey kApiKey = ApiKey::leave_group;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(4);

  struct MemberIdentity {
    friend bool operator==(const MemberIdentity&, const MemberIdentity&) = default;
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::string> reason;

    static constexpr auto fields() {
      return std::tuple{
          field<&MemberIdentity::member_id>("MemberId", from(3)),
          field<&MemberIdentity::group_instance_id>("GroupInstanceId", from(3)).nullable(from(3)),
          field<&MemberIdentity::reason>("Reason", from(5)).nullable(from(5)).ignorable()};
    }
  };

  friend bool operator==(const LeaveGroupRequest&, const LeaveGroupRequest&) = default;
  std::string group_id;
  std::string member_id;
  std::vector<MemberIdentity> members;

  static constexpr auto fields() {
    return std::tuple{field<&LeaveGroupRequest::group_id>("GroupId", from(0)),
                      field<&LeaveGroupRequest::member_id>("MemberId", between(0, 2)),
                      field<&LeaveGroupRequest::members>("Members", from(3))};
  }
};

/// Answer to `LeaveGroupRequest`.
struct LeaveGroupResponse {
  static constexpr ApiKey kApiKey = ApiKey::leave_group;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(4);

  struct MemberResponse {
    friend bool operator==(const MemberResponse&, const MemberResponse&) = default;
    std::string member_id;
    std::optional<std::string> group_instance_id = std::string{};
    ErrorCode error_code = ErrorCode::none;

    static constexpr auto fields() {
      return std::tuple{
          field<&MemberResponse::member_id>("MemberId", from(3)),
          field<&MemberResponse::group_instance_id>("GroupInstanceId", from(3)).nullable(from(3)),
          field<&MemberResponse::error_code>("ErrorCode", from(3))};
    }
  };

  friend bool operator==(const LeaveGroupResponse&, const LeaveGroupResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<MemberResponse> members;

  static constexpr auto fields() {
    return std::tuple{
        field<&LeaveGroupResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&LeaveGroupResponse::error_code>("ErrorCode", from(0)),
        field<&LeaveGroupResponse::members>("Members", from(3))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::LeaveGroupRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::LeaveGroupResponse);
