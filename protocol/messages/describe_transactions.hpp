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

/// How transactions stand.
struct DescribeTransactionsRequest {
  static constexpr ApiKey kApiKey = ApiKey::describe_transactions;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  friend bool operator==(const DescribeTransactionsRequest&,
                         const DescribeTransactionsRequest&) = default;
  std::vector<std::string> transactional_ids;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeTransactionsRequest::transactional_ids>("TransactionalIds", from(0))};
  }
};

/// Answer to `DescribeTransactionsRequest`.
struct DescribeTransactionsResponse {
  static constexpr ApiKey kApiKey = ApiKey::describe_transactions;
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = from(0);

  struct TransactionState {
    struct TopicData {
      friend bool operator==(const TopicData&, const TopicData&) = default;
      std::string topic;
      std::vector<std::int32_t> partitions;

      static constexpr auto fields() {
        return std::tuple{field<&TopicData::topic>("Topic", from(0)),
                          field<&TopicData::partitions>("Partitions", from(0))};
      }
    };

    friend bool operator==(const TransactionState&, const TransactionState&) = default;
    ErrorCode error_code = ErrorCode::none;
    std::string transactional_id;
    std::string transaction_state;
    std::int32_t transaction_timeout_ms = 0;
    std::int64_t transaction_start_time_ms = 0;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    std::vector<TopicData> topics;

    static constexpr auto fields() {
      return std::tuple{
          field<&TransactionState::error_code>("ErrorCode", from(0)),
          field<&TransactionState::transactional_id>("TransactionalId", from(0)),
          field<&TransactionState::transaction_state>("TransactionState", from(0)),
          field<&TransactionState::transaction_timeout_ms>("TransactionTimeoutMs", from(0)),
          field<&TransactionState::transaction_start_time_ms>("TransactionStartTimeMs", from(0)),
          field<&TransactionState::producer_id>("ProducerId", from(0)),
          field<&TransactionState::producer_epoch>("ProducerEpoch", from(0)),
          field<&TransactionState::topics>("Topics", from(0))};
    }
  };

  friend bool operator==(const DescribeTransactionsResponse&,
                         const DescribeTransactionsResponse&) = default;
  std::int32_t throttle_time_ms = 0;
  std::vector<TransactionState> transaction_states;

  static constexpr auto fields() {
    return std::tuple{
        field<&DescribeTransactionsResponse::throttle_time_ms>("ThrottleTimeMs", from(0)),
        field<&DescribeTransactionsResponse::transaction_states>("TransactionStates", from(0))};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeTransactionsRequest);
MILLRACE_DECLARE_CODEC(millrace::protocol::DescribeTransactionsResponse);
