#include <algorithm>
#include <utility>

#include "broker/group/coordinator.hpp"
#include "broker/transaction/coordinator.hpp"
#include "protocol/base/ensure.hpp"

/// From a decision to a durable change and on: drafts become writes, writes are reported and
/// replayed, and what was decided is carried out; what time brings.
namespace millrace::broker {

using protocol::ErrorCode;

TransactionCoordinator::Change& TransactionCoordinator::change(Slot& slot,
                                                               std::optional<Transaction> next,
                                                               Draft& draft) {
  ENSURE(!slot.writing);
  slot.writing = true;
  draft.changes.push_back(
      {.slot = &slot, .next = std::move(next), .last_epoch = {}, .replies = {}});
  return draft.changes.back();
}

TransactionOutput TransactionCoordinator::seal(Draft draft) {
  if (draft.changes.empty()) return std::move(draft.out);
  Write write;
  write.changes = std::move(draft.changes);
  for (const auto& one : write.changes)
    write.records.push_back(encode_transaction(one.slot->id, one.next));
  draft.out.records = write.records;
  draft.out.ticket = write.ticket = next_ticket_++;
  writes_.push_back(std::move(write));
  return std::move(draft.out);
}

TransactionOutput TransactionCoordinator::committed(Ticket ticket, const Moment& at) {
  report(ticket, ErrorCode::none);
  return drain(at);
}

TransactionOutput TransactionCoordinator::failed(Ticket ticket, ErrorCode error, const Moment& at) {
  ENSURE(error != ErrorCode::none);
  report(ticket, error);
  return drain(at);
}

void TransactionCoordinator::report(Ticket ticket, ErrorCode outcome) {
  ENSURE(loaded_ && !writes_.empty() && ticket >= writes_.front().ticket);
  const auto at = static_cast<std::size_t>(ticket - writes_.front().ticket);
  ENSURE(at < writes_.size() && !writes_[at].outcome);
  writes_[at].outcome = outcome;
}

/// Finishes writes in the order of their tickets, which is the order of the log.
TransactionOutput TransactionCoordinator::drain(const Moment& at) {
  Draft draft;
  while (!writes_.empty() && writes_.front().outcome) {
    Write write = std::move(writes_.front());
    writes_.pop_front();
    for (std::size_t i = 0; i < write.changes.size(); ++i)
      conclude(write.changes[i], write.records[i], *write.outcome, draft);
    for (auto& one : write.changes) follow(*one.slot, at, draft);
    for (auto& one : write.changes) forget_if_unused(*one.slot);
  }
  return seal(std::move(draft));
}

void TransactionCoordinator::conclude(Change& change, const TransactionRecord& record,
                                      ErrorCode outcome, Draft& draft) {
  Slot& slot = *change.slot;
  slot.writing = false;
  if (outcome == ErrorCode::none) {
    auto decoded = decode_transaction(
        record.key, record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
    ENSURE(decoded && *decoded);  // it is our own
    apply(**std::move(decoded));
    slot.last_epoch = change.last_epoch;
    slot.markers_done = false;
  }
  const ErrorCode error = coordinator_error(outcome);
  for (auto& reply : change.replies) {
    if (error != ErrorCode::none) {
      reply.error = error;
      reply.producer = {};
    }
    draft.out.replies.push_back(reply);
  }
}

/// What is to be done now that the state is as it is, until the next change.
void TransactionCoordinator::follow(Slot& slot, const Moment& at, Draft& draft) {
  if (slot.writing) return;
  // A failed write of the end is tried again by `tick`.
  if (slot.durable && slot.durable->ending() && !slot.markers && !slot.markers_done) {
    const Transaction& now = *slot.durable;
    if (now.partitions.empty()) {
      complete(slot, at, draft);
    } else {
      slot.markers = next_round_++;
      rounds_.emplace(*slot.markers, &slot);
      draft.out.markers.push_back(
          {.ticket = *slot.markers,
           .transactional_id = slot.id,
           .marker = {.producer = now.producer(),
                      .commit = now.state == TransactionState::prepare_commit,
                      .coordinator_epoch = epoch_,
                      .version = now.version},
           .partitions = {now.partitions.begin(), now.partitions.end()}});
    }
  }
  admit_waiting(slot, at, draft);
}

TransactionOutput TransactionCoordinator::markers_written(MarkerTicket ticket, const Moment& at) {
  Draft draft;
  const auto round = rounds_.extract(ticket);
  ENSURE(!round.empty());
  Slot& slot = *round.mapped();
  ENSURE(slot.markers == ticket && !slot.writing && slot.durable && slot.durable->ending());
  slot.markers.reset();
  complete(slot, at, draft);
  return seal(std::move(draft));
}

/// The last record of a transaction: its markers are where they belong.
void TransactionCoordinator::complete(Slot& slot, const Moment& at, Draft& draft) {
  slot.markers_done = true;
  Transaction following = *slot.durable;
  following.state = following.state == TransactionState::prepare_commit
                        ? TransactionState::complete_commit
                        : TransactionState::complete_abort;
  following.partitions.clear();
  following.updated = at.wall;
  if (following.next_id >= ProducerId{0}) {
    following.previous_id = following.producer_id;
    following.producer_id = std::exchange(following.next_id, ProducerId{-1});
    following.epoch = ProducerEpoch{0};
  }
  change(slot, std::move(following), draft).last_epoch = slot.last_epoch;
}

void TransactionCoordinator::admit_waiting(Slot& slot, const Moment& at, Draft& draft) {
  if (slot.waiting.empty() || slot.writing || (slot.durable && slot.durable->ending())) return;
  auto waiting = std::exchange(slot.waiting, {});
  waiting_ -= waiting.size();
  for (auto& one : waiting) {
    if (slot.durable) {
      add_known(slot, std::move(one), at, draft);
    } else {
      draft.out.replies.push_back(
          {.token = one.token, .error = ErrorCode::invalid_producer_id_mapping, .producer = {}});
    }
  }
}

void TransactionCoordinator::forget_if_unused(Slot& slot) {
  if (slot.durable || slot.writing || !slot.waiting.empty()) return;
  const std::string id = slot.id;  // the key must outlive its slot
  slots_.erase(id);
}

// Replay ----------------------------------------------------------------------------------------

Result<TransactionCoordinator::Replayed> TransactionCoordinator::replay(
    Bytes key, std::optional<Bytes> value) {
  ENSURE(!loaded_);
  auto decoded = decode_transaction(key, value);
  if (!decoded) return decoded.error();
  if (!*decoded) return Replayed::skipped;
  const std::string id = (*decoded)->transactional_id;
  apply(**std::move(decoded));
  forget_if_unused(obtain(id));
  return Replayed::applied;
}

/// The only place where durable state changes.
void TransactionCoordinator::apply(DecodedTransaction record) {
  obtain(record.transactional_id).durable = std::move(record.transaction);
}

TransactionOutput TransactionCoordinator::finish_loading(const Moment& at) {
  ENSURE(!loaded_);
  loaded_ = true;
  next_timeout_check_ = at.now + settings_.timeout_check;
  next_expiration_check_ = at.now + settings_.expiration_check;
  Draft draft;
  for (auto& [id, slot] : slots_) follow(*slot, at, draft);
  return seal(std::move(draft));
}

// Time ------------------------------------------------------------------------------------------

Instant TransactionCoordinator::next_deadline() const {
  return std::min({next_timeout_check_, next_expiration_check_, next_waiting_});
}

TransactionOutput TransactionCoordinator::tick(const Moment& at) {
  ENSURE(loaded_);
  Draft draft;
  if (at.now >= next_waiting_) end_waiting(at, draft);
  if (at.now >= next_timeout_check_) {
    next_timeout_check_ = at.now + settings_.timeout_check;
    abort_overdue(at, draft);
  }
  if (at.now >= next_expiration_check_) {
    next_expiration_check_ = at.now + settings_.expiration_check;
    forget_expired(at, draft);
  }
  return seal(std::move(draft));
}

void TransactionCoordinator::abort_overdue(const Moment& at, Draft& draft) {
  for (auto& [id, slot] : slots_) {
    if (slot->writing || !slot->durable) continue;
    const Transaction& now = *slot->durable;
    if (now.state == TransactionState::ongoing && at.wall - now.started >= now.timeout) {
      draft.out.overdue.emplace_back(id, now.timeout);
      fence(*slot, {}, at, draft);
    } else if (now.ending() && slot->markers_done) {
      complete(*slot, at, draft);
    }
  }
}

void TransactionCoordinator::forget_expired(const Moment& at, Draft& draft) {
  for (auto& [id, slot] : slots_) {
    if (slot->writing || !slot->durable || !slot->waiting.empty()) continue;
    const Transaction& now = *slot->durable;
    const bool idle = now.state != TransactionState::ongoing && !now.ending();
    if (idle && at.wall - now.updated >= settings_.id_expiration)
      change(*slot, std::nullopt, draft);
  }
}

void TransactionCoordinator::end_waiting(const Moment& at, Draft& draft) {
  next_waiting_ = Instant::max();
  if (waiting_ == 0) return;
  for (auto& [id, slot] : slots_) {
    auto& waiting = slot->waiting;
    // In the order of their deadlines, for all wait equally long.
    for (; !waiting.empty() && waiting.front().deadline <= at.now; --waiting_) {
      draft.out.replies.push_back({.token = waiting.front().token,
                                   .error = ErrorCode::concurrent_transactions,
                                   .producer = {}});
      waiting.pop_front();
    }
    if (!waiting.empty()) next_waiting_ = std::min(next_waiting_, waiting.front().deadline);
  }
}

TransactionOutput TransactionCoordinator::resign(ErrorCode error) {
  TransactionOutput out;
  const auto refuse = [&](ReplyToken token) {
    out.replies.push_back({.token = token, .error = error, .producer = {}});
  };
  for (const auto& write : writes_)
    for (const auto& one : write.changes)
      for (const auto& reply : one.replies) refuse(reply.token);
  for (const auto& [id, slot] : slots_)
    for (const auto& one : slot->waiting) refuse(one.token);
  writes_.clear();
  slots_.clear();
  rounds_.clear();
  return out;
}

}  // namespace millrace::broker
