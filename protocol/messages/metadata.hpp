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

/// Lists brokers, topics and the leaders of partitions.
struct MetadataRequest {
  static constexpr ApiKey kApiKey = ApiKey::metadata;
  static constexpr VersionRange kVersions{0, 13};
  static constexpr VersionRange kFlexible = from(9);

  struct MetadataRequestTopic {
    friend bool operator==(const MetadataRequestTopic&, const MetadataRequestTopic&) = default;
    Uuid topic_id;
    std::optional<std::string> name = std::string{};

    static constexpr auto fields() {
      return std::tuple{field<&MetadataRequestTopic::topic_id>("TopicId", from(10)).ignorable(),
                        field<&MetadataRequestTopic::name>("Name", from(0)).nullable(from(10))};
    }
  };

  friend bool operator==(const MetadataRequest&, const MetadataRequest&) = default;
  std::optional<std::vector<MetadataRequestTopic>> topics = std::vector<MetadataRequestTopic>{};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&MetadataRequest::topics>("Topics", from(0)).nullable(from(1)),
        field<&MetadataRequest::allow_auto_topic_creation>("AllowAutoTopicCreation", from(4)),
        field<&MetadataRequest::include_cluster_authorized_operations>(
            "IncludeClusterAuthorizedOperations", between(8, 10)),
        field<&MetadataRequest::include_topic_authorized_operations>(
            "IncludeTopicAuthorizedOperations", from(8))};
  }
};

/// Answer to `MetadataRequest`.
struct MetadataResponse {
  static constexpr ApiKey kApiKey = ApiKey::metadata;
  static constexpr VersionRange kVersions{0, 13};
  static constexpr VersionRange kFlexible = from(9);

  struct MetadataResponseBroker {
    friend bool operator==(const MetadataResponseBroker&, const MetadataResponseBroker&) = default;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    static constexpr auto fields() {
      return std::tuple{
          field<&MetadataResponseBroker::node_id>("NodeId", from(0)),
          field<&MetadataResponseBroker::host>("Host", from(0)),
          field<&MetadataResponseBroker::port>("Port", from(0)),
          field<&MetadataResponseBroker::rack>("Rack", from(1)).nullable(from(1)).ignorable()};
    }
  };

  struct MetadataResponseTopic {
    struct MetadataResponsePartition {
      friend bool operator==(const MetadataResponsePartition&,
                             const MetadataResponsePartition&) = default;
      ErrorCode error_code = ErrorCode::none;
      std::int32_t partition_index = 0;
      std::int32_t leader_id = 0;
      std::int32_t leader_epoch = -1;
      std::vector<std::int32_t> replica_nodes;
      std::vector<std::int32_t> isr_nodes;
      std::vector<std::int32_t> offline_replicas;

      static constexpr auto fields() {
        return std::tuple{
            field<&MetadataResponsePartition::error_code>("ErrorCode", from(0)),
            field<&MetadataResponsePartition::partition_index>("PartitionIndex", from(0)),
            field<&MetadataResponsePartition::leader_id>("LeaderId", from(0)),
            field<&MetadataResponsePartition::leader_epoch>("LeaderEpoch", from(7)).ignorable(),
            field<&MetadataResponsePartition::replica_nodes>("ReplicaNodes", from(0)),
            field<&MetadataResponsePartition::isr_nodes>("IsrNodes", from(0)),
            field<&MetadataResponsePartition::offline_replicas>("OfflineReplicas", from(5))
                .ignorable()};
      }
    };

    friend bool operator==(const MetadataResponseTopic&, const MetadataResponseTopic&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> name = std::string{};
    Uuid topic_id;
    bool is_internal = false;
    std::vector<MetadataResponsePartition> partitions;
    std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();

    static constexpr auto fields() {
      return std::tuple{
          field<&MetadataResponseTopic::error_code>("ErrorCode", from(0)),
          field<&MetadataResponseTopic::name>("Name", from(0)).nullable(from(12)),
          field<&MetadataResponseTopic::topic_id>("TopicId", from(10)).ignorable(),
          field<&MetadataResponseTopic::is_internal>("IsInternal", from(1)).ignorable(),
          field<&MetadataResponseTopic::partitions>("Partitions", from(0)),
          field<&MetadataResponseTopic::topic_authorized_operations>("TopicAuthorizedOperations",
                                                                     from(8))};
    }
  };

  friend bool operator==(const MetadataResponse&, const MetadataResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<MetadataResponseBroker> brokers;
  std::optional<std::string> cluster_id;
  std::int32_t controller_id = -1;
  std::vector<MetadataResponseTopic> topics;
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();
  ErrorCode error_code = ErrorCode::none;

  static constexpr auto fields() {
    return std::tuple{
        field<&MetadataResponse::throttle_time_ms>("ThrottleTimeMs", from(3)).ignorable(),
        field<&MetadataResponse::brokers>("Brokers", from(0)),
        field<&MetadataResponse::cluster_id>("ClusterId", from(2)).nullable(from(2)).ignorable(),
        field<&MetadataResponse::controller_id>("ControllerId", from(1)).ignorable(),
        field<&MetadataResponse::topics>("Topics", from(0)),
        field<&MetadataResponse::cluster_authorized_operations>("ClusterAuthorizedOperations",
                                                                between(8, 10)),
        field<&MetadataResponse::error_code>("ErrorCode", from(13)).ignorable()};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::MetadataRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::MetadataResponse);
