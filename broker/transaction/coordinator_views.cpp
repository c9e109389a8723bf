#include <algorithm>

#include "broker/transaction/coordinator.hpp"
#include "protocol/base/ensure.hpp"

/// Read-only answers.
namespace millrace::broker {

using protocol::ErrorCode;

const Transaction* TransactionCoordinator::find(std::string_view transactional_id) const {
  const Slot* const slot = slot_of(transactional_id);
  return slot != nullptr && slot->durable ? &*slot->durable : nullptr;
}

std::vector<std::string> TransactionCoordinator::ids() const {
  std::vector<std::string> all;
  for (const auto& [id, slot] : slots_)
    if (slot->durable) all.push_back(id);
  return all;
}

ErrorCode TransactionCoordinator::verify(std::string_view transactional_id,
                                         const ProducerIdentity& producer,
                                         const TopicPartition& partition) const {
  const Transaction* const now = find(transactional_id);
  if (now == nullptr || now->producer_id != producer.id)
    return ErrorCode::invalid_producer_id_mapping;
  if (now->epoch != producer.epoch) return ErrorCode::producer_fenced;
  if (now->ending()) return ErrorCode::concurrent_transactions;
  const bool has = now->state == TransactionState::ongoing && now->partitions.contains(partition);
  return has ? ErrorCode::none : ErrorCode::transaction_abortable;
}

protocol::DescribeTransactionsResponse::TransactionState TransactionCoordinator::describe(
    std::string_view transactional_id) const {
  protocol::DescribeTransactionsResponse::TransactionState answer;
  answer.transactional_id = transactional_id;
  const Transaction* const now = find(transactional_id);
  if (now == nullptr) {
    answer.error_code = transactional_id.empty() ? ErrorCode::invalid_request
                                                 : ErrorCode::transactional_id_not_found;
    return answer;
  }
  answer.transaction_state = to_string(now->state);
  answer.transaction_timeout_ms = static_cast<std::int32_t>(now->timeout.count());
  answer.transaction_start_time_ms = now->started.value;
  answer.producer_id = now->producer_id.value;
  answer.producer_epoch = now->epoch.value;
  for (const auto& [topic, index] : now->partitions) {
    if (answer.topics.empty() || answer.topics.back().topic != topic)
      answer.topics.push_back({topic, {}});
    answer.topics.back().partitions.push_back(index.value);
  }
  return answer;
}

std::vector<protocol::ListTransactionsResponse::TransactionState> TransactionCoordinator::list(
    const Filter& filter, Timestamp wall) const {
  const auto names = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  };
  std::vector<protocol::ListTransactionsResponse::TransactionState> found;
  for (const auto& [id, slot] : slots_) {
    if (!slot->durable) continue;
    const Transaction& now = *slot->durable;
    const std::string state{to_string(now.state)};
    if (!names(filter.states, state) || !names(filter.producer_ids, now.producer_id.value))
      continue;
    // As in Kafka the time counts from the start of the last transaction, also when it is over.
    if (filter.running_for && wall - now.started <= *filter.running_for) continue;
    found.push_back(
        {.transactional_id = id, .producer_id = now.producer_id.value, .transaction_state = state});
  }
  return found;
}

}  // namespace millrace::broker
