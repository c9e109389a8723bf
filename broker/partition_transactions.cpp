#include "broker/errors.hpp"
#include "broker/partition.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/record/builder.hpp"

/// What a partition does for transactions.
namespace millrace::broker {

using protocol::ErrorCode;

namespace {

ProducerIdentity producer_of(const protocol::BatchView& batch) {
  return {batch.producer_id().value_or(ProducerId{-1}),
          batch.producer_epoch().value_or(ProducerEpoch{-1})};
}

}  // namespace

std::optional<ProducerIdentity> Partition::to_verify(Bytes records, Timestamp now) const {
  const auto batch = protocol::parse_batch(records);
  if (!batch || !batch->is_transactional() || !batch->producer_id()) return std::nullopt;
  const ProducerIdentity producer = producer_of(*batch);
  const auto& producers = log_->producers();
  if (producers.in_transaction(producer.id, producer.epoch) || verifications_.allowed(producer))
    return std::nullopt;
  // The repetition of a batch that is in the log changes nothing, whatever became of it.
  const auto verdict = producers.check(*batch, now, settings_.log.producer_expiration);
  if (std::holds_alternative<log::ProducerDuplicate>(verdict)) return std::nullopt;
  return producer;
}

void Partition::transaction_begun(const protocol::BatchView& batch) {
  verifications_.begun(producer_of(batch));
}

ProduceResult Partition::append_own_in_transaction(Bytes bytes, Timestamp now) {
  const auto batch = protocol::parse_batch(bytes);
  ENSURE(batch.has_value());
  const auto* const known = log_->producers().find(*batch->producer_id());
  if (known != nullptr && producer_of(*batch).epoch < known->epoch)
    return {.error = ErrorCode::invalid_producer_epoch};
  if (to_verify(bytes, now)) return {.error = ErrorCode::invalid_txn_state};
  auto result = append_own(bytes);
  if (result.error == ErrorCode::none) transaction_begun(*batch);
  return result;
}

ProduceResult Partition::append_marker(const TransactionMarker& marker, Timestamp now) {
  const auto verdict = log_->producers().check_marker(marker.producer.id, marker.producer.epoch,
                                                      marker.coordinator_epoch,
                                                      marker.version == TransactionVersion::v2);
  if (const auto* const rejected = std::get_if<log::ProducerRejected>(&verdict))
    return {.error = rejected->code, .message = rejected->message};
  const auto batch = protocol::build_control_batch(
      {.type = marker.commit ? protocol::ControlType::commit : protocol::ControlType::abort,
       .producer_id = marker.producer.id,
       .producer_epoch = marker.producer.epoch,
       .coordinator_epoch = marker.coordinator_epoch,
       .timestamp = now});
  auto result = append_own(batch);
  if (result.error == ErrorCode::none) verifications_.marker(marker.producer, marker.version);
  return result;
}

}  // namespace millrace::broker
