#include "log/producer_state.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "protocol/record/record.hpp"

namespace millrace::log {
namespace {

using protocol::BatchView;
using protocol::ErrorCode;

constexpr std::int64_t kSequences = std::int64_t{1} << 31;

ProducerRejected out_of_order(const BatchView& batch, Sequence first, std::int32_t expected) {
  return {ErrorCode::out_of_order_sequence_number,
          "producer " + std::to_string(batch.producer_id()->value) + " sent sequence " +
              std::to_string(first.value) + ", expected " + std::to_string(expected)};
}

ProducerRejected stale_epoch(ProducerId id, ProducerEpoch epoch, ProducerEpoch known) {
  return {ErrorCode::invalid_producer_epoch,
          "producer " + std::to_string(id.value) + " uses epoch " + std::to_string(epoch.value) +
              ", epoch " + std::to_string(known.value) + " has taken over"};
}

void remember(ProducerEntry& entry, const ProducerBatch& batch) {
  if (entry.batch_count == kProducerBatchesMax) {
    std::shift_left(entry.batches.begin(), entry.batches.end(), 1);
    --entry.batch_count;
  }
  entry.batches[entry.batch_count++] = batch;
}

void enter_epoch(ProducerEntry& entry, ProducerEpoch epoch) {
  if (entry.epoch == epoch) return;
  entry.epoch = epoch;
  entry.batch_count = 0;
  entry.batches = {};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ProducerVerdict& verdict) {
  if (const auto* duplicate = std::get_if<ProducerDuplicate>(&verdict))
    return out << "duplicate of offset " << duplicate->base_offset;
  if (const auto* rejected = std::get_if<ProducerRejected>(&verdict))
    return out << rejected->code << ": " << rejected->message;
  return out << "ok";
}

Sequence ProducerBatch::base_sequence() const {
  const std::int64_t first = std::int64_t{last_sequence.value} - offset_delta;
  return Sequence{static_cast<std::int32_t>(first < 0 ? first + kSequences : first)};
}

const ProducerEntry* ProducerState::find(ProducerId id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

const ProducerEntry* ProducerState::find_live(ProducerId id, Timestamp now,
                                              std::chrono::milliseconds expiration) const {
  const ProducerEntry* const entry = find(id);
  if (entry == nullptr) return nullptr;
  const bool expired = !entry->transaction_start && now - entry->last_seen >= expiration;
  return expired ? nullptr : entry;
}

ProducerVerdict ProducerState::check(const BatchView& batch, Timestamp now,
                                     std::chrono::milliseconds expiration,
                                     bool starts_at_zero) const {
  const auto id = batch.producer_id();
  const auto first = batch.base_sequence();
  if (!id || !first || batch.is_control()) return ProducerOk{};
  const ProducerEntry* const entry = find_live(*id, now, expiration);
  if (entry == nullptr) {
    if (starts_at_zero && *first != Sequence{0}) return out_of_order(batch, *first, 0);
    return ProducerOk{};
  }
  const ProducerEpoch epoch = batch.producer_epoch().value_or(ProducerEpoch{-1});

  if (epoch == entry->epoch) {
    const auto last = *batch.last_sequence();
    // Newest first: one that was forgotten, but not removed yet, begins at sequence 0 once more.
    for (std::size_t i = entry->batch_count; i-- > 0;) {
      const ProducerBatch& known = entry->batches[i];
      if (known.last_sequence == last && known.base_sequence() == *first)
        return ProducerDuplicate{known.base_offset(), known.last_offset, known.timestamp};
    }
  }
  if (epoch < entry->epoch) return stale_epoch(*id, epoch, entry->epoch);
  const ProducerBatch* const newest = epoch == entry->epoch ? entry->newest() : nullptr;
  const Sequence expected = newest == nullptr ? Sequence{0} : newest->last_sequence.plus(1);
  if (*first != expected) return out_of_order(batch, *first, expected.value);
  if (entry->transaction_start && !batch.is_transactional())
    return ProducerRejected{ErrorCode::invalid_txn_state,
                            "producer " + std::to_string(id->value) +
                                " has an open transaction and sent a batch outside of it"};
  return ProducerOk{};
}

ProducerVerdict ProducerState::check_marker(ProducerId id, ProducerEpoch epoch,
                                            std::int32_t coordinator_epoch, bool new_epoch) const {
  const ProducerEntry* const entry = find(id);
  if (entry == nullptr) return ProducerOk{};
  if (epoch < entry->epoch) return stale_epoch(id, epoch, entry->epoch);
  const bool late = new_epoch && epoch == entry->epoch && entry->transaction_start &&
                    epoch.value != std::numeric_limits<std::int16_t>::max();
  if (late)
    return ProducerRejected{ErrorCode::invalid_producer_epoch,
                            "the marker ends a transaction before epoch " +
                                std::to_string(epoch.value) + " of producer " +
                                std::to_string(id.value) + ", which has begun another"};
  if (entry->coordinator_epoch && coordinator_epoch < *entry->coordinator_epoch)
    return ProducerRejected{ErrorCode::transaction_coordinator_fenced,
                            "the marker comes from coordinator epoch " +
                                std::to_string(coordinator_epoch) + ", epoch " +
                                std::to_string(*entry->coordinator_epoch) + " has taken over"};
  return ProducerOk{};
}

bool ProducerState::in_transaction(ProducerId id, ProducerEpoch epoch) const {
  const ProducerEntry* const entry = find(id);
  return entry != nullptr && entry->epoch == epoch && entry->transaction_start.has_value();
}

void ProducerState::apply(const BatchView& batch, Timestamp now) {
  const auto id = batch.producer_id();
  if (!id) return;
  ProducerEntry& entry = entries_[*id];
  entry.last_seen = std::max(entry.last_seen, now);
  enter_epoch(entry, batch.producer_epoch().value_or(ProducerEpoch{-1}));
  if (batch.is_control()) return apply_marker(batch, entry);
  if (const auto last = batch.last_sequence()) {
    // What does not follow begins anew (it was forgotten, and so were its sequences): an older
    // batch with the same sequences is none of its repetitions.
    const ProducerBatch* const newest = entry.newest();
    if (newest != nullptr && batch.base_sequence() != newest->last_sequence.plus(1))
      entry.batch_count = 0;
    remember(entry, {*last, batch.last_offset(), batch.last_offset_delta(), batch.max_timestamp()});
  }
  if (batch.is_transactional() && !entry.transaction_start) {
    entry.transaction_start = batch.base_offset();
    open_.insert(batch.base_offset());
  }
}

void ProducerState::apply_marker(const BatchView& batch, ProducerEntry& entry) {
  protocol::RecordReader records{batch.records_section(), batch.record_count()};
  const auto record = records.next();
  if (!record) return;  // compaction emptied it: the epoch is all that is left to know
  const auto marker = protocol::parse_control_record(*record);
  if (!marker) return;
  if (marker->type != protocol::ControlType::abort && marker->type != protocol::ControlType::commit)
    return;
  if (marker->coordinator_epoch) entry.coordinator_epoch = marker->coordinator_epoch;
  if (!entry.transaction_start) return;
  if (marker->type == protocol::ControlType::abort)
    aborted_.add({*batch.producer_id(), *entry.transaction_start, batch.last_offset()});
  completed_[*entry.transaction_start] = batch.last_offset();
  open_.erase(*entry.transaction_start);
  entry.transaction_start.reset();
}

std::size_t ProducerState::expire(Timestamp now, std::chrono::milliseconds expiration) {
  return std::erase_if(entries_, [&](const auto& item) {
    return find_live(item.first, now, expiration) == nullptr;
  });
}

void ProducerState::clear() {
  entries_.clear();
  open_.clear();
  completed_.clear();
  aborted_ = {};
  lacks_aborted_ = false;
}

std::optional<Offset> ProducerState::first_open() const {
  if (open_.empty()) return std::nullopt;
  return *open_.begin();
}

Offset ProducerState::last_stable(Offset high_watermark) {
  std::erase_if(completed_, [&](const auto& item) { return item.second < high_watermark; });
  Offset stable = high_watermark;
  if (const auto open = first_open()) stable = std::min(stable, *open);
  if (!completed_.empty()) stable = std::min(stable, completed_.begin()->first);
  return stable;
}

}  // namespace millrace::log
