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

/// Lists the APIs and versions that a broker serves.
struct ApiVersionsRequest {
  static constexpr ApiKey kApiKey = ApiKey::api_versions;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(3);

  friend bool operator==(const ApiVersionsRequest&, const ApiVersionsRequest&) = default;
  std::string client_software_name;
  std::string client_software_version;

  static constexpr auto fields() {
    return std::tuple{
        field<&ApiVersionsRequest::client_software_name>("ClientSoftwareName", from(3)).ignorable(),
        field<&ApiVersionsRequest::client_software_version>("ClientSoftwareVersion", from(3))
            .ignorable()};
  }
};

/// Answer to `ApiVersionsRequest`.
struct ApiVersionsResponse {
  static constexpr ApiKey kApiKey = ApiKey::api_versions;
  static constexpr VersionRange kVersions{0, 4};
  static constexpr VersionRange kFlexible = from(3);

  struct ApiVersion {
    friend bool operator==(const ApiVersion&, const ApiVersion&) = default;
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static constexpr auto fields() {
      return std::tuple{field<&ApiVersion::api_key>("ApiKey", from(0)),
                        field<&ApiVersion::min_version>("MinVersion", from(0)),
                        field<&ApiVersion::max_version>("MaxVersion", from(0))};
    }
  };

  struct SupportedFeatureKey {
    friend bool operator==(const SupportedFeatureKey&, const SupportedFeatureKey&) = default;
    std::string name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static constexpr auto fields() {
      return std::tuple{field<&SupportedFeatureKey::name>("Name", from(3)),
                        field<&SupportedFeatureKey::min_version>("MinVersion", from(3)),
                        field<&SupportedFeatureKey::max_version>("MaxVersion", from(3))};
    }
  };

  struct FinalizedFeatureKey {
    friend bool operator==(const FinalizedFeatureKey&, const FinalizedFeatureKey&) = default;
    std::string name;
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;

    static constexpr auto fields() {
      return std::tuple{field<&FinalizedFeatureKey::name>("Name", from(3)),
                        field<&FinalizedFeatureKey::max_version_level>("MaxVersionLevel", from(3)),
                        field<&FinalizedFeatureKey::min_version_level>("MinVersionLevel", from(3))};
    }
  };

  friend bool operator==(const ApiVersionsResponse&, const ApiVersionsResponse&) = default;
  ErrorCode error_code = ErrorCode::none;
  std::vector<ApiVersion> api_keys;
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeatureKey> supported_features;
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeatureKey> finalized_features;
  bool zk_migration_ready = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&ApiVersionsResponse::error_code>("ErrorCode", from(0)),
        field<&ApiVersionsResponse::api_keys>("ApiKeys", from(0)),
        field<&ApiVersionsResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&ApiVersionsResponse::supported_features>("SupportedFeatures", from(3))
            .tagged(0, from(3))
            .ignorable(),
        field<&ApiVersionsResponse::finalized_features_epoch>("FinalizedFeaturesEpoch", from(3))
            .tagged(1, from(3))
            .ignorable(),
        field<&ApiVersionsResponse::finalized_features>("FinalizedFeatures", from(3))
            .tagged(2, from(3))
            .ignorable(),
        field<&ApiVersionsResponse::zk_migration_ready>("ZkMigrationReady", from(3))
            .tagged(3, from(3))
            .ignorable()};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ApiVersionsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ApiVersionsResponse);
