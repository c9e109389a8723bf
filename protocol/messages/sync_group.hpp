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

/// Hands the leader's assignment to the members of a classic group.
struct SyncGroupRequest {
  static constexpr ApiKey kApiKey = ApiKey::sync_group;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(4);

  struct SyncGroupRequestAssignment {
    friend bool operator==(const SyncGroupRequestAssignment&,
                           const SyncGroupRequestAssignment&) = default;
    std::string member_id;
    SharedBytes assignment;

    static constexpr auto fields() {
      return std::tuple{field<&SyncGroupRequestAssignment::member_id>("MemberId", from(0)),
                        field<&SyncGroupRequestAssignment::assignment>("Assignment", from(0))};
    }
  };

  friend bool operator==(const SyncGroupRequest&, const SyncGroupRequest&) = default;
  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<SyncGroupRequestAssignment> assignments;

  static constexpr auto fields() {
    return std::tuple{
        field<&SyncGroupRequest::group_id>("GroupId", from(0)),
        field<&SyncGroupRequest::generation_id>("GenerationId", from(0)),
        field<&SyncGroupRequest::member_id>("MemberId", from(0)),
        field<&SyncGroupRequest::group_instance_id>("GroupInstanceId", from(3)).nullable(from(3)),
        field<&SyncGroupRequest::protocol_type>("ProtocolType", from(5))
            .nullable(from(5))
            .ignorable(),
        field<&SyncGroupRequest::protocol_name>("ProtocolName", from(5))
            .nullable(from(5))
            .ignorable(),
        field<&SyncGroupRequest::assignments>("Assignments", from(0))};
  }
};

/// Answer to `SyncGroupRequest`.
struct SyncGroupResponse {
  static constexpr ApiKey kApiKey = ApiKey::sync_group;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(4);

  friend bool operator==(const SyncGroupResponse&, const SyncGroupResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  SharedBytes assignment;

  static constexpr auto fields() {
    return std::tuple{
        field<&SyncGroupResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&SyncGroupResponse::error_code>("ErrorCode", from(0)),
        field<&SyncGroupResponse::protocol_type>("ProtocolType", from(5))
            .nullable(from(5))
            .ignorable(),
        field<&SyncGroupResponse::protocol_name>("ProtocolName", from(5))
            .nullable(from(5))
            .ignorable(),
        field<&SyncGroupResponse::assignment>("Assignment", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::SyncGroupRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::SyncGroupResponse);
