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

/// Removes a broker that is gone for good.
struct UnregisterBrokerRequest {
  static constexpr ApiKey kApiKey = ApiKey::unregister_broker;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const UnregisterBrokerRequest&, const UnregisterBrokerRequest&) = default;
  std::int32_t broker_id = 0;

  static constexpr auto fields() {
    return std::tuple{field<&UnregisterBrokerRequest::broker_id>("BrokerId", from(0))};
  }
};

/// Answer to `UnregisterBrokerRequest`.
struct UnregisterBrokerResponse {
  static constexpr ApiKey kApiKey = ApiKey::unregister_broker;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const UnregisterBrokerResponse&,
                         const UnregisterBrokerResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = std::string{};

  static constexpr auto fields() {
    return std::tuple{
        field<&UnregisterBrokerResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&UnregisterBrokerResponse::error_code>("ErrorCode", from(0)),
        field<&UnregisterBrokerResponse::error_message>("ErrorMessage", from(0)).nullable(from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::UnregisterBrokerRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::UnregisterBrokerResponse);
