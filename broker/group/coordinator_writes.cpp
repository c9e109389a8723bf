#include <algorithm>
#include <utility>

#include "broker/group/coordinator.hpp"
#include "broker/group/spoil.hpp"
#include "protocol/base/ensure.hpp"

/// From a decision to a durable change and back: drafts become writes, writes are reported, their
/// records are replayed, and who waited for them is answered.
namespace millrace::broker {

using protocol::ErrorCode;

ErrorCode coordinator_error(ErrorCode error) {
  switch (error) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out:
    case ErrorCode::policy_violation:  // no space: it may be tried again until there is some
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return ErrorCode::not_coordinator;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::invalid_fetch_size:
      return ErrorCode::unknown_server_error;
    default:
      return error;
  }
}

/// Sends what a group wants to say, and drafts what it wants to write.
void GroupCoordinator::take(Slot& slot, GroupEffects effects, Draft& draft) {
  for (auto& reply : effects.replies) draft.out.replies.push_back(std::move(reply));
  for (auto& write : effects.writes) {
    draft.write.records.push_back(encode_group(slot.id, write.value));
    draft.write.slots.push_back(&slot);
    ++slot.writes_in_flight;
    draft.write.steps.emplace_back(GroupStep{&slot, std::move(write)});
  }
}

void GroupCoordinator::add_offset(Slot& slot, const TopicPartition& partition,
                                  const std::optional<CommittedOffset>& offset, Draft& draft) {
  draft.write.records.push_back(offset ? encode_offset(slot.id, partition, *offset)
                                       : encode_offset_tombstone(slot.id, partition));
  draft.write.slots.push_back(&slot);
  ++slot.writes_in_flight;
  draft.write.offsets.emplace_back(&slot, partition);
  slot.offsets.begin_write(partition);
}

void GroupCoordinator::add_group_tombstone(Slot& slot, Draft& draft) {
  draft.write.records.push_back(encode_group_tombstone(slot.id));
  draft.write.slots.push_back(&slot);
  ++slot.writes_in_flight;
}

GroupOutput GroupCoordinator::seal(Draft draft, const Moment& at) {
  if (draft.write.records.empty()) return std::move(draft.out);
  draft.out.records = draft.write.records;
  draft.out.transaction = draft.write.transaction;
  draft.out.ticket = draft.write.ticket = next_ticket_++;
  draft.write.deadline = at.now + settings_.write_timeout;
  for (Slot* const slot : draft.write.changed) slot->last_change = draft.write.ticket;
  writes_.push_back(std::move(draft.write));
  return std::move(draft.out);
}

GroupOutput GroupCoordinator::committed(Ticket ticket, const Moment& at) {
  report(ticket, ErrorCode::none);
  return drain(at, {});
}

GroupOutput GroupCoordinator::failed(Ticket ticket, ErrorCode error, const Moment& at) {
  ENSURE(error != ErrorCode::none);
  report(ticket, error);
  const auto index = static_cast<std::size_t>(ticket - writes_.front().ticket);
  Draft draft;
  for (Slot* const slot : writes_[index].changed) {
    take_back(*slot, ticket, at, draft);
    settle(*slot);  // the write still holds it
  }
  return drain(at, std::move(draft));
}

void GroupCoordinator::report(Ticket ticket, ErrorCode outcome) {
  ENSURE(loaded_ && !writes_.empty() && ticket >= writes_.front().ticket);
  const auto at = static_cast<std::size_t>(ticket - writes_.front().ticket);
  ENSURE(at < writes_.size() && !writes_[at].outcome);
  writes_[at].outcome = outcome;
}

/// Finishes writes in the order of their tickets, which is the order of the log: what a restart
/// would read must be what we hold.
GroupOutput GroupCoordinator::drain(const Moment& at, Draft draft) {
  while (!writes_.empty() && writes_.front().outcome) {
    Write write = std::move(writes_.front());
    writes_.pop_front();
    if (writes_expired_ > 0) --writes_expired_;
    for (const auto& [slot, partition] : write.offsets) slot->offsets.end_write(partition);
    for (Slot* const slot : write.slots) --slot->writes_in_flight;
    if (*write.outcome == ErrorCode::none) {
      for (const auto& record : write.records) {
        auto decoded = decode_record(
            record.key, record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
        ENSURE(decoded);  // it is our own
        if (write.transaction)
          hold(write.transaction->producer, *std::move(decoded));
        else
          apply(*std::move(decoded), at.wall);
      }
    }
    conclude(write, *write.outcome, at, draft);
    std::ranges::sort(write.slots);
    const auto repeated = std::ranges::unique(write.slots);
    write.slots.erase(repeated.begin(), repeated.end());
    for (Slot* const slot : write.slots) settle(*slot);
  }
  return seal(std::move(draft), at);
}

/// Runs the steps that wait for a write, once. The caller settles the slots.
void GroupCoordinator::conclude(Write& write, ErrorCode outcome, const Moment& at, Draft& draft) {
  const bool good = outcome == ErrorCode::none;
  const ErrorCode error = coordinator_error(outcome);
  for (auto& step : write.steps) {
    if (auto* const reply = std::get_if<GroupReply>(&step)) {
      if (!good) std::visit(Spoil{error, reply->provisional}, reply->response);
      draft.out.replies.push_back(std::move(*reply));
      continue;
    }
    auto& [slot, group_write] = std::get<GroupStep>(step);
    GroupEffects effects;
    if (good) {
      slot->group.written(group_write, at, effects);
    } else {
      slot->group.write_failed(group_write, error, at, effects);
    }
    take(*slot, std::move(effects), draft);
  }
  write.steps.clear();
}

/// A write that takes too long may still succeed, so it stays; those who wait are told to retry.
void GroupCoordinator::expire_writes(const Moment& at, Draft& draft) {
  while (writes_expired_ < writes_.size() && writes_[writes_expired_].deadline <= at.now) {
    auto& write = writes_[writes_expired_++];
    conclude(write, ErrorCode::request_timed_out, at, draft);
    for (Slot* const slot : write.slots) settle(*slot);  // the write still holds them
  }
}

// Replay --------------------------------------------------------------------------------------

Result<GroupCoordinator::Replayed> GroupCoordinator::replay(Bytes key, std::optional<Bytes> value,
                                                            Timestamp written) {
  ENSURE(!loaded_);
  auto record = decode_record(key, value);
  if (!record) return record.error();
  if (std::holds_alternative<std::monostate>(*record)) return Replayed::skipped;
  apply(*std::move(record), written);
  return Replayed::applied;
}

/// The only place where durable state changes.
void GroupCoordinator::apply(DecodedRecord record, Timestamp written) {
  if (auto* const offset = std::get_if<OffsetRecord>(&record)) {
    Slot& slot = obtain(offset->group);
    supersede(offset->group, offset->partition, ++offsets_order_);
    slot.offsets.apply(offset->partition, std::move(offset->offset));
    if (!loaded_) settle(slot);
    return;
  }
  if (const auto* const consumer = std::get_if<ConsumerGroupRecord>(&record)) {
    Slot& slot = obtain(consumer->group);
    slot.consumer_durable.apply(consumer->change);
    if (std::holds_alternative<EpochChange>(consumer->change)) slot.epoch_written = written;
    if (!loaded_) settle(slot);
    return;
  }
  auto& [id, metadata] = std::get<ClassicGroupRecord>(record);
  Slot& slot = obtain(id);  // there already, if loaded: the write holds it
  slot.durable = std::move(metadata);
  if (!loaded_) return settle(slot);
  // Deleted, and nobody has come since: a later group of this name starts from nothing.
  if (!slot.durable && slot.group.is_idle() && slot.writes_in_flight == 0) slot.group.forget();
}

GroupOutput GroupCoordinator::finish_loading(const Moment& at) {
  ENSURE(!loaded_);
  loaded_ = true;
  loaded_at_ = at.wall;
  next_offsets_check_ = at.now + settings_.offsets_check_interval;
  Draft draft;
  for (auto& [id, slot] : slots_) {
    if (slot->durable) {
      slot->group.restore(*slot->durable);
      GroupEffects effects;
      slot->group.resume(at, effects);
      take(*slot, std::move(effects), draft);
    }
    restore_consumer(*slot, at, draft);
    settle(*slot);
  }
  return seal(std::move(draft), at);
}

}  // namespace millrace::broker
