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

/// Appends record batches to partitions.
struct ProduceRequest {
  static constexpr ApiKey kApiKey = ApiKey::produce;
  static constexpr VersionRange kVersions{0, 13};
  static constexpr VersionRange kFlexible = from(9);

  struct TopicProduceData {
    struct PartitionProduceData {
      friend bool operator==(const PartitionProduceData&, const PartitionProduceData&) = default;
      std::int32_t index = 0;
      std::optional<SharedBytes> records;

      static constexpr auto fields() {
        return std::tuple{
            field<&PartitionProduceData::index>("Index", from(0)),
            field<&PartitionProduceData::records>("Records", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const TopicProduceData&, const TopicProduceData&) = default;
    std::string name;
    Uuid topic_id;
    std::vector<PartitionProduceData> partition_data;

    static constexpr auto fields() {
      return std::tuple{field<&TopicProduceData::name>("Name", between(0, 12)).ignorable(),
                        field<&TopicProduceData::topic_id>("TopicId", from(13)).ignorable(),
                        field<&TopicProduceData::partition_data>("PartitionData", from(0))};
    }
  };

  friend bool operator==(const ProduceRequest&, const ProduceRequest&) = default;
  std::optional<std::string> transactional_id;
  std::int16_t acks = 0;
  std::int32_t timeout_ms = 0;
  std::vector<TopicProduceData> topic_data;

  static constexpr auto fields() {
    return std::tuple{
        field<&ProduceRequest::transactional_id>("TransactionalId", from(3)).nullable(from(3)),
        field<&ProduceRequest::acks>("Acks", from(0)),
        field<&ProduceRequest::timeout_ms>("TimeoutMs", from(0)),
        field<&ProduceRequest::topic_data>("TopicData", from(0))};
  }
};

/// Answer to `ProduceRequest`.
struct ProduceResponse {
  static constexpr ApiKey kApiKey = ApiKey::produce;
  static constexpr VersionRange kVersions{0, 13};
  static constexpr VersionRange kFlexible = from(9);

  struct TopicProduceResponse {
    struct PartitionProduceResponse {
      struct BatchIndexAndErrorMessage {
        friend bool operator==(const BatchIndexAndErrorMessage&,
                               const BatchIndexAndErrorMessage&) = default;
        std::int32_t batch_index = 0;
        std::optional<std::string> batch_index_error_message;

        static constexpr auto fields() {
          return std::tuple{field<&BatchIndexAndErrorMessage::batch_index>("BatchIndex", from(8)),
                            field<&BatchIndexAndErrorMessage::batch_index_error_message>(
                                "BatchIndexErrorMessage", from(8))
                                .nullable(from(8))};
        }
      };

      struct LeaderIdAndEpoch {
        friend bool operator==(const LeaderIdAndEpoch&, const LeaderIdAndEpoch&) = default;
        std::int32_t leader_id = -1;
        std::int32_t leader_epoch = -1;

        static constexpr auto fields() {
          return std::tuple{field<&LeaderIdAndEpoch::leader_id>("LeaderId", from(10)),
                            field<&LeaderIdAndEpoch::leader_epoch>("LeaderEpoch", from(10))};
        }
      };

      friend bool operator==(const PartitionProduceResponse&,
                             const PartitionProduceResponse&) = default;
      std::int32_t index = 0;
      ErrorCode error_code = ErrorCode::none;
      std::int64_t base_offset = 0;
      std::int64_t log_append_time_ms = -1;
      std::int64_t log_start_offset = -1;
      std::vector<BatchIndexAndErrorMessage> record_errors;
      std::optional<std::string> error_message;
      LeaderIdAndEpoch current_leader;

      static constexpr auto fields() {
        return std::tuple{
            field<&PartitionProduceResponse::index>("Index", from(0)),
            field<&PartitionProduceResponse::error_code>("ErrorCode", from(0)),
            field<&PartitionProduceResponse::base_offset>("BaseOffset", from(0)),
            field<&PartitionProduceResponse::log_append_time_ms>("LogAppendTimeMs", from(2))
                .ignorable(),
            field<&PartitionProduceResponse::log_start_offset>("LogStartOffset", from(5))
                .ignorable(),
            field<&PartitionProduceResponse::record_errors>("RecordErrors", from(8)).ignorable(),
            field<&PartitionProduceResponse::error_message>("ErrorMessage", from(8))
                .nullable(from(8))
                .ignorable(),
            field<&PartitionProduceResponse::current_leader>("CurrentLeader", from(10))
                .tagged(0, from(10))};
      }
    };

    friend bool operator==(const TopicProduceResponse&, const TopicProduceResponse&) = default;
    std::string name;
    Uuid topic_id;
    std::vector<PartitionProduceResponse> partition_responses;

    static constexpr auto fields() {
      return std::tuple{
          field<&TopicProduceResponse::name>("Name", between(0, 12)).ignorable(),
          field<&TopicProduceResponse::topic_id>("TopicId", from(13)).ignorable(),
          field<&TopicProduceResponse::partition_responses>("PartitionResponses", from(0))};
    }
  };

  struct NodeEndpoint {
    friend bool operator==(const NodeEndpoint&, const NodeEndpoint&) = default;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    static constexpr auto fields() {
      return std::tuple{field<&NodeEndpoint::node_id>("NodeId", from(10)),
                        field<&NodeEndpoint::host>("Host", from(10)),
                        field<&NodeEndpoint::port>("Port", from(10)),
                        field<&NodeEndpoint::rack>("Rack", from(10)).nullable(from(10))};
    }
  };

  friend bool operator==(const ProduceResponse&, const ProduceResponse&) = default;
  std::vector<TopicProduceResponse> responses;
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;

  static constexpr auto fields() {
    return std::tuple{
        field<&ProduceResponse::responses>("Responses", from(0)),
        field<&ProduceResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&ProduceResponse::node_endpoints>("NodeEndpoints", from(10)).tagged(0, from(10))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::ProduceRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::ProduceResponse);
