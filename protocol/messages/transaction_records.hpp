#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/wire/codec.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Records of the topic `__transaction_state`. The key starts with the record type as int16 (0, the
/// only one), the value with its version as int16; a null value is a tombstone.
struct TransactionLogKey {
  static constexpr VersionRange kVersions{0, 0};
  static constexpr VersionRange kFlexible = kNoVersions;

  friend bool operator==(const TransactionLogKey&, const TransactionLogKey&) = default;
  std::string transactional_id;

  static constexpr auto fields() {
    return std::tuple{field<&TransactionLogKey::transactional_id>("TransactionalId", only(0))};
  }
};

/// How the transactions of one transactional id stand.
struct TransactionLogValue {
  static constexpr VersionRange kVersions{0, 1};
  static constexpr VersionRange kFlexible = from(1);

  struct PartitionsSchema {
    friend bool operator==(const PartitionsSchema&, const PartitionsSchema&) = default;
    std::string topic;
    std::vector<std::int32_t> partition_ids;

    static constexpr auto fields() {
      return std::tuple{field<&PartitionsSchema::topic>("Topic", from(0)),
                        field<&PartitionsSchema::partition_ids>("PartitionIds", from(0))};
    }
  };

  friend bool operator==(const TransactionLogValue&, const TransactionLogValue&) = default;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t transaction_timeout_ms = 0;
  std::int8_t transaction_status = 0;
  std::optional<std::vector<PartitionsSchema>> transaction_partitions =
      std::vector<PartitionsSchema>{};
  std::int64_t transaction_last_update_timestamp_ms = 0;
  std::int64_t transaction_start_timestamp_ms = 0;
  std::int64_t previous_producer_id = -1;
  std::int64_t next_producer_id = -1;
  std::int16_t client_transaction_version = 0;
  std::int16_t next_producer_epoch = -1;

  static constexpr auto fields() {
    return std::tuple{
        field<&TransactionLogValue::producer_id>("ProducerId", from(0)),
        field<&TransactionLogValue::producer_epoch>("ProducerEpoch", from(0)),
        field<&TransactionLogValue::transaction_timeout_ms>("TransactionTimeoutMs", from(0)),
        field<&TransactionLogValue::transaction_status>("TransactionStatus", from(0)),
        field<&TransactionLogValue::transaction_partitions>("TransactionPartitions", from(0))
            .nullable(from(0)),
        field<&TransactionLogValue::transaction_last_update_timestamp_ms>(
            "TransactionLastUpdateTimestampMs", from(0)),
        field<&TransactionLogValue::transaction_start_timestamp_ms>("TransactionStartTimestampMs",
                                                                    from(0)),
        field<&TransactionLogValue::previous_producer_id>("PreviousProducerId", from(1))
            .tagged(0, from(1))
            .ignorable(),
        field<&TransactionLogValue::next_producer_id>("NextProducerId", from(1))
            .tagged(1, from(1))
            .ignorable(),
        field<&TransactionLogValue::client_transaction_version>("ClientTransactionVersion", from(1))
            .tagged(2, from(1))
            .ignorable(),
        field<&TransactionLogValue::next_producer_epoch>("NextProducerEpoch", from(1))
            .tagged(3, from(1))
            .ignorable()};
  }
};

}  // namespace millrace::protocol

MILLRACE_DECLARE_CODEC(millrace::protocol::TransactionLogKey);
MILLRACE_DECLARE_CODEC(millrace::protocol::TransactionLogValue);
