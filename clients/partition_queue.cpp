#include "clients/partition_queue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/base/ensure.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

/// The broker refused the sequence, not the records.
bool is_sequence_refusal(ErrorCode code) {
  return code == ErrorCode::out_of_order_sequence_number || code == ErrorCode::unknown_producer_id;
}

/// Retriable codes with which the batch may have been stored all the same.
bool may_have_stored(ErrorCode code) {
  return code == ErrorCode::request_timed_out ||
         code == ErrorCode::not_enough_replicas_after_append ||
         code == ErrorCode::kafka_storage_error;
}

}  // namespace

bool PartitionQueue::fits_open_batch(std::size_t record_bytes) const {
  if (batches_.empty()) return false;
  const auto& last = batches_.back();
  return !last.sent_before && last.builder.size_estimate() + record_bytes <= options_.batch_bytes;
}

void PartitionQueue::add(const RecordRef& record, Timestamp timestamp, DeliveryCallback callback,
                         Ticket ticket, std::size_t bytes, Instant now) {
  if (!fits_open_batch(bytes)) {
    auto& batch = batches_.emplace_back();
    batch.number = next_number_++;
    batch.builder = protocol::BatchBuilder{{.codec = options_.codec,
                                            .level = options_.compression_level,
                                            .transactional = !options_.transactional_id.empty()}};
    batch.first_ticket = ticket;
    batch.created = now;
    batch.deadline = now + options_.delivery_timeout;
  }
  auto& batch = batches_.back();
  if (callback) {
    batch.tracked.push_back({.index = batch.builder.record_count(),
                             .timestamp = timestamp,
                             .callback = std::move(callback)});
  }
  batch.builder.add(timestamp, record.key, record.value, record.headers);
  batch.bytes += bytes;
}

const PartitionQueue::Batch* PartitionQueue::next_to_send() const {
  const auto found = std::ranges::find(batches_, false, &Batch::in_flight);
  return found == batches_.end() ? nullptr : &*found;
}

std::optional<Instant> PartitionQueue::sendable_at(bool has_identity, Ticket flush_until,
                                                   bool hurry) const {
  const auto* next = next_to_send();
  if (next == nullptr || broken_) return std::nullopt;
  if (options_.idempotent && !has_identity) return std::nullopt;
  const bool alone = next->sent_before || renumber_from_ || (options_.idempotent && !proven_);
  if (alone && in_flight_ > 0) return std::nullopt;
  const bool filled = next != &batches_.back() || next->sent_before ||
                      next->builder.size_estimate() >= options_.batch_bytes;
  const bool at_once = filled || hurry || next->first_ticket <= flush_until;
  return std::max(retry_at_, at_once ? Instant{} : next->created + options_.linger);
}

std::size_t PartitionQueue::next_size() const {
  const auto* next = next_to_send();
  return next == nullptr ? 0 : next->builder.size_estimate();
}

std::optional<PartitionQueue::Sending> PartitionQueue::take(
    const std::optional<ProducerIdentity>& identity) {
  const auto found = std::ranges::find(batches_, false, &Batch::in_flight);
  ENSURE(found != batches_.end());
  auto& batch = *found;
  if (batch.sealed.empty()) {
    if (options_.idempotent) {
      if (!batch.sequence) {
        batch.sequence = next_sequence_;
        next_sequence_ = next_sequence_.plus(batch.builder.record_count());
      }
      batch.builder.set_producer(protocol::BatchBuilder::Producer{
          .id = identity->id, .epoch = identity->epoch, .base_sequence = *batch.sequence});
    }
    auto built = batch.builder.build();
    if (!built) {
      give_up(found, {.code = Errc::invalid_argument,
                      .message = fmt::format("a batch for {}-{} could not be built: {}", id_.topic,
                                             id_.partition.value, built.error().message())});
      return std::nullopt;
    }
    batch.sealed = SharedBytes::from(std::move(*built));
  }
  batch.in_flight = true;
  batch.sent_before = true;
  ++in_flight_;
  return Sending{batch.number, batch.sealed};
}

PartitionQueue::Iterator PartitionQueue::find(BatchNumber number) {
  return std::ranges::find(batches_, number, &Batch::number);
}

void PartitionQueue::retry(Batch& batch, Instant retry_at) {
  batch.in_flight = false;
  --in_flight_;
  retry_at_ = std::max(retry_at_, retry_at);
  renumber_if_due();
}

void PartitionQueue::answered(BatchNumber number, BatchAnswer answer, Instant retry_at) {
  const auto batch = find(number);
  if (batch == batches_.end()) return;  // failed meanwhile by `fail_all`
  ENSURE(batch->in_flight);
  if (answer.code == ErrorCode::none || answer.code == ErrorCode::duplicate_sequence_number) {
    proven_ = true;
    finish(batch, std::move(answer));
    return;
  }
  if (batch->abandoned) return finish_abandoned(batch);
  const auto where = fmt::format("Produce to {}-{}", id_.topic, id_.partition.value);
  if (broken_) return finish(batch, broken_error(*broken_));
  if (is_sequence_refusal(answer.code) && options_.idempotent) {
    // Behind a batch that failed this is only the echo of that failure.
    if (batch != batches_.begin() || renumber_from_) return retry(*batch, retry_at);
    batch->perhaps_stored = true;
    return give_up(batch, rejected(answer.code, where, answer.message));
  }
  if (may_have_stored(answer.code)) batch->perhaps_stored = true;
  if (protocol::is_retriable(answer.code)) return retry(*batch, retry_at);
  give_up(batch, rejected(answer.code, where, answer.message));
}

void PartitionQueue::lost(BatchNumber number, const ClientError& error, Instant retry_at) {
  const auto batch = find(number);
  if (batch == batches_.end()) return;
  ENSURE(batch->in_flight);
  if (batch->abandoned) return finish_abandoned(batch);
  // These two are said before anything is sent.
  const bool sent = error.code != Errc::unsupported && error.code != Errc::unreachable;
  if (sent) batch->perhaps_stored = true;
  if (broken_) return finish(batch, broken_error(*broken_));
  if (error.retriable) return retry(*batch, retry_at);
  give_up(batch, error);
}

void PartitionQueue::expire(Instant now) {
  for (;;) {
    const auto late = std::ranges::find_if(
        batches_, [now](const Batch& batch) { return !batch.in_flight && batch.deadline <= now; });
    if (late == batches_.end()) return;
    const bool sent = late->sent_before;
    give_up(late, {.code = Errc::timed_out,
                   .message = fmt::format("records for {}-{} were not delivered within {} ms; {}",
                                          id_.topic, id_.partition.value,
                                          options_.delivery_timeout.count(),
                                          sent ? "every attempt failed" : "none was sent"),
                   .retriable = true});
  }
}

std::optional<Instant> PartitionQueue::next_expiry() const {
  std::optional<Instant> soonest;
  for (const auto& batch : batches_) {
    if (!batch.in_flight && (!soonest || batch.deadline < *soonest)) soonest = batch.deadline;
  }
  return soonest;
}

void PartitionQueue::give_up(Iterator batch, ClientError error) {
  const auto sequence = batch->sequence;
  const bool perhaps_stored = batch->perhaps_stored;
  const bool behind_a_hole = batch->renumber;
  auto cause = error;
  if (options_.idempotent && sequence && !perhaps_stored) {
    for (auto behind = std::next(batch); behind != batches_.end(); ++behind) {
      behind->renumber = behind->sequence.has_value();
    }
    if (!behind_a_hole) renumber_from_ = *sequence;
  }
  finish(batch, std::move(error));
  if (options_.idempotent && sequence && perhaps_stored) break_down(cause);
}

void PartitionQueue::finish(Iterator batch, Outcome<BatchAnswer> outcome) {
  if (batch->in_flight) --in_flight_;
  finished_.push_back({.records = std::move(batch->tracked),
                       .outcome = std::move(outcome),
                       .record_count = batch->builder.record_count(),
                       .bytes = batch->bytes,
                       .first_ticket = batch->first_ticket});
  batches_.erase(batch);
  renumber_if_due();
}

/// Once nothing is in flight, whatever was sent behind the batch given up has been refused, for its
/// sequences followed a hole; it is safe to send under other sequences.
void PartitionQueue::renumber_if_due() {
  if (!renumber_from_ || in_flight_ > 0) return;
  next_sequence_ = *std::exchange(renumber_from_, std::nullopt);
  for (auto& batch : batches_) {
    if (!batch.renumber) continue;
    batch.renumber = false;
    batch.perhaps_stored = false;  // it followed the hole, so it was not
    batch.sequence.reset();
    batch.sealed = {};
  }
}

void PartitionQueue::break_down(const ClientError& cause) {
  broken_ = cause;
  renumber_from_.reset();
  for (;;) {
    const auto waiting = std::ranges::find(batches_, false, &Batch::in_flight);
    if (waiting == batches_.end()) return;
    finish(waiting, broken_error(cause));
  }
}

void PartitionQueue::finish_abandoned(Iterator batch) {
  unclear_ = true;
  auto error = *batch->abandoned;
  finish(batch, std::move(error));
}

void PartitionQueue::abandon(const ClientError& error) {
  for (auto& batch : batches_)
    if (batch.in_flight && !batch.abandoned) batch.abandoned = error;
  for (;;) {
    const auto waiting = std::ranges::find(batches_, false, &Batch::in_flight);
    if (waiting == batches_.end()) return;
    unclear_ = unclear_ || waiting->sequence.has_value();
    finish(waiting, error);
  }
}

void PartitionQueue::restart(bool numbers_checked) {
  ENSURE(batches_.empty());
  retry_at_ = {};
  proven_ = numbers_checked;
  next_sequence_ = {};
  renumber_from_.reset();
  broken_.reset();
  unclear_ = false;
}

void PartitionQueue::fail_all(const ClientError& error) {
  while (!batches_.empty()) finish(batches_.begin(), error);
}

ClientError PartitionQueue::broken_error(const ClientError& cause) const {
  return {.code = Errc::sequence_broken,
          .broker_code = cause.broker_code,
          .message = fmt::format("an earlier record for {}-{} was given up and may or may not be "
                                 "stored, so nothing behind it is sent; check, then go on with a "
                                 "new producer. The cause: {}",
                                 id_.topic, id_.partition.value, cause.message)};
}

std::optional<Ticket> PartitionQueue::oldest_ticket() const {
  if (batches_.empty()) return std::nullopt;
  return batches_.front().first_ticket;
}

}  // namespace millrace::clients
