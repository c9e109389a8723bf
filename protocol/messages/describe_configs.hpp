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

/// Describes the settings of topics and brokers.
struct DescribeConfigsRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_configs;
  static constexpr VersionRange kVersions{1, 4};
  static constexpr VersionRange kFlexible = from(4);

  struct DescribeConfigsResource {
    friend bool operator==(const DescribeConfigsResource&,
                           const DescribeConfigsResource&) = default;
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::optional<std::vector<std::string>> configuration_keys = std::vector<std::string>{};

    static constexpr auto fields() {
      return std::tuple{
          field<&DescribeConfigsResource::resource_type>("ResourceType", from(0)),
          field<&DescribeConfigsResource::resource_name>("ResourceName", from(0)),
          field<&DescribeConfigsResource::configuration_keys>("ConfigurationKeys", from(0))
              .nullable(from(0))};
    }
  };

  friend bool operator==(const DescribeConfigsRequest&, const DescribeConfigsRequest&) = default;
  std::vector<DescribeConfigsResource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeConfigsRequest::resources>("Resources", from(0)),
        field<&DescribeConfigsRequest::include_synonyms>("IncludeSynonyms", from(1)),
        field<&DescribeConfigsRequest::include_documentation>("IncludeDocumentation", from(3))};
  }
};

/// Answer to `DescribeConfigsRequest`.
struct DescribeConfigsResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_configs;
  static constexpr VersionRange kVersions{1, 4};
  static constexpr VersionRange kFlexible = from(4);

  struct DescribeConfigsResult {
    struct DescribeConfigsResourceResult {
      struct DescribeConfigsSynonym {
        friend bool operator==(const DescribeConfigsSynonym&,
                               const DescribeConfigsSynonym&) = default;
        std::string name;
        std::optional<std::string> value = std::string{};
        std::int8_t source = 0;

        static constexpr auto fields() {
          return std::tuple{
              field<&DescribeConfigsSynonym::name>("Name", from(1)),
              field<&DescribeConfigsSynonym::value>("Value", from(1)).nullable(from(0)),
              field<&DescribeConfigsSynonym::source>("Source", from(1))};
        }
      };

      friend bool operator==(const DescribeConfigsResourceResult&,
                             const DescribeConfigsResourceResult&) = default;
      std::string name;
      std::optional<std::string> value = std::string{};
      bool read_only = false;
      std::int8_t config_source = -1;
      bool is_sensitive = false;
      std::vector<DescribeConfigsSynonym> synonyms;
      std::int8_t config_type = 0;
      std::optional<std::string> documentation = std::string{};

      static constexpr auto fields() {
        return std::tuple{
            field<&DescribeConfigsResourceResult::name>("Name", from(0)),
            field<&DescribeConfigsResourceResult::value>("Value", from(0)).nullable(from(0)),
            field<&DescribeConfigsResourceResult::read_only>("ReadOnly", from(0)),
            field<&DescribeConfigsResourceResult::config_source>("ConfigSource", from(1))
                .ignorable(),
            field<&DescribeConfigsResourceResult::is_sensitive>("IsSensitive", from(0)),
            field<&DescribeConfigsResourceResult::synonyms>("Synonyms", from(1)).ignorable(),
            field<&DescribeConfigsResourceResult::config_type>("ConfigType", from(3)).ignorable(),
            field<&DescribeConfigsResourceResult::documentation>("Documentation", from(3))
                .nullable(from(0))
                .ignorable()};
      }
    };

    friend bool operator==(const DescribeConfigsResult&, const DescribeConfigsResult&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = std::string{};
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<DescribeConfigsResourceResult> configs;

    static constexpr auto fields() {
      return std::tuple{
          field<&DescribeConfigsResult::error_code>("ErrorCode", from(0)),
          field<&DescribeConfigsResult::error_message>("ErrorMessage", from(0)).nullable(from(0)),
          field<&DescribeConfigsResult::resource_type>("ResourceType", from(0)),
          field<&DescribeConfigsResult::resource_name>("ResourceName", from(0)),
          field<&DescribeConfigsResult::configs>("Configs", from(0))};
    }
  };

  friend bool operator==(const DescribeConfigsResponse&, const DescribeConfigsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DescribeConfigsResult> results;

  static constexpr auto fields() {
    return std::tuple{field<&DescribeConfigsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&DescribeConfigsResponse::results>("Results", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeConfigsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeConfigsResponse);
