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

/// Ends transactions on partitions by appending their markers.
struct WriteTxnMarkersRequest {
  static constexpr ApiKey kApiKey = ApiKey::write_txn_markers;
  static constexpr VersionRange kVersions{1, 2};
  static constexpr VersionRange kFlexible = from(1);

  struct WritableTxnMarker {
    struct WritableTxnMarkerTopic {
      friend bool operator==(const WritableTxnMarkerTopic&,
                             const WritableTxnMarkerTopic&) = default;
      std::string name;
      std::vector<std::int32_t> partition_indexes;

      static constexpr auto fields() {
        return std::tuple{
            field<&WritableTxnMarkerTopic::name>("Name", from(0)),
            field<&WritableTxnMarkerTopic::partition_indexes>("PartitionIndexes", from(0))};
      }
    };

    friend bool operator==(const WritableTxnMarker&, const WritableTxnMarker&) = default;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    bool transaction_result = false;
    std::vector<WritableTxnMarkerTopic> topics;
    std::int32_t coordinator_epoch = 0;
    std::int8_t transaction_version = 0;

    static constexpr auto fields() {
      return std::tuple{
          field<&WritableTxnMarker::producer_id>("ProducerId", from(0)),
          field<&WritableTxnMarker::producer_epoch>("ProducerEpoch", from(0)),
          field<&WritableTxnMarker::transaction_result>("TransactionResult", from(0)),
          field<&WritableTxnMarker::topics>("Topics", from(0)),
          field<&WritableTxnMarker::coordinator_epoch>("CoordinatorEpoch", from(0)),
          field<&WritableTxnMarker::transaction_version>("TransactionVersion", from(2))
              .ignorable()};
    }
  };

  friend bool operator==(const WriteTxnMarkersRequest&, const WriteTxnMarkersRequest&) = default;
  std::vector<WritableTxnMarker> markers;

  static constexpr auto fields() {
    return std::tuple{field<&WriteTxnMarkersRequest::markers>("Markers", from(0))};
  }
};

/// Answer to `WriteTxnMarkersRequest`.
struct WriteTxnMarkersResponse {
  static constexpr ApiKey kApiKey = ApiKey::write_txn_markers;
  static constexpr VersionRange kVersions{1, 2};
  static constexpr VersionRange kFlexible = from(1);

  struct WritableTxnMarkerResult {
    struct WritableTxnMarkerTopicResult {
      struct WritableTxnMarkerPartitionResult {
        friend bool operator==(const WritableTxnMarkerPartitionResult&,
                               const WritableTxnMarkerPartitionResult&) = default;
        std::int32_t partition_index = 0;
        ErrorCode error_code = ErrorCode::none;

        static constexpr auto fields() {
          return std::tuple{
              field<&WritableTxnMarkerPartitionResult::partition_index>("PartitionIndex", from(0)),
              field<&WritableTxnMarkerPartitionResult::error_code>("ErrorCode", from(0))};
        }
      };

      friend bool operator==(const WritableTxnMarkerTopicResult&,
                             const WritableTxnMarkerTopicResult&) = default;
      std::string name;
      std::vector<WritableTxnMarkerPartitionResult> partitions;

      static constexpr auto fields() {
        return std::tuple{field<&WritableTxnMarkerTopicResult::name>("Name", from(0)),
                          field<&WritableTxnMarkerTopicResult::partitions>("Partitions", from(0))};
      }
    };

    friend bool operator==(const WritableTxnMarkerResult&,
                           const WritableTxnMarkerResult&) = default;
    std::int64_t producer_id = 0;
    std::vector<WritableTxnMarkerTopicResult> topics;

    static constexpr auto fields() {
      return std::tuple{field<&WritableTxnMarkerResult::producer_id>("ProducerId", from(0)),
                        field<&WritableTxnMarkerResult::topics>("Topics", from(0))};
    }
  };

  friend bool operator==(const WriteTxnMarkersResponse&, const WriteTxnMarkersResponse&) = default;
  std::vector<WritableTxnMarkerResult> markers;

  static constexpr auto fields() {
    return std::tuple{field<&WriteTxnMarkersResponse::markers>("Markers", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::WriteTxnMarkersRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::WriteTxnMarkersResponse);
