#include "broker/transaction/coordinator.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/base/ensure.hpp"

/// What is asked for: beginning as a producer, adding partitions, committing and aborting.
namespace millrace::broker {

using protocol::ErrorCode;

namespace {

/// Who waits for the transaction before to end, of one transactional id.
constexpr std::size_t kWaitingMax = 1000;

bool exhausted(ProducerEpoch epoch) {
  return epoch >= kLastProducerEpoch;
}

ProducerEpoch next(ProducerEpoch epoch) {
  return ProducerEpoch{static_cast<std::int16_t>(epoch.value + 1)};
}

TransactionReply refusal(ReplyToken token, ErrorCode error) {
  return {.token = token, .error = error, .producer = {}};
}

TransactionReply wants_producer_id(ReplyToken token) {
  return {.token = token, .producer = {}, .needs_producer_id = true};
}

}  // namespace

TransactionCoordinator::TransactionCoordinator(const TransactionSettings& settings,
                                               std::int32_t epoch)
    : settings_{settings}, epoch_{epoch} {}

const TransactionCoordinator::Slot* TransactionCoordinator::slot_of(
    std::string_view transactional_id) const {
  const auto found = slots_.find(transactional_id);
  return found == slots_.end() ? nullptr : found->second.get();
}

TransactionCoordinator::Slot* TransactionCoordinator::slot_of(std::string_view transactional_id) {
  const auto found = slots_.find(transactional_id);
  return found == slots_.end() ? nullptr : found->second.get();
}

TransactionCoordinator::Slot& TransactionCoordinator::obtain(std::string_view transactional_id) {
  if (Slot* const known = slot_of(transactional_id)) return *known;
  auto slot = std::make_unique<Slot>(std::string{transactional_id});
  Slot& made = *slot;
  slots_.emplace(made.id, std::move(slot));
  return made;
}

// Beginning as a producer -----------------------------------------------------------------------

TransactionOutput TransactionCoordinator::init(const InitProducer& request,
                                               std::optional<ProducerId> fresh, ReplyToken token,
                                               const Moment& at) {
  ENSURE(loaded_);
  Draft draft;
  const bool sound_timeout =
      request.timeout > std::chrono::milliseconds{0} && request.timeout <= settings_.timeout_max;
  Slot* const known = slot_of(request.transactional_id);
  if (request.transactional_id.empty()) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_request));
  } else if (!sound_timeout) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_transaction_timeout));
  } else if (known != nullptr) {
    init_known(*known, request, fresh, token, at, draft);
  } else if (!fresh) {
    draft.out.replies.push_back(wants_producer_id(token));
  } else {
    // Whoever it believes to be is long forgotten here, and may go on as somebody new.
    Transaction transaction{.producer_id = *fresh,
                            .epoch = ProducerEpoch{0},
                            .timeout = request.timeout,
                            .partitions = {},
                            .updated = at.wall};
    auto& made = change(obtain(request.transactional_id), std::move(transaction), draft);
    made.replies.push_back({.token = token, .producer = made.next->producer()});
  }
  return seal(std::move(draft));
}

void TransactionCoordinator::init_known(Slot& slot, const InitProducer& request,
                                        std::optional<ProducerId> fresh, ReplyToken token,
                                        const Moment& at, Draft& draft) {
  const auto refuse = [&](ErrorCode error) { draft.out.replies.push_back(refusal(token, error)); };
  if (slot.writing || !slot.durable) return refuse(ErrorCode::concurrent_transactions);
  const Transaction& now = *slot.durable;
  const auto& current = request.current;
  if (current) {
    const bool is_this = current->id == now.producer_id;
    const bool was_this = current->id == now.previous_id && exhausted(current->epoch);
    if (!is_this && !was_this) return refuse(ErrorCode::producer_fenced);
  }
  if (now.ending()) return refuse(ErrorCode::concurrent_transactions);
  if (now.state == TransactionState::ongoing)
    return fence(slot, {refusal(token, ErrorCode::concurrent_transactions)}, at, draft);

  Transaction following = now;
  following.state = TransactionState::empty;
  following.timeout = request.timeout;
  following.started = Timestamp{-1};
  following.updated = at.wall;
  std::optional<ProducerEpoch> last_epoch;
  if (exhausted(now.epoch) && (!current || current->epoch == now.epoch)) {
    if (!fresh) {
      draft.out.replies.push_back(wants_producer_id(token));
      return;
    }
    following.previous_id = now.producer_id;
    following.producer_id = *fresh;
    following.epoch = ProducerEpoch{0};
    if (current) last_epoch = now.epoch;
  } else if (!current) {
    following.epoch = next(now.epoch);
  } else if (current->epoch == now.epoch) {
    following.epoch = next(now.epoch);
    last_epoch = now.epoch;
  } else if (current->epoch == slot.last_epoch) {
    last_epoch = slot.last_epoch;  // the answer to the same request got lost: it is given again
  } else {
    return refuse(ErrorCode::producer_fenced);
  }
  auto& made = change(slot, std::move(following), draft);
  made.last_epoch = last_epoch;
  made.replies.push_back({.token = token, .producer = made.next->producer()});
}

/// Ends an open transaction against its producer's will: it is aborted in an epoch that nobody was
/// given, so that whatever the producer still sends is too late.
void TransactionCoordinator::fence(Slot& slot, std::vector<TransactionReply> replies,
                                   const Moment& at, Draft& draft) {
  Transaction following = *slot.durable;
  following.state = TransactionState::prepare_abort;
  // There is none behind the last: who was fenced in it is held off by the state alone.
  if (following.epoch.value < std::numeric_limits<std::int16_t>::max())
    following.epoch = next(following.epoch);
  following.updated = at.wall;
  change(slot, std::move(following), draft).replies = std::move(replies);
}

// Adding partitions -----------------------------------------------------------------------------

TransactionOutput TransactionCoordinator::add_partitions(AddPartitions request, ReplyToken token,
                                                         const Moment& at) {
  ENSURE(loaded_);
  Draft draft;
  Slot* const slot = slot_of(request.transactional_id);
  if (request.transactional_id.empty()) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_request));
  } else if (slot == nullptr) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_producer_id_mapping));
  } else {
    add_known(*slot, {std::move(request), token, at.now + settings_.add_wait_max}, at, draft);
  }
  return seal(std::move(draft));
}

void TransactionCoordinator::add_known(Slot& slot, Waiting waiting, const Moment& at,
                                       Draft& draft) {
  const auto refuse = [&](ErrorCode error) {
    draft.out.replies.push_back(refusal(waiting.token, error));
  };
  // What was drafted in the same step may still be added to.
  Change* const open = slot.writing && !draft.changes.empty() && draft.changes.back().slot == &slot
                           ? &draft.changes.back()
                           : nullptr;
  const bool joins =
      open != nullptr && open->next && open->next->state == TransactionState::ongoing;
  const bool busy = (slot.writing && !joins) || !slot.durable || slot.durable->ending();
  if (busy && !joins) {
    if (waiting.deadline <= at.now || slot.waiting.size() >= kWaitingMax)
      return refuse(ErrorCode::concurrent_transactions);
    next_waiting_ = std::min(next_waiting_, waiting.deadline);
    ++waiting_;
    slot.waiting.push_back(std::move(waiting));
    return;
  }
  const Transaction& now = joins ? *open->next : *slot.durable;
  const auto& [id, producer, partitions, version] = waiting.request;
  if (now.producer_id != producer.id) return refuse(ErrorCode::invalid_producer_id_mapping);
  if (now.epoch != producer.epoch) return refuse(ErrorCode::producer_fenced);
  const bool has_all = std::ranges::all_of(
      partitions, [&](const auto& partition) { return now.partitions.contains(partition); });
  if (joins) {
    open->next->partitions.insert(partitions.begin(), partitions.end());
    open->next->version = version;
    open->replies.push_back({.token = waiting.token, .producer = {}});
    return;
  }
  if (now.state == TransactionState::ongoing && has_all) return refuse(ErrorCode::none);
  Transaction following = now;
  if (now.state != TransactionState::ongoing) {
    following.state = TransactionState::ongoing;
    following.started = at.wall;
  }
  following.partitions.insert(partitions.begin(), partitions.end());
  following.version = version;
  following.updated = at.wall;
  auto& made = change(slot, std::move(following), draft);
  made.last_epoch = slot.last_epoch;
  made.replies.push_back({.token = waiting.token, .producer = {}});
}

// Committing and aborting -----------------------------------------------------------------------

TransactionOutput TransactionCoordinator::end(const EndTransaction& request,
                                              std::optional<ProducerId> fresh, ReplyToken token,
                                              const Moment& at) {
  ENSURE(loaded_);
  Draft draft;
  Slot* const slot = slot_of(request.transactional_id);
  if (request.transactional_id.empty()) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_request));
  } else if (slot == nullptr) {
    draft.out.replies.push_back(refusal(token, ErrorCode::invalid_producer_id_mapping));
  } else {
    end_known(*slot, request, fresh, token, at, draft);
  }
  return seal(std::move(draft));
}

void TransactionCoordinator::end_known(Slot& slot, const EndTransaction& request,
                                       std::optional<ProducerId> fresh, ReplyToken token,
                                       const Moment& at, Draft& draft) {
  const auto refuse = [&](ErrorCode error) { draft.out.replies.push_back(refusal(token, error)); };
  // First of all, for it may ask under the producer id that it is about to be given.
  if (slot.writing || !slot.durable || slot.durable->ending())
    return refuse(ErrorCode::concurrent_transactions);
  const Transaction& now = *slot.durable;
  const auto& producer = request.producer;
  const bool v2 = request.version == TransactionVersion::v2;
  const bool is_complete = now.state == TransactionState::complete_commit ||
                           now.state == TransactionState::complete_abort;
  // In version 2 the end of a transaction takes a new epoch, so that who asks in the epoch before
  // asks for an end that has come already.
  const bool over_new_id = v2 && is_complete && now.previous_id == producer.id &&
                           producer.epoch == kLastProducerEpoch && now.epoch == ProducerEpoch{0};
  const bool over_epoch = v2 && is_complete && now.producer_id == producer.id &&
                          now.epoch.value == producer.epoch.value + 1;
  const bool repeated = over_new_id || over_epoch;
  if (now.producer_id != producer.id && !over_new_id)
    return refuse(ErrorCode::invalid_producer_id_mapping);
  if (now.epoch != producer.epoch && !repeated) return refuse(ErrorCode::producer_fenced);

  const bool ended_so = request.commit ? now.state == TransactionState::complete_commit
                                       : now.state == TransactionState::complete_abort;
  if (now.state == TransactionState::ongoing)
    return prepare(slot, request, fresh, token, at, draft);
  if (ended_so && (repeated || !v2)) {
    draft.out.replies.push_back({.token = token, .producer = now.producer()});
    return;
  }
  // A producer of version 2 does not know whether any partition was added before it gave up.
  if (v2 && !request.commit && !repeated) return prepare(slot, request, fresh, token, at, draft);
  refuse(ErrorCode::invalid_txn_state);
}

void TransactionCoordinator::prepare(Slot& slot, const EndTransaction& request,
                                     std::optional<ProducerId> fresh, ReplyToken token,
                                     const Moment& at, Draft& draft) {
  Transaction following = *slot.durable;
  const bool v2 = request.version == TransactionVersion::v2;
  const ProducerEpoch before = following.epoch;
  if (v2 && exhausted(before)) {
    if (!fresh) {
      draft.out.replies.push_back(wants_producer_id(token));
      return;
    }
    following.next_id = *fresh;
  }
  if (following.state != TransactionState::ongoing) following.started = at.wall;
  following.state =
      request.commit ? TransactionState::prepare_commit : TransactionState::prepare_abort;
  following.version = request.version;
  following.updated = at.wall;
  if (v2 && before < ProducerEpoch{std::numeric_limits<std::int16_t>::max()})
    following.epoch = next(before);
  ProducerIdentity goes_on = following.producer();
  if (following.next_id >= ProducerId{0}) goes_on = {following.next_id, ProducerEpoch{0}};
  auto& made = change(slot, std::move(following), draft);
  made.last_epoch = v2 ? std::optional{before} : slot.last_epoch;
  made.replies.push_back({.token = token, .producer = goes_on});
}

}  // namespace millrace::broker
