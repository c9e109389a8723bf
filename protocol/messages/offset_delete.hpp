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

/// Takes back offsets that a group has committed.
struct OffsetDeleteRequest {
  static constexpr ApiKey kApiKey = ApiKey::offset_delete;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  struct OffsetDeleteRequestTopic {
    struct OffsetDeleteRequestPartition {
      friend bool operator==(const OffsetDeleteRequestPartition&,
                             const OffsetDeleteRequestPartition&) = default;
      std::int32_t partition_index = 0;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetDeleteRequestPartition::partition_index>("PartitionIndex", from(0))};
      }
    };

    friend bool operator==(const OffsetDeleteRequestTopic&,
                           const OffsetDeleteRequestTopic&) = default;
    std::string name;
    std::vector<OffsetDeleteRequestPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetDeleteRequestTopic::name>("Name", from(0)),
                        field<&OffsetDeleteRequestTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetDeleteRequest&, const OffsetDeleteRequest&) = default;
  std::string group_id;
  std::vector<OffsetDeleteRequestTopic> topics;

  static constexpr auto fields() {
    return std::tuple{field<&OffsetDeleteRequest::group_id>("GroupId", from(0)),
                      field<&OffsetDeleteRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `OffsetDeleteRequest`.
struct OffsetDeleteResponse {
  static constexpr ApiKey kApiKey = ApiKey::offset_delete;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  struct OffsetDeleteResponseTopic {
    struct OffsetDeleteResponsePartition {
      friend bool operator==(const OffsetDeleteResponsePartition&,
                             const OffsetDeleteResponsePartition&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetDeleteResponsePartition::partition_index>("PartitionIndex", from(0)),
            field<&OffsetDeleteResponsePartition::error_code>("ErrorCode", from(0))};
      }
    };

    friend bool operator==(const OffsetDeleteResponseTopic&,
                           const OffsetDeleteResponseTopic&) = default;
    std::string name;
    std::vector<OffsetDeleteResponsePartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetDeleteResponseTopic::name>("Name", from(0)),
                        field<&OffsetDeleteResponseTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetDeleteResponse&, const OffsetDeleteResponse&) = default;
  ErrorCode error_code = ErrorCode::none;
  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetDeleteResponseTopic> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetDeleteResponse::error_code>("ErrorCode", from(0)),
        field<&OffsetDeleteResponse::throttle_time_ms>("ThrottleTimeMs", from(0)).ignorable(),
        field<&OffsetDeleteResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetDeleteRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetDeleteResponse);
