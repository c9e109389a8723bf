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

/// Moves the start of partitions forward.
struct DeleteRecordsRequest {
  static constexpr ApiKey kApiKey = ApiKey::delete_records;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct DeleteRecordsTopic {
    struct DeleteRecordsPartition {
      friend bool operator==(const DeleteRecordsPartition&,
                             const DeleteRecordsPartition&) = default;
      std::int32_t partition_index = 0;
      std::int64_t offset = 0;

      static constexpr auto fields() {
        return std::tuple{
            field<&DeleteRecordsPartition::partition_index>("PartitionIndex", from(0)),
            field<&DeleteRecordsPartition::offset>("Offset", from(0))};
      }
    };

    friend bool operator==(const DeleteRecordsTopic&, const DeleteRecordsTopic&) = default;
    std::string name;
    std::vector<DeleteRecordsPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&DeleteRecordsTopic::name>("Name", from(0)),
                        field<&DeleteRecordsTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const DeleteRecordsRequest&, const DeleteRecordsRequest&) = default;
  std::vector<DeleteRecordsTopic> topics;
  std::int32_t timeout_ms = 0;

  static constexpr auto fields() {
    return std::tuple{field<&DeleteRecordsRequest::topics>("Topics", from(0)),
                      field<&DeleteRecordsRequest::timeout_ms>("TimeoutMs", from(0))};
  }
};

/// Answer to `DeleteRecordsRequest`.
struct DeleteRecordsResponse {
  static constexpr ApiKey kApiKey = ApiKey::delete_records;
  static constexpr VersionRange kVersions{0, 2};
  static constexpr VersionRange kFlexible = from(2);

  struct DeleteRecordsTopicResult {
    struct DeleteRecordsPartitionResult {
      friend bool operator==(const DeleteRecordsPartitionResult&,
                             const DeleteRecordsPartitionResult&) = default;
      std::int32_t partition_index = 0;
      std::int64_t low_watermark = 0;
      ErrorCode error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&DeleteRecordsPartitionResult::partition_index>("PartitionIndex", from(0)),
            field<&DeleteRecordsPartitionResult::low_watermark>("LowWatermark", from(0)),
            field<&DeleteRecordsPartitionResult::error_code>("ErrorCode", from(0))};
      }
    };

    friend bool operator==(const DeleteRecordsTopicResult&,
                           const DeleteRecordsTopicResult&) = default;
    std::string name;
    std::vector<DeleteRecordsPartitionResult> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&DeleteRecordsTopicResult::name>("Name", from(0)),
                        field<&DeleteRecordsTopicResult::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const DeleteRecordsResponse&, const DeleteRecordsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<DeleteRecordsTopicResult> topics;

  static constexpr auto fields() {
    return std::tuple{field<&DeleteRecordsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&DeleteRecordsResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteRecordsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DeleteRecordsResponse);
