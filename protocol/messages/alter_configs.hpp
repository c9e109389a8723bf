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

/// Replaces all settings of topics, brokers and groups.
struct AlterConfigsRequest {
  static constexpr ApiKey kApiKey = ApiKey::alter_configs;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct AlterConfigsResource {
    struct AlterableConfig {
      friend bool operator==(const AlterableConfig&, const AlterableConfig&) = default;
      std::string name;
      std::optional<std::string> value = std::string{};

      static constexpr auto fields() {
        return std::tuple{field<&AlterableConfig::name>("Name", from(0)),
                          field<&AlterableConfig::value>("Value", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const AlterConfigsResource&, const AlterConfigsResource&) = default;
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<AlterableConfig> configs;

    static constexpr auto fields() {
      return std::tuple{field<&AlterConfigsResource::resource_type>("ResourceType", from(0)),
                        field<&AlterConfigsResource::resource_name>("ResourceName", from(0)),
                        field<&AlterConfigsResource::configs>("Configs", from(0))};
    }
  };

  friend bool operator==(const AlterConfigsRequest&, const AlterConfigsRequest&) = default;
  std::vector<AlterConfigsResource> resources;
  bool validate_only = false;

  static constexpr auto fields() {
    return std::tuple{field<&AlterConfigsRequest::resources>("Resources", from(0)),
                      field<&AlterConfigsRequest::validate_only>("ValidateOnly", from(0))};
  }
};

/// Answer to `AlterConfigsRequest`.
struct AlterConfigsResponse {
  static constexpr ApiKey kApiKey = ApiKey::alter_configs;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct AlterConfigsResourceResponse {
    friend bool operator==(const AlterConfigsResourceResponse&,
                           const AlterConfigsResourceResponse&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = std::string{};
    std::int8_t resource_type = 0;
    std::string resource_name;

    static constexpr auto fields() {
      return std::tuple{
          field<&AlterConfigsResourceResponse::error_code>("ErrorCode", from(0)),
          field<&AlterConfigsResourceResponse::error_message>("ErrorMessage", from(0))
              .nullable(from(0)),
          field<&AlterConfigsResourceResponse::resource_type>("ResourceType", from(0)),
          field<&AlterConfigsResourceResponse::resource_name>("ResourceName", from(0))};
    }
  };

  friend bool operator==(const AlterConfigsResponse&, const AlterConfigsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<AlterConfigsResourceResponse> responses;

  static constexpr auto fields() {
    return std::tuple{field<&AlterConfigsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&AlterConfigsResponse::responses>("Responses", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::AlterConfigsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::AlterConfigsResponse);
