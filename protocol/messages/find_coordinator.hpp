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

/// Tells which broker coordinates a group or a transactional id.
struct FindCoordinatorRequest {
  static constexpr ApiKey kApiKey = ApiKey::find_coordinator;
  static constexpr VersionRange kVersions{0, 6};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const FindCoordinatorRequest&, const FindCoordinatorRequest&) = default;
  std::string key;
  std::int8_t key_type = 0;
  std::vector<std::string> coordinator_keys;

  static constexpr auto fields() {
    return std::tuple{field<&FindCoordinatorRequest::key>("Key", between(0, 3)),
                      field<&FindCoordinatorRequest::key_type>("KeyType", from(1)),
                      field<&FindCoordinatorRequest::coordinator_keys>("CoordinatorKeys", from(4))};
  }
};

/// Answer to `FindCoordinatorRequest`.
struct FindCoordinatorResponse {
  static constexpr ApiKey kApiKey = ApiKey::find_coordinator;
  static constexpr VersionRange kVersions{0, 6};
  static constexpr VersionRange kFlexible = from(3);

  struct Coordinator {
    friend bool operator==(const Coordinator&, const Coordinator&) = default;
    std::string key;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = std::string{};

    static constexpr auto fields() {
      return std::tuple{field<&Coordinator::key>("Key", from(4)),
                        field<&Coordinator::node_id>("NodeId", from(4)),
                        field<&Coordinator::host>("Host", from(4)),
                        field<&Coordinator::port>("Port", from(4)),
                        field<&Coordinator::error_code>("ErrorCode", from(4)),
                        field<&Coordinator::error_message>("ErrorMessage", from(4))
                            .nullable(from(4))
                            .ignorable()};
    }
  };

  friend bool operator==(const FindCoordinatorResponse&, const FindCoordinatorResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = std::string{};
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;
  std::vector<Coordinator> coordinators;

  static constexpr auto fields() {
    return std::tuple{
        field<&FindCoordinatorResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&FindCoordinatorResponse::error_code>("ErrorCode", between(0, 3)),
        field<&FindCoordinatorResponse::error_message>("ErrorMessage", between(1, 3))
            .nullable(between(1, 3))
            .ignorable(),
        field<&FindCoordinatorResponse::node_id>("NodeId", between(0, 3)),
        field<&FindCoordinatorResponse::host>("Host", between(0, 3)),
        field<&FindCoordinatorResponse::port>("Port", between(0, 3)),
        field<&FindCoordinatorResponse::coordinators>("Coordinators", from(4))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::FindCoordinatorRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::FindCoordinatorResponse);
