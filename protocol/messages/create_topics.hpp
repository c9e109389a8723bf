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

/// Creates topics.
struct CreateTopicsRequest {
  static constexpr ApiKey kApiKey = ApiKey::create_topics;
  static constexpr VersionRange kVersions{2, 7};
  static constexpr VersionRange kFlexible = from(5);

  struct CreatableTopic {
    struct CreatableReplicaAssignment {
      friend bool operator==(const CreatableReplicaAssignment&,
                             const CreatableReplicaAssignment&) = default;
      std::int32_t partition_index = 0;
      std::vector<std::int32_t> broker_ids;

      static constexpr auto fields() {
        return std::tuple{
            field<&CreatableReplicaAssignment::partition_index>("PartitionIndex", from(0)),
            field<&CreatableReplicaAssignment::broker_ids>("BrokerIds", from(0))};
      }
    };

    struct CreatableTopicConfig {
      friend bool operator==(const CreatableTopicConfig&, const CreatableTopicConfig&) = default;
      std::string name;
      std::optional<std::string> value = std::string{};

      static constexpr auto fields() {
        return std::tuple{field<&CreatableTopicConfig::name>("Name", from(0)),
                          field<&CreatableTopicConfig::value>("Value", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const CreatableTopic&, const CreatableTopic&) = default;
    std::string name;
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<CreatableReplicaAssignment> assignments;
    std::vector<CreatableTopicConfig> configs;

    static constexpr auto fields() {
      return std::tuple{field<&CreatableTopic::name>("Name", from(0)),
                        field<&CreatableTopic::num_partitions>("NumPartitions", from(0)),
                        field<&CreatableTopic::replication_factor>("ReplicationFactor", from(0)),
                        field<&CreatableTopic::assignments>("Assignments", from(0)),
                        field<&CreatableTopic::configs>("Configs", from(0))};
    }
  };

  friend bool operator==(const CreateTopicsRequest&, const CreateTopicsRequest&) = default;
  std::vector<CreatableTopic> topics;
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static constexpr auto fields() {
    return std::tuple{field<&CreateTopicsRequest::topics>("Topics", from(0)),
                      field<&CreateTopicsRequest::timeout_ms>("TimeoutMs", from(0)),
                      field<&CreateTopicsRequest::validate_only>("ValidateOnly", from(1))};
  }
};

/// Answer to `CreateTopicsRequest`.
struct CreateTopicsResponse {
  static constexpr ApiKey kApiKey = ApiKey::create_topics;
  static constexpr VersionRange kVersions{2, 7};
  static constexpr VersionRange kFlexible = from(5);

  struct CreatableTopicResult {
    struct CreatableTopicConfigs {
      friend bool operator==(const CreatableTopicConfigs&, const CreatableTopicConfigs&) = default;
      std::string name;
      std::optional<std::string> value = std::string{};
      bool read_only = false;
      std::int8_t config_source = -1;
      bool is_sensitive = false;

      static constexpr auto fields() {
        return std::tuple{
            field<&CreatableTopicConfigs::name>("Name", from(5)),
            field<&CreatableTopicConfigs::value>("Value", from(5)).nullable(from(5)),
            field<&CreatableTopicConfigs::read_only>("ReadOnly", from(5)),
            field<&CreatableTopicConfigs::config_source>("ConfigSource", from(5)).ignorable(),
            field<&CreatableTopicConfigs::is_sensitive>("IsSensitive", from(5))};
      }
    };

    friend bool operator==(const CreatableTopicResult&, const CreatableTopicResult&) = default;
    std::string name;
    Uuid topic_id;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = std::string{};
    ErrorCode topic_config_error_code = ErrorCode::none;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<CreatableTopicConfigs>> configs =
        std::vector<CreatableTopicConfigs>{};

    static constexpr auto fields() {
      return std::tuple{
          field<&CreatableTopicResult::name>("Name", from(0)),
          field<&CreatableTopicResult::topic_id>("TopicId", from(7)).ignorable(),
          field<&CreatableTopicResult::error_code>("ErrorCode", from(0)),
          field<&CreatableTopicResult::error_message>("ErrorMessage", from(1))
              .nullable(from(0))
              .ignorable(),
          field<&CreatableTopicResult::topic_config_error_code>("TopicConfigErrorCode", from(5))
              .tagged(0, from(5))
              .ignorable(),
          field<&CreatableTopicResult::num_partitions>("NumPartitions", from(5)).ignorable(),
          field<&CreatableTopicResult::replication_factor>("ReplicationFactor", from(5))
              .ignorable(),
          field<&CreatableTopicResult::configs>("Configs", from(5)).nullable(from(5)).ignorable()};
    }
  };

  friend bool operator==(const CreateTopicsResponse&, const CreateTopicsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<CreatableTopicResult> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&CreateTopicsResponse::throttle_time_ms>("ThrottleTimeMs", from(2)).ignorable(),
        field<&CreateTopicsResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::CreateTopicsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::CreateTopicsResponse);
