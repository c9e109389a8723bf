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

/// Commits offsets of a group as part of a transaction.
struct TxnOffsetCommitRequest {
  static constexpr ApiKey kApiKey = ApiKey::txn_offset_commit;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  struct TxnOffsetCommitRequestTopic {
    struct TxnOffsetCommitRequestPartition {
      friend bool operator==(const TxnOffsetCommitRequestPartition&,
                             const TxnOffsetCommitRequestPartition&) = default;
      std::int32_t partition_index = 0;
      std::int64_t committed_offset = 0;
      std::int32_t committed_leader_epoch = -1;
      std::optional<std::string> committed_metadata = std::string{};

      static constexpr auto fields() {
        return std::tuple{
            field<&TxnOffsetCommitRequestPartition::partition_index>("PartitionIndex", from(0)),
            field<&TxnOffsetCommitRequestPartition::committed_offset>("CommittedOffset", from(0)),
            field<&TxnOffsetCommitRequestPartition::committed_leader_epoch>("CommittedLeaderEpoch",
                                                                            from(2))
                .ignorable(),
            field<&TxnOffsetCommitRequestPartition::committed_metadata>("CommittedMetadata",
                                                                        from(0))
                .nullable(from(0))};
      }
    };

    friend bool operator==(const TxnOffsetCommitRequestTopic&,
                           const TxnOffsetCommitRequestTopic&) = default;
    std::string name;
    std::vector<TxnOffsetCommitRequestPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TxnOffsetCommitRequestTopic::name>("Name", from(0)).ignorable(),
                        field<&TxnOffsetCommitRequestTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const TxnOffsetCommitRequest&, const TxnOffsetCommitRequest&) = default;
  std::string transactional_id;
  std::string group_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::vector<TxnOffsetCommitRequestTopic> topics;

  static constexpr auto fields() {
    return std::tuple{field<&TxnOffsetCommitRequest::transactional_id>("TransactionalId", from(0)),
                      field<&TxnOffsetCommitRequest::group_id>("GroupId", from(0)),
                      field<&TxnOffsetCommitRequest::producer_id>("ProducerId", from(0)),
                      field<&TxnOffsetCommitRequest::producer_epoch>("ProducerEpoch", from(0)),
                      field<&TxnOffsetCommitRequest::generation_id>("GenerationId", from(3)),
                      field<&TxnOffsetCommitRequest::member_id>("MemberId", from(3)),
                      field<&TxnOffsetCommitRequest::group_instance_id>("GroupInstanceId", from(3))
                          .nullable(from(3)),
                      field<&TxnOffsetCommitRequest::topics>("Topics", from(0))};
  }
};

/// Answer to `TxnOffsetCommitRequest`.
struct TxnOffsetCommitResponse {
  static constexpr ApiKey kApiKey = ApiKey::txn_offset_commit;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  struct TxnOffsetCommitResponseTopic {
    struct TxnOffsetCommitResponsePartition {
      friend bool operator==(const TxnOffsetCommitResponsePartition&,
                             const TxnOffsetCommitResponsePartition&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&TxnOffsetCommitResponsePartition::partition_index>("PartitionIndex", from(0)),
            field<&TxnOffsetCommitResponsePartition::error_code>("ErrorCode", from(0))};
      }
    };

    friend bool operator==(const TxnOffsetCommitResponseTopic&,
                           const TxnOffsetCommitResponseTopic&) = default;
    std::string name;
    std::vector<TxnOffsetCommitResponsePartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&TxnOffsetCommitResponseTopic::name>("Name", from(0)).ignorable(),
                        field<&TxnOffsetCommitResponseTopic::partitions>("Partitions", from(0))};
    }
  };

  friend bool operator==(const TxnOffsetCommitResponse&, const TxnOffsetCommitResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<TxnOffsetCommitResponseTopic> topics;

  static constexpr auto fields() {
    return std::tuple{field<&TxnOffsetCommitResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
                      field<&TxnOffsetCommitResponse::topics>("Topics", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::TxnOffsetCommitRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::TxnOffsetCommitResponse);
