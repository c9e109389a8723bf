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

/// Enters a classic consumer group, or its next generation.
struct JoinGroupRequest {
  static constexpr ApiKey kApiKey = ApiKey::join_group;
  static constexpr VersionRange kVersions{0, 9};
  static constexpr VersionRange kFlexible = from(6);

  struct JoinGroupRequestProtocol {
    friend bool operator==(const JoinGroupRequestProtocol&,
                           const JoinGroupRequestProtocol&) = default;
    std::string name;
    SharedBytes metadata;

    static constexpr auto fields() {
      return std::tuple{field<&JoinGroupRequestProtocol::name>("Name", from(0)),
                        field<&JoinGroupRequestProtocol::metadata>("Metadata", from(0))};
    }
  };

  friend bool operator==(const JoinGroupRequest&, const JoinGroupRequest&) = default;
  std::string group_id;
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string protocol_type;
  std::vector<JoinGroupRequestProtocol> protocols;
  std::optional<std::string> reason;

  static constexpr auto fields() {
    return std::tuple{
        field<&JoinGroupRequest::group_id>("GroupId", from(0)),
        field<&JoinGroupRequest::session_timeout_ms>("SessionTimeoutMs", from(0)),
        field<&JoinGroupRequest::rebalance_timeout_ms>("RebalanceTimeoutMs", from(1)).ignorable(),
        field<&JoinGroupRequest::member_id>("MemberId", from(0)),
        field<&JoinGroupRequest::group_instance_id>("GroupInstanceId", from(5)).nullable(from(5)),
        field<&JoinGroupRequest::protocol_type>("ProtocolType", from(0)),
        field<&JoinGroupRequest::protocols>("Protocols", from(0)),
        field<&JoinGroupRequest::reason>("Reason", from(8)).nullable(from(8)).ignorable()};
  }
};

/// Answer to `JoinGroupRequest`.
struct JoinGroupResponse {
  static constexpr ApiKey kApiKey = ApiKey::join_group;
  static constexpr VersionRange kVersions{0, 9};
  static constexpr VersionRange kFlexible = from(6);

  struct JoinGroupResponseMember {
    friend bool operator==(const JoinGroupResponseMember&,
                           const JoinGroupResponseMember&) = default;
    std::string member_id;
    std::optional<std::string> group_instance_id;
    SharedBytes metadata;

    static constexpr auto fields() {
      return std::tuple{
          field<&JoinGroupResponseMember::member_id>("MemberId", from(0)),
          field<&JoinGroupResponseMember::group_instance_id>("GroupInstanceId", from(5))
              .nullable(from(5))
              .ignorable(),
          field<&JoinGroupResponseMember::metadata>("Metadata", from(0))};
    }
  };

  friend bool operator==(const JoinGroupResponse&, const JoinGroupResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name = std::string{};
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<JoinGroupResponseMember> members;

  static constexpr auto fields() {
    return std::tuple{
        field<&JoinGroupResponse::throttle_time_ms>("ThrottleTimeMs", from(2)).ignorable(),
        field<&JoinGroupResponse::error_code>("ErrorCode", from(0)),
        field<&JoinGroupResponse::generation_id>("GenerationId", from(0)),
        field<&JoinGroupResponse::protocol_type>("ProtocolType", from(7))
            .nullable(from(7))
            .ignorable(),
        field<&JoinGroupResponse::protocol_name>("ProtocolName", from(0)).nullable(from(7)),
        field<&JoinGroupResponse::leader>("Leader", from(0)),
        field<&JoinGroupResponse::skip_assignment>("SkipAssignment", from(9)),
        field<&JoinGroupResponse::member_id>("MemberId", from(0)),
        field<&JoinGroupResponse::members>("Members", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::JoinGroupRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::JoinGroupResponse);
