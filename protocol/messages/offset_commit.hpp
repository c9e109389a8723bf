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

/// Stores the offsets a group has consumed up to.
struct OffsetCommitRequest {
  static constexpr ApiKey kApiKey = ApiKey::offset_commit;
  static constexpr VersionRange kVersions{2, 10};
  static constexpr VersionRange kFlexible = from(8);

  struct OffsetCommitRequestTopic {
    struct OffsetCommitRequestPartition {
      friend bool operator==(const OffsetCommitRequestPartition&,
                             const OffsetCommitRequestPartition&) = default;
      std::int32_t partition_index = 0;
      std::int64_t committed_offset = 0;
      std::int32_t committed_leader_epoch = -1;
      std::optional<std::string> committed_metadata = std::string{};

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetCommitRequestPartition::partition_index>("PartitionIndex", from(0)),
            field<&OffsetCommitRequestPartition::committed_offset>("CommittedOffset", from(0)),
            field<&OffsetCommitRequestPartition::committed_leader_epoch>("CommittedLeaderEpoch",
                                                                         from(6))
                .ignorable(),
            field<&OffsetCommitRequestPartition::committed_metadata>("CommittedMetadata", from(0))
                .nullable(from(0))};
      }
    };

    friend bool operator==(const OffsetCommitRequestTopic&,
                           const OffsetCommitRequestTopic&) = default;
    std::string name;
    Uuid topic_id;
    std::vector<OffsetCommitRequestPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetCommitRequestTopic::name>("Name", between(0, 9)).ignorable(),
                        field<&OffsetCommitRequestTopic::topic_id>("TopicId", from(10)).ignorable(),
                        field<&OffsetCommitRequestTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetCommitRequest&, const OffsetCommitRequest&) = default;
  std::string group_id;
  std::int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::int64_t retention_time_ms = -1;
  std::vector<OffsetCommitRequestTopic> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetCommitRequest::group_id>("GroupId", from(0)),
        field<&OffsetCommitRequest::generation_id_or_member_epoch>("GenerationIdOrMemberEpoch",
                                                                   from(1))
            .ignorable(),
        field<&OffsetCommitRequest::member_id>("MemberId", from(1)).ignorable(),
        field<&OffsetCommitRequest::group_instance_id>("GroupInstanceId", from(7))
            .nullable(from(7)),
        field<&OffsetCommitRequest::retention_time_ms>("RetentionTimeMs", between(2, 4))
            .ignorable(),
        field<&OffsetCommitRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `OffsetCommitRequest`.
struct OffsetCommitResponse {
  static constexpr ApiKey kApiKey = ApiKey::offset_commit;
  static constexpr VersionRange kVersions{2, 10};
  static constexpr VersionRange kFlexible = from(8);

  struct OffsetCommitResponseTopic {
    struct OffsetCommitResponsePartition {
      friend bool operator==(const OffsetCommitResponsePartition&,
                             const OffsetCommitResponsePartition&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetCommitResponsePartition::partition_index>("PartitionIndex", from(0)),
            field<&OffsetCommitResponsePartition::error_code>("ErrorCode", from(0))};
      }
    };

    friend bool operator==(const OffsetCommitResponseTopic&,
                           const OffsetCommitResponseTopic&) = default;
    std::string name;
    Uuid topic_id;
    std::vector<OffsetCommitResponsePartition> partitions;

    static constexpr auto fields() {
      return std::tuple{
          field<&OffsetCommitResponseTopic::name>("Name", between(0, 9)).ignorable(),
          field<&OffsetCommitResponseTopic::topic_id>("TopicId", from(10)).ignorable(),
          field<&OffsetCommitResponseTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const OffsetCommitResponse&, const OffsetCommitResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetCommitResponseTopic> topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetCommitResponse::throttle_time_ms>("ThrottleTimeMs", from(3)).ignorable(),
        field<&OffsetCommitResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetCommitRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetCommitResponse);
