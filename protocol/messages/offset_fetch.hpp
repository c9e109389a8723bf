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

/// Reads the offsets a group has committed.
struct OffsetFetchRequest {
  static constexpr ApiKey kApiKey = ApiKey::offset_fetch;
  static constexpr VersionRange kVersions{1, 10};
  static constexpr VersionRange kFlexible = from(6);

  struct OffsetFetchRequestTopic {
    friend bool operator==(const OffsetFetchRequestTopic&,
                           const OffsetFetchRequestTopic&) = default;
    std::string name;
    std::vector<std::int32_t> partition_indexes;

    static constexpr auto fields() {
      return std::tuple{
          field<&OffsetFetchRequestTopic::name>("Name", between(0, 7)),
          field<&OffsetFetchRequestTopic::partition_indexes>("PartitionIndexes", between(0, 7))};
    }
  };

  struct OffsetFetchRequestGroup {
    struct OffsetFetchRequestTopics {
      friend bool operator==(const OffsetFetchRequestTopics&,
                             const OffsetFetchRequestTopics&) = default;
      std::string name;
      Uuid topic_id;
      std::vector<std::int32_t> partition_indexes;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetFetchRequestTopics::name>("Name", between(8, 9)).ignorable(),
            field<&OffsetFetchRequestTopics::topic_id>("TopicId", from(10)).ignorable(),
            field<&OffsetFetchRequestTopics::partition_indexes>("PartitionIndexes", from(8))};
      }
    };

    friend bool operator==(const OffsetFetchRequestGroup&,
                           const OffsetFetchRequestGroup&) = default;
    std::string group_id;
    std::optional<std::string> member_id;
    std::int32_t member_epoch = -1;
    std::optional<std::vector<OffsetFetchRequestTopics>> topics =
        std::vector<OffsetFetchRequestTopics>{};

    static constexpr auto fields() {
      return std::tuple{
          field<&OffsetFetchRequestGroup::group_id>("GroupId", from(8)),
          field<&OffsetFetchRequestGroup::member_id>("MemberId", from(9))
              .nullable(from(9))
              .ignorable(),
          field<&OffsetFetchRequestGroup::member_epoch>("MemberEpoch", from(9)).ignorable(),
          field<&OffsetFetchRequestGroup::topics>("Topics", from(8)).nullable(from(8))};
    }
  };

  friend bool operator==(const OffsetFetchRequest&, const OffsetFetchRequest&) = default;
  std::string group_id;
  std::optional<std::vector<OffsetFetchRequestTopic>> topics =
      std::vector<OffsetFetchRequestTopic>{};
  std::vector<OffsetFetchRequestGroup> groups;
  bool require_stable = false;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetFetchRequest::group_id>("GroupId", between(0, 7)),
        field<&OffsetFetchRequest::topics>("Topics", between(0, 7)).nullable(between(2, 7)),
        field<&OffsetFetchRequest::groups>("Groups", from(8)),
        field<&OffsetFetchRequest::require_stable>("RequireStable", from(7))};
  }
};

/// Answer to `OffsetFetchRequest`.
struct OffsetFetchResponse {
  static constexpr ApiKey kApiKey = ApiKey::offset_fetch;
  static constexpr VersionRange kVersions{1, 10};
  static constexpr VersionRange kFlexible = from(6);

  struct OffsetFetchResponseTopic {
    struct OffsetFetchResponsePartition {
      friend bool operator==(const OffsetFetchResponsePartition&,
                             const OffsetFetchResponsePartition&) = default;
      std::int32_t partition_index = 0;
      std::int64_t committed_offset = 0;
      std::int32_t committed_leader_epoch = -1;
      std::optional<std::string> metadata = std::string{};
      ErrorCode error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetFetchResponsePartition::partition_index>("PartitionIndex", between(0, 7)),
            field<&OffsetFetchResponsePartition::committed_offset>("CommittedOffset",
                                                                   between(0, 7)),
            field<&OffsetFetchResponsePartition::committed_leader_epoch>("CommittedLeaderEpoch",
                                                                         between(5, 7))
                .ignorable(),
            field<&OffsetFetchResponsePartition::metadata>("Metadata", between(0, 7))
                .nullable(between(0, 7)),
            field<&OffsetFetchResponsePartition::error_code>("ErrorCode", between(0, 7))};
      }
    };

    friend bool operator==(const OffsetFetchResponseTopic&,
                           const OffsetFetchResponseTopic&) = default;
    std::string name;
    std::vector<OffsetFetchResponsePartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetFetchResponseTopic::name>("Name", between(0, 7)),
                        field<&OffsetFetchResponseTopic::partitions>("Partitions", between(0, 7))};
    }
  };

  struct OffsetFetchResponseGroup {
    struct OffsetFetchResponseTopics {
      struct OffsetFetchResponsePartitions {
        friend bool operator==(const OffsetFetchResponsePartitions&,
                               const OffsetFetchResponsePartitions&) = default;
        std::int32_t partition_index = 0;
        std::int64_t committed_offset = 0;
        std::int32_t committed_leader_epoch = -1;
        std::optional<std::string> metadata = std::string{};
        ErrorCode error_code = ErrorCode::none;

        static constexpr auto fields() {
          return std::tuple{
              field<&OffsetFetchResponsePartitions::partition_index>("PartitionIndex", from(8)),
              field<&OffsetFetchResponsePartitions::committed_offset>("CommittedOffset", from(8)),
              field<&OffsetFetchResponsePartitions::committed_leader_epoch>("CommittedLeaderEpoch",
                                                                            from(8))
                  .ignorable(),
              field<&OffsetFetchResponsePartitions::metadata>("Metadata", from(8))
                  .nullable(from(8)),
              field<&OffsetFetchResponsePartitions::error_code>("ErrorCode", from(8))};
        }
      };

      friend bool operator==(const OffsetFetchResponseTopics&,
                             const OffsetFetchResponseTopics&) = default;
      std::string name;
      Uuid topic_id;
      std::vector<OffsetFetchResponsePartitions> partitions;

      static constexpr auto fields() {
        return std::tuple{
            field<&OffsetFetchResponseTopics::name>("Name", between(8, 9)).ignorable(),
            field<&OffsetFetchResponseTopics::topic_id>("TopicId", from(10)).ignorable(),
            field<&OffsetFetchResponseTopics::partitions>("Partitions", from(8))};
      }
    };

    friend bool operator==(const OffsetFetchResponseGroup&,
                           const OffsetFetchResponseGroup&) = default;
    std::string group_id;
    std::vector<OffsetFetchResponseTopics> topics;
    ErrorCode error_code = ErrorCode::none;

    static constexpr auto fields() {
      return std::tuple{field<&OffsetFetchResponseGroup::group_id>("GroupId", from(8)),
                        field<&OffsetFetchResponseGroup::topics>("Topics", from(8)),
                        field<&OffsetFetchResponseGroup::error_code>("ErrorCode", from(8))};
    }
  };

  friend bool operator==(const OffsetFetchResponse&, const OffsetFetchResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetFetchResponseTopic> topics;
  ErrorCode error_code = ErrorCode::none;
  std::vector<OffsetFetchResponseGroup> groups;

  static constexpr auto fields() {
    return std::tuple{
        field<&OffsetFetchResponse::throttle_time_ms>("ThrottleTimeMs", from(3)).ignorable(),
        field<&OffsetFetchResponse::topics>("Topics", between(0, 7)),
        field<&OffsetFetchResponse::error_code>("ErrorCode", between(2, 7)).ignorable(),
        field<&OffsetFetchResponse::groups>("Groups", from(8))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetFetchRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::OffsetFetchResponse);
