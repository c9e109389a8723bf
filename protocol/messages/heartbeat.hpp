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

/// Keeps a member of a classic group alive and tells it of rebalances.
struct HeartbeatRequest {
  static constexpr ApiKey kApiKey = ApiKey::heartbeat;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(4);

  friend bool operator==(const HeartbeatRequest&, const HeartbeatRequest&) = default;
  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&HeartbeatRequest::group_id>("GroupId", from(0)),
        field<&HeartbeatRequest::generation_id>("GenerationId", from(0)),
        field<&HeartbeatRequest::member_id>("MemberId", from(0)),
        field<&HeartbeatRequest::group_instance_id>("GroupInstanceId", from(3)).nullable(from(3))};
  }
};

/// Answer to `HeartbeatRequest`.
struct HeartbeatResponse {
  static constexpr ApiKey kApiKey = ApiKey::heartbeat;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(4);

  friend bool operator==(const HeartbeatResponse&, const HeartbeatResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;

  static constexpr auto fields() {
    return std::tuple{
        field<&HeartbeatResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&HeartbeatResponse::error_code>("ErrorCode", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::HeartbeatRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::HeartbeatResponse);
