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

/// Describes the brokers of the cluster.
struct DescribeClusterRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_cluster;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const DescribeClusterRequest&, const DescribeClusterRequest&) = default;
  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeClusterRequest::include_cluster_authorized_operations>(
            "IncludeClusterAuthorizedOperations", from(0)),
        field<&DescribeClusterRequest::endpoint_type>("EndpointType", from(1)),
        field<&DescribeClusterRequest::include_fenced_brokers>("IncludeFencedBrokers", from(2))};
  }
};

/// Answer to `DescribeClusterRequest`.
struct DescribeClusterResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_cluster;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(0);

  struct DescribeClusterBroker {
    friend bool operator==(const DescribeClusterBroker&, const DescribeClusterBroker&) = default;
    std::int32_t broker_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;

    static constexpr auto fields() {
      return std::tuple{field<&DescribeClusterBroker::broker_id>("BrokerId", from(0)),
                        field<&DescribeClusterBroker::host>("Host", from(0)),
                        field<&DescribeClusterBroker::port>("Port", from(0)),
                        field<&DescribeClusterBroker::rack>("Rack", from(0)).nullable(from(0)),
                        field<&DescribeClusterBroker::is_fenced>("IsFenced", from(2))};
    }
  };

  friend bool operator==(const DescribeClusterResponse&, const DescribeClusterResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message;
  std::int8_t endpoint_type = 1;
  std::string cluster_id;
  std::int32_t controller_id = -1;
  std::vector<DescribeClusterBroker> brokers;
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeClusterResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&DescribeClusterResponse::error_code>("ErrorCode", from(0)),
        field<&DescribeClusterResponse::error_message>("ErrorMessage", from(0)).nullable(from(0)),
        field<&DescribeClusterResponse::endpoint_type>("EndpointType", from(1)),
        field<&DescribeClusterResponse::cluster_id>("ClusterId", from(0)),
        field<&DescribeClusterResponse::controller_id>("ControllerId", from(0)),
        field<&DescribeClusterResponse::brokers>("Brokers", from(0)),
        field<&DescribeClusterResponse::cluster_authorized_operations>(
            "ClusterAuthorizedOperations", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeClusterRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeClusterResponse);
