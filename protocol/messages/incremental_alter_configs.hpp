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

/// Changes single settings of topics and brokers.
struct IncrementalAlterConfigsRequest {
  static constexpr ApiKey kApiKey = ApiKey::incremental_alter_configs;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(1);

  struct AlterConfigsResource {
    struct AlterableConfig {
      friend bool operator==(const AlterableConfig&, const AlterableConfig&) = default;
      std::string name;
      std::int8_t config_operation = 0;
      std::optional<std::string> value = std::string{};

      static constexpr auto fields() {
        return std::tuple{field<&AlterableConfig::name>("Name", from(0)),
                          field<&AlterableConfig::config_operation>("ConfigOperation", from(0)),
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

  friend bool operator==(const IncrementalAlterConfigsRequest&,
                         const IncrementalAlterConfigsRequest&) = default;
  std::vector<AlterConfigsResource> resources;
  bool validate_only = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&IncrementalAlterConfigsRequest::resources>("Resources", from(0)),
        field<&IncrementalAlterConfigsRequest::validate_only>("ValidateOnly", from(0))};
  }
};

/// Answer to `IncrementalAlterConfigsRequest`.
struct IncrementalAlterConfigsResponse {
  static constexpr ApiKey kApiKey = ApiKey::incremental_alter_configs;
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(1);

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

  friend bool operator==(const IncrementalAlterConfigsResponse&,
                         const IncrementalAlterConfigsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<AlterConfigsResourceResponse> responses;

  static constexpr auto fields() {
    return std::tuple{
        field<&IncrementalAlterConfigsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&IncrementalAlterConfigsResponse::responses>("Responses", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::IncrementalAlterConfigsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::IncrementalAlterConfigsResponse);
