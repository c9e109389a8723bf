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

/// Finds where the epoch of a leader ended.
struct OffsetForLeaderEpochRequest {
  static constexpr ApiKey kApiKey = ApiKey::offset_for_leader_epoch;
  static constexpr VersionRange kVersions{2, 4};
  static constexpr VersionRange kFlexible = from(4);

  struct OffsetForLeaderTopic {
    struct OffsetForLeaderPartition {
      friend bool operator==(const OffsetForLeaderPartition&,
                             const OffsetForLeaderPartition&) = default;
      std::int32_t partition = 0;
      std::int32_t current_leader_epoch = -1;
      std::int32_t leader_epoch = 0;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetForLeaderPartition::partition>("Partition", from(0)),
            field<&OffsetForLeaderPartition::current_leader_epoch>("CurrentLeaderEpoch", from(2))
                .ignorable(),
            field<&OffsetForLeaderPartition::leader_epoch>("LeaderEpoch", from(0))};
      }
    };

    friend bool operator==(const OffsetForLeaderTopic&, const OffsetForLeaderTopic&) = default;
    std::string topic;
    std::vector<OffsetForLeaderPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetForLeaderTopic::topic>("Topic", from(0)),
                        field<&OffsetForLeaderTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetForLeaderEpochRequest&,
                         const OffsetForLeaderEpochRequest&) = default;
  std::int32_t replica_id = -2;
  std::vector<OffsetForLeaderTopic> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetForLeaderEpochRequest::replica_id>("ReplicaId", from(3)).ignorable(),
        field<&OffsetForLeaderEpochRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `OffsetForLeaderEpochRequest`.
struct OffsetForLeaderEpochResponse {
  static constexpr ApiKey kApiKey = ApiKey::offset_for_leader_epoch;
  static constexpr VersionRange kVersions{2, 4};
  static constexpr VersionRange kFlexible = from(4);

  struct OffsetForLeaderTopicResult {
    struct EpochEndOffset {
      friend bool operator==(const EpochEndOffset&, const EpochEndOffset&) = default;
      ErrorCode error_code = ErrorCode::none;
      std::int32_t partition = 0;
      std::int32_t leader_epoch = -1;
      std::int64_t end_offset = -1;

      static constexpr auto fields() {
        return std::tuple{field<&EpochEndOffset::error_code>("ErrorCode", from(0)),
                          field<&EpochEndOffset::partition>("Partition", from(0)),
                          field<&EpochEndOffset::leader_epoch>("LeaderEpoch", from(1)).ignorable(),
                          field<&EpochEndOffset::end_offset>("EndOffset", from(0))};
      }
    };

    friend bool operator==(const OffsetForLeaderTopicResult&,
                           const OffsetForLeaderTopicResult&) = default;
    std::string topic;
    std::vector<EpochEndOffset> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetForLeaderTopicResult::topic>("Topic", from(0)),
                        field<&OffsetForLeaderTopicResult::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetForLeaderEpochResponse&,
                         const OffsetForLeaderEpochResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetForLeaderTopicResult> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetForLeaderEpochResponse::throttle_time_ms>("ThrottleTimeMs", from(2))
            .ignorable(),
        field<&OffsetForLeaderEpochResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetForLeaderEpochRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetForLeaderEpochResponse);
