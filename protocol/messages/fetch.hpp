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

/// Reads record batches from partitions, waiting for them when asked to. Also how followers
/// replicate.
struct FetchRequest {
  static constexpr ApiKey kApiKey = ApiKey::fetch;
  static constexpr VersionRange kVersions{4, 18};
  static constexpr VersionRange kFlexible = from(12);

  struct ReplicaState {
    friend bool operator==(const ReplicaState&, const ReplicaState&) = default;
    std::int32_t replica_id = -1;
    std::int64_t replica_epoch = -1;

    static constexpr auto fields() {
      return std::tuple{field<&ReplicaState::replica_id>("ReplicaId", from(15)),
                        field<&ReplicaState::replica_epoch>("ReplicaEpoch", from(15))};
    }
  };

  struct FetchTopic {
    struct FetchPartition {
      friend bool operator==(const FetchPartition&, const FetchPartition&) = default;
      std::int32_t partition = 0;
      std::int32_t current_leader_epoch = -1;
      std::int64_t fetch_offset = 0;
      std::int32_t last_fetched_epoch = -1;
      std::int64_t log_start_offset = -1;
      std::int32_t partition_max_bytes = 0;
      Uuid replica_directory_id;
      std::int64_t high_watermark = std::numeric_limits<std::int64_t>::max();

      static constexpr auto fields() {
        return std::tuple{
            field<&FetchPartition::partition>("Partition", from(0)),
            field<&FetchPartition::current_leader_epoch>("CurrentLeaderEpoch", from(9)).ignorable(),
            field<&FetchPartition::fetch_offset>("FetchOffset", from(0)),
            field<&FetchPartition::last_fetched_epoch>("LastFetchedEpoch", from(12)),
            field<&FetchPartition::log_start_offset>("LogStartOffset", from(5)).ignorable(),
            field<&FetchPartition::partition_max_bytes>("PartitionMaxBytes", from(0)),
            field<&FetchPartition::replica_directory_id>("ReplicaDirectoryId", from(17))
                .tagged(0, from(17))
                .ignorable(),
            field<&FetchPartition::high_watermark>("HighWatermark", from(18))
                .tagged(1, from(18))
                .ignorable()};
      }
    };

    friend bool operator==(const FetchTopic&, const FetchTopic&) = default;
    std::string topic;
    Uuid topic_id;
    std::vector<FetchPartition> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&FetchTopic::topic>("Topic", between(0, 12)).ignorable(),
                        field<&FetchTopic::topic_id>("TopicId", from(13)).ignorable(),
                        field<&FetchTopic::partitions>("Partitions", from(0))};
    }
  };

  struct ForgottenTopic {
    friend bool operator==(const ForgottenTopic&, const ForgottenTopic&) = default;
    std::string topic;
    Uuid topic_id;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&ForgottenTopic::topic>("Topic", between(7, 12)).ignorable(),
                        field<&ForgottenTopic::topic_id>("TopicId", from(13)).ignorable(),
                        field<&ForgottenTopic::partitions>("Partitions", from(7))};
    }
  };

  friend bool operator==(const FetchRequest&, const FetchRequest&) = default;
  std::optional<std::string> cluster_id;
  std::int32_t replica_id = -1;
  ReplicaState replica_state;
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = 0x7fffffff;
  std::int8_t isolation_level = 0;
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<FetchTopic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  std::string rack_id;

  static constexpr auto fields() {
    return std::tuple{
        field<&FetchRequest::cluster_id>("ClusterId", from(12))
            .nullable(from(12))
            .tagged(0, from(12))
            .ignorable(),
        field<&FetchRequest::replica_id>("ReplicaId", between(0, 14)),
        field<&FetchRequest::replica_state>("ReplicaState", from(15)).tagged(1, from(15)),
        field<&FetchRequest::max_wait_ms>("MaxWaitMs", from(0)),
        field<&FetchRequest::min_bytes>("MinBytes", from(0)),
        field<&FetchRequest::max_bytes>("MaxBytes", from(3)).ignorable(),
        field<&FetchRequest::isolation_level>("IsolationLevel", from(4)).ignorable(),
        field<&FetchRequest::session_id>("SessionId", from(7)).ignorable(),
        field<&FetchRequest::session_epoch>("SessionEpoch", from(7)).ignorable(),
        field<&FetchRequest::topics>("Topics", from(0)),
        field<&FetchRequest::forgotten_topics_data>("ForgottenTopicsData", from(7)),
        field<&FetchRequest::rack_id>("RackId", from(11)).ignorable()};
  }
};

/// Answer to `FetchRequest`.
struct FetchResponse {
  static constexpr ApiKey kApiKey = ApiKey::fetch;
  static constexpr VersionRange kVersions{4, 18};
  static constexpr VersionRange kFlexible = from(12);

  struct FetchableTopicResponse {
    struct PartitionData {
      struct EpochEndOffset {
        friend bool operator==(const EpochEndOffset&, const EpochEndOffset&) = default;
        std::int32_t epoch = -1;
        std::int64_t end_offset = -1;

        static constexpr auto fields() {
          return std::tuple{field<&EpochEndOffset::epoch>("Epoch", from(12)),
                            field<&EpochEndOffset::end_offset>("EndOffset", from(12))};
        }
      };

      struct LeaderIdAndEpoch {
        friend bool operator==(const LeaderIdAndEpoch&, const LeaderIdAndEpoch&) = default;
        std::int32_t leader_id = -1;
        std::int32_t leader_epoch = -1;

        static constexpr auto fields() {
          return std::tuple{field<&LeaderIdAndEpoch::leader_id>("LeaderId", from(12)),
                            field<&LeaderIdAndEpoch::leader_epoch>("LeaderEpoch", from(12))};
        }
      };

      struct SnapshotId {
        friend bool operator==(const SnapshotId&, const SnapshotId&) = default;
        std::int64_t end_offset = -1;
        std::int32_t epoch = -1;

        static constexpr auto fields() {
          return std::tuple{field<&SnapshotId::end_offset>("EndOffset", from(0)),
                            field<&SnapshotId::epoch>("Epoch", from(0))};
        }
      };

      struct AbortedTransaction {
        friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
        std::int64_t producer_id = 0;
        std::int64_t first_offset = 0;

        static constexpr auto fields() {
          return std::tuple{field<&AbortedTransaction::producer_id>("ProducerId", from(4)),
                            field<&AbortedTransaction::first_offset>("FirstOffset", from(4))};
        }
      };

      friend bool operator==(const PartitionData&, const PartitionData&) = default;
      std::int32_t partition_index = 0;
      ErrorCode error_code = ErrorCode::none;
      std::int64_t high_watermark = 0;
      std::int64_t last_stable_offset = -1;
      std::int64_t log_start_offset = -1;
      EpochEndOffset diverging_epoch;
      LeaderIdAndEpoch current_leader;
      SnapshotId snapshot_id;
      std::optional<std::vector<AbortedTransaction>> aborted_transactions =
          std::vector<AbortedTransaction>{};
      std::int32_t preferred_read_replica = -1;
      std::optional<BytesChain> records;

      static constexpr auto fields() {
        return std::tuple{
            field<&PartitionData::partition_index>("PartitionIndex", from(0)),
            field<&PartitionData::error_code>("ErrorCode", from(0)),
            field<&PartitionData::high_watermark>("HighWatermark", from(0)),
            field<&PartitionData::last_stable_offset>("LastStableOffset", from(4)).ignorable(),
            field<&PartitionData::log_start_offset>("LogStartOffset", from(5)).ignorable(),
            field<&PartitionData::diverging_epoch>("DivergingEpoch", from(12)).tagged(0, from(12)),
            field<&PartitionData::current_leader>("CurrentLeader", from(12)).tagged(1, from(12)),
            field<&PartitionData::snapshot_id>("SnapshotId", from(12)).tagged(2, from(12)),
            field<&PartitionData::aborted_transactions>("AbortedTransactions", from(4))
                .nullable(from(4))
                .ignorable(),
            field<&PartitionData::preferred_read_replica>("PreferredReadReplica", from(11)),
            field<&PartitionData::records>("Records", from(0)).nullable(from(0))};
      }
    };

    friend bool operator==(const FetchableTopicResponse&, const FetchableTopicResponse&) = default;
    std::string topic;
    Uuid topic_id;
    std::vector<PartitionData> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&FetchableTopicResponse::topic>("Topic", between(0, 12)).ignorable(),
                        field<&FetchableTopicResponse::topic_id>("TopicId", from(13)).ignorable(),
                        field<&FetchableTopicResponse::partitions>("Partitions", from(0))};
    }
  };

  struct NodeEndpoint {
    friend bool operator==(const NodeEndpoint&, const NodeEndpoint&) = default;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    static constexpr auto fields() {
      return std::tuple{field<&NodeEndpoint::node_id>("NodeId", from(16)),
                        field<&NodeEndpoint::host>("Host", from(16)),
                        field<&NodeEndpoint::port>("Port", from(16)),
                        field<&NodeEndpoint::rack>("Rack", from(16)).nullable(from(16))};
    }
  };

  friend bool operator==(const FetchResponse&, const FetchResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::int32_t session_id = 0;
  std::vector<FetchableTopicResponse> responses;
  std::vector<NodeEndpoint> node_endpoints;

  static constexpr auto fields() {
    return std::tuple{
        field<&FetchResponse::throttle_time_ms>("ThrottleTimeMs", from(1)).ignorable(),
        field<&FetchResponse::error_code>("ErrorCode", from(7)).ignorable(),
        field<&FetchResponse::session_id>("SessionId", from(7)),
        field<&FetchResponse::responses>("Responses", from(0)),
        field<&FetchResponse::node_endpoints>("NodeEndpoints", from(16)).tagged(0, from(16))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::FetchRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::FetchResponse);
