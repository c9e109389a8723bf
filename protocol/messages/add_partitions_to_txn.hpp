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

/// Adds partitions to a transaction, or asks whether they belong to it (brokers, version 4 and up).
struct AddPartitionsToTxnRequest {
  static constexpr ApiKey kApiKey = ApiKey::add_partitions_to_txn;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  struct AddPartitionsToTxnTopic {
    friend bool operator==(const AddPartitionsToTxnTopic&,
                           const AddPartitionsToTxnTopic&) = default;
    std::string name;
    std::vector<std::int32_t> partitions;

    static constexpr auto fields() {
      return std::tuple{field<&AddPartitionsToTxnTopic::name>("Name", from(0)),
                        field<&AddPartitionsToTxnTopic::partitions>("Partitions", from(0))};
    }
  };

  struct AddPartitionsToTxnTransaction {
    friend bool operator==(const AddPartitionsToTxnTransaction&,
                           const AddPartitionsToTxnTransaction&) = default;
    std::string transactional_id;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    bool verify_only = false;
    std::vector<AddPartitionsToTxnTopic> topics;

    static constexpr auto fields() {
      return std::tuple{
          field<&AddPartitionsToTxnTransaction::transactional_id>("TransactionalId", from(4)),
          field<&AddPartitionsToTxnTransaction::producer_id>("ProducerId", from(4)),
          field<&AddPartitionsToTxnTransaction::producer_epoch>("ProducerEpoch", from(4)),
          field<&AddPartitionsToTxnTransaction::verify_only>("VerifyOnly", from(4)),
          field<&AddPartitionsToTxnTransaction::topics>("Topics", from(4))};
    }
  };

  friend bool operator==(const AddPartitionsToTxnRequest&,
                         const AddPartitionsToTxnRequest&) = default;
  std::vector<AddPartitionsToTxnTransaction> transactions;
  std::string v3_and_below_transactional_id;
  std::int64_t v3_and_below_producer_id = 0;
  std::int16_t v3_and_below_producer_epoch = 0;
  std::vector<AddPartitionsToTxnTopic> v3_and_below_topics;

  static constexpr auto fields() {
    return std::tuple{
        field<&AddPartitionsToTxnRequest::transactions>("Transactions", from(4)),
        field<&AddPartitionsToTxnRequest::v3_and_below_transactional_id>(
            "V3AndBelowTransactionalId", between(0, 3)),
        field<&AddPartitionsToTxnRequest::v3_and_below_producer_id>("V3AndBelowProducerId",
                                                                    between(0, 3)),
        field<&AddPartitionsToTxnRequest::v3_and_below_producer_epoch>("V3AndBelowProducerEpoch",
                                                                       between(0, 3)),
        field<&AddPartitionsToTxnRequest::v3_and_below_topics>("V3AndBelowTopics", between(0, 3))};
  }
};

/// Answer to `AddPartitionsToTxnRequest`.
struct AddPartitionsToTxnResponse {
  static constexpr ApiKey kApiKey = ApiKey::add_partitions_to_txn;
  static constexpr VersionRange kVersions{0, 5};
  static constexpr VersionRange kFlexible = from(3);

  struct AddPartitionsToTxnTopicResult {
    struct AddPartitionsToTxnPartitionResult {
      friend bool operator==(const AddPartitionsToTxnPartitionResult&,
                             const AddPartitionsToTxnPartitionResult&) = default;
      std::int32_t partition_index = 0;
      ErrorCode partition_error_code = ErrorCode::none;

      static constexpr auto fields() {
        return std::tuple{
            field<&AddPartitionsToTxnPartitionResult::partition_index>("PartitionIndex", from(0)),
            field<&AddPartitionsToTxnPartitionResult::partition_error_code>("PartitionErrorCode",
                                                                            from(0))};
      }
    };

    friend bool operator==(const AddPartitionsToTxnTopicResult&,
                           const AddPartitionsToTxnTopicResult&) = default;
    std::string name;
    std::vector<AddPartitionsToTxnPartitionResult> results_by_partition;

    static constexpr auto fields() {
      return std::tuple{field<&AddPartitionsToTxnTopicResult::name>("Name", from(0)),
                        field<&AddPartitionsToTxnTopicResult::results_by_partition>(
                            "ResultsByPartition", from(0))};
    }
  };

  struct AddPartitionsToTxnResult {
    friend bool operator==(const AddPartitionsToTxnResult&,
                           const AddPartitionsToTxnResult&) = default;
    std::string transactional_id;
    std::vector<AddPartitionsToTxnTopicResult> topic_results;

    static constexpr auto fields() {
      return std::tuple{
          field<&AddPartitionsToTxnResult::transactional_id>("TransactionalId", from(4)),
          field<&AddPartitionsToTxnResult::topic_results>("TopicResults", from(4))};
    }
  };

  friend bool operator==(const AddPartitionsToTxnResponse&,
                         const AddPartitionsToTxnResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<AddPartitionsToTxnResult> results_by_transaction;
  std::vector<AddPartitionsToTxnTopicResult> results_by_topic_v3_and_below;

  static constexpr auto fields() {
    return std::tuple{
        field<&AddPartitionsToTxnResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&AddPartitionsToTxnResponse::error_code>("ErrorCode", from(4)).ignorable(),
        field<&AddPartitionsToTxnResponse::results_by_transaction>("ResultsByTransaction", from(4)),
        field<&AddPartitionsToTxnResponse::results_by_topic_v3_and_below>(
            "ResultsByTopicV3AndBelow", between(0, 3))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::AddPartitionsToTxnRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::AddPartitionsToTxnResponse);
