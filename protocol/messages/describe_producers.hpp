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

/// Who writes to partitions, and since when in a transaction.
struct DescribeProducersRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_producers;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicRequest {
    friend bool operator==(const TopicRequest&, const TopicRequest&) = default;
    std::string name;
    std::vector<std::int32_t> partition_indexes;

    static constexpr auto fields() {
      return std::tuple{field<&TopicRequest::name>("Name", from(0)),
                        field<&TopicRequest::partition_indexes>("PartitionIndexes", from(0))};
    }
  };

  friend bool operator==(const DescribeProducersRequest&,
                         const DescribeProducersRequest&) = default;
  std::vector<TopicRequest> topics;

  static constexpr auto fields() {
    return std::tuple{field<&DescribeProducersRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `DescribeProducersRequest`.
struct DescribeProducersResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_producers;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TopicResponse {
    struct PartitionResponse {
      struct ProducerState {
        friend bool operator==(const ProducerState&, const ProducerState&) = default;
        std::int64_t producer_id = 0;
        std::int32_t producer_epoch = 0;
        std::int32_t last_sequence = -1;
        std::int64_t last_timestamp = -1;
        std::int32_t coordinator_epoch = 0;
        std::int64_t current_txn_start_offset = -1;

        static constexpr auto fields() {
          return std::tuple{
              field<&ProducerState::producer_id>("ProducerId", from(0)),
              field<&ProducerState::producer_epoch>("ProducerEpoch", from(0)),
              field<&ProducerState::last_sequence>("LastSequence", from(0)),
              field<&ProducerState::last_timestamp>("LastTimestamp", from(0)),
              field<&ProducerState::coordinator_epoch>("CoordinatorEpoch", from(0)),
              field<&ProducerState::current_txn_start_offset>("CurrentTxnStartOffset", from(0))};
        }
      };

      friend bool operator==(const PartitionResponse&, const PartitionResponse&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;
      std::optional<std::string> error_message;
      std::vector<ProducerState> active_producers;

      static constexpr auto fields() {
        return std::tuple{
            field<&PartitionResponse::partition_index>("PartitionIndex", from(0)),
            field<&PartitionResponse::error_code>("ErrorCode", from(0)),
            field<&PartitionResponse::error_message>("ErrorMessage", from(0)).nullable(from(0)),
            field<&PartitionResponse::active_producers>("ActiveProducers", from(0))};
      }
    };

    friend bool operator==(const TopicResponse&, const TopicResponse&) = default;
    std::string name;
    std::vector<PartitionResponse> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TopicResponse::name>("Name", from(0)),
                        field<&TopicResponse::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const DescribeProducersResponse&,
                         const DescribeProducersResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<TopicResponse> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeProducersResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&DescribeProducersResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeProducersRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeProducersResponse);
