#include "broker/transaction/records.hpp"

#include <array>
#include <utility>

#include "broker/group/record_codec.hpp"
#include "protocol/errc.hpp"
#include "protocol/messages/transaction_records.hpp"

namespace millrace::broker {

namespace {

using protocol::Errc;
using protocol::TransactionLogKey;
using protocol::TransactionLogValue;

constexpr std::int16_t kType = 0;
constexpr std::int16_t kKeyVersion = 0;
constexpr std::int16_t kValueVersion = 1;

constexpr std::array<std::string_view, 6> kStateNames{
    "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};

std::optional<TransactionState> state_of(std::int8_t status) {
  if (status < 0 || static_cast<std::size_t>(status) >= kStateNames.size()) return std::nullopt;
  return static_cast<TransactionState>(status);
}

Result<Transaction> from_record(const TransactionLogValue& value) {
  const auto state = state_of(value.transaction_status);
  if (!state || value.producer_id < 0 || value.producer_epoch < 0) return Errc::corrupt_batch;
  Transaction transaction{
      .producer_id = ProducerId{value.producer_id},
      .epoch = ProducerEpoch{value.producer_epoch},
      .previous_id = ProducerId{value.previous_producer_id},
      .next_id = ProducerId{value.next_producer_id},
      .timeout = std::chrono::milliseconds{value.transaction_timeout_ms},
      .state = *state,
      .partitions = {},
      .started = Timestamp{value.transaction_start_timestamp_ms},
      .updated = Timestamp{value.transaction_last_update_timestamp_ms},
      .version = value.client_transaction_version >= std::to_underlying(TransactionVersion::v2)
                     ? TransactionVersion::v2
                     : TransactionVersion::v1};
  if (!value.transaction_partitions) return transaction;
  for (const auto& topic : *value.transaction_partitions)
    for (const std::int32_t index : topic.partition_ids)
      transaction.partitions.insert({topic.topic, PartitionIndex{index}});
  return transaction;
}

TransactionLogValue to_record(const Transaction& transaction) {
  TransactionLogValue value;
  value.producer_id = transaction.producer_id.value;
  value.producer_epoch = transaction.epoch.value;
  value.transaction_timeout_ms = static_cast<std::int32_t>(transaction.timeout.count());
  value.transaction_status = std::to_underlying(transaction.state);
  value.transaction_last_update_timestamp_ms = transaction.updated.value;
  value.transaction_start_timestamp_ms = transaction.started.value;
  value.previous_producer_id = transaction.previous_id.value;
  value.next_producer_id = transaction.next_id.value;
  value.client_transaction_version = std::to_underlying(transaction.version);
  auto& topics = value.transaction_partitions.emplace();
  for (const auto& [topic, index] : transaction.partitions) {
    if (topics.empty() || topics.back().topic != topic) topics.push_back({topic, {}});
    topics.back().partition_ids.push_back(index.value);
  }
  return value;
}

}  // namespace

std::string_view to_string(TransactionState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::optional<TransactionState> parse_transaction_state(std::string_view name) {
  for (std::size_t i = 0; i < kStateNames.size(); ++i)
    if (kStateNames[i] == name) return static_cast<TransactionState>(i);
  return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, TransactionState state) {
  return out << to_string(state);
}

TransactionRecord encode_transaction(std::string_view transactional_id,
                                     const std::optional<Transaction>& transaction) {
  const TransactionLogKey key{.transactional_id = std::string{transactional_id}};
  TransactionRecord record{encode_prefixed(kType, key, kKeyVersion), std::nullopt};
  if (transaction)
    record.value = encode_prefixed(kValueVersion, to_record(*transaction), kValueVersion);
  return record;
}

Result<std::optional<DecodedTransaction>> decode_transaction(Bytes key,
                                                             std::optional<Bytes> value) {
  using Decoded = std::optional<DecodedTransaction>;
  protocol::Reader in{SharedBytes::copy_of(key)};
  const auto type = in.integer<std::int16_t>();
  if (!in.ok()) return in.error();
  if (type != kType) return Decoded{};
  auto whose = decode_rest<TransactionLogKey>(in, kKeyVersion);
  if (!whose) return whose.error();
  DecodedTransaction decoded{std::move(whose->transactional_id), std::nullopt};
  if (!value) return Decoded{std::move(decoded)};
  const auto stands = decode_value<TransactionLogValue>(*value);
  if (!stands) return stands.error();
  if (!*stands) return Decoded{};
  auto transaction = from_record(**stands);
  if (!transaction) return transaction.error();
  decoded.transaction = *std::move(transaction);
  return Decoded{std::move(decoded)};
}

}  // namespace millrace::broker
