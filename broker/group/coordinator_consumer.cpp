#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/group/consumer/bridge.hpp"
#include "broker/group/coordinator.hpp"
#include "broker/group/spoil.hpp"
#include "protocol/base/ensure.hpp"

/// Groups of the consumer protocol: requests, and how what is decided stays in step with what is
/// committed.
namespace millrace::broker {

using protocol::ErrorCode;
using Heartbeat = protocol::ConsumerGroupHeartbeatRequest;
using HeartbeatResponse = protocol::ConsumerGroupHeartbeatResponse;

namespace {

constexpr std::int16_t kClientMakesIdFrom = 1;
constexpr std::string_view kConsumerProtocolType = "consumer";

HeartbeatResponse refusal(ErrorCode error, std::string reason) {
  HeartbeatResponse response;
  response.error_code = error;
  response.error_message = std::move(reason);
  return response;
}

}  // namespace

GroupOutput GroupCoordinator::consumer_heartbeat(const Heartbeat& request,
                                                 const GroupClient& client, ReplyToken token,
                                                 const Moment& at, const TopicDirectory& topics,
                                                 Rng& rng) {
  ENSURE(loaded_);
  if (request.group_id.empty()) {
    return reply_at_once(token, refusal(ErrorCode::invalid_request, "GroupId can't be empty"));
  }
  const bool joins = request.member_epoch == 0;
  if (joins && request.member_id.empty() && client.api_version < kClientMakesIdFrom) {
    Heartbeat named = request;
    named.member_id = rng.uuid().to_string();
    return consumer_heartbeat(named, client, token, at, topics, rng);
  }
  Slot& slot = obtain(request.group_id);
  Draft draft;
  if (!slot.consumer) {
    found_consumer(slot, request, client, token, at, topics, draft);
  } else if (auto step = slot.consumer->heartbeat(request, client, at, topics);
             step.response.error_code != ErrorCode::none) {
    ENSURE(step.changes.empty());
    reply_behind_changes(slot, {token, std::move(step.response)}, draft);
  } else {
    reply_with_changes(slot, step.changes, {token, std::move(step.response)}, draft);
    if (!step.changes.empty()) downgrade_if_due(slot, at, topics, draft);
  }
  settle(slot);
  return seal(std::move(draft), at);
}

/// What a group of the consumer protocol begins with in place of what is here now: nothing, or the
/// members of a classic group. No answer when the classic group must stay.
std::optional<std::vector<ConsumerChange>> GroupCoordinator::beginnings(
    const Slot& slot, const TopicDirectory& topics) const {
  // Remains of an earlier one that could not be deleted.
  auto changes = state_ahead(slot).tombstones();
  if (!slot.group.has_members()) return changes;
  const bool may = settings_.consumer.upgrade &&
                   slot.group.protocol_type() == kConsumerProtocolType &&
                   slot.group.members().size() <= settings_.consumer.members_max;
  if (!may) return std::nullopt;
  auto members = upgraded(slot.group, topics);
  if (!members) return std::nullopt;
  std::ranges::move(*members, std::back_inserter(changes));
  return changes;
}

/// A member of the consumer protocol comes to where there is no group, or a classic one.
void GroupCoordinator::found_consumer(Slot& slot, const Heartbeat& request,
                                      const GroupClient& client, ReplyToken token, const Moment& at,
                                      const TopicDirectory& topics, Draft& draft) {
  const auto refuse = [&](HeartbeatResponse response) {
    slot.consumer.reset();
    reply_behind_changes(slot, {token, std::move(response)}, draft);
  };
  if (request.member_epoch != 0) {
    // Of somebody who takes this for another group: it is looked at as if nobody were here.
    RebalanceRecorder nothing;
    ConsumerGroup nobody{slot.id, settings_.consumer, slot.times, nothing};
    auto step = nobody.heartbeat(request, client, at, topics);
    if (step.response.error_code != ErrorCode::unknown_member_id) return refuse(step.response);
    return refuse(refusal(ErrorCode::group_id_not_found, "There is no such group"));
  }
  auto changes = beginnings(slot, topics);
  if (!changes) {
    return refuse(refusal(ErrorCode::group_id_not_found,
                          "The group is of the classic protocol and cannot change over "
                          "(group.consumer.migration.policy, protocol type, size)"));
  }
  ConsumerGroupState state = state_ahead(slot);
  for (const auto& change : *changes) state.apply(change);
  slot.consumer.emplace(slot.id, settings_.consumer, slot.times, slot.recorder);
  slot.consumer->restart_from(state, at.now);
  auto step = slot.consumer->heartbeat(request, client, at, topics);
  if (step.response.error_code != ErrorCode::none) return refuse(std::move(step.response));
  if (slot.group.has_members() && slot.recorder.is_running()) {
    const RebalanceTrigger change{.cause = RebalanceCause::protocol_changed, .at = at.wall};
    slot.recorder.trigger(change, at.now, slot.group.generation(), [] { return Ownership{}; });
  }
  if (slot.durable || slot.writes_in_flight > 0) add_group_tombstone(slot, draft);
  GroupEffects effects;
  slot.group.dissolve(effects);
  take(slot, std::move(effects), draft);
  std::ranges::move(step.changes, std::back_inserter(*changes));
  add_changes(slot, *changes, draft);
  draft.write.steps.emplace_back(GroupReply{token, std::move(step.response)});
}

/// A member of the classic protocol comes to members of the consumer protocol.
void GroupCoordinator::join_consumer(Slot& slot, const protocol::JoinGroupRequest& request,
                                     const GroupClient& client, ReplyToken token, const Moment& at,
                                     const TopicDirectory& topics, Rng& rng, Draft& draft) {
  const std::chrono::milliseconds session{request.session_timeout_ms};
  protocol::JoinGroupResponse response;
  response.member_id = request.member_id;
  if (session < settings_.session_timeout_min || session > settings_.session_timeout_max) {
    response.error_code = ErrorCode::invalid_session_timeout;
  } else if (!settings_.consumer.upgrade && !settings_.consumer.downgrade) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
  } else {
    auto step = slot.consumer->classic_join(request, client, at, topics, rng);
    reply_with_changes(slot, step.changes, {token, std::move(step.response)}, draft);
    if (!step.changes.empty()) downgrade_if_due(slot, at, topics, draft);
    return;
  }
  draft.out.replies.push_back({token, std::move(response)});
}

/// Only members of the classic protocol are left: they go on among themselves.
void GroupCoordinator::downgrade_if_due(Slot& slot, const Moment& at, const TopicDirectory& topics,
                                        Draft& draft) {
  if (!settings_.consumer.downgrade || !slot.consumer->has_only_classic_members()) return;
  if (slot.consumer->state().members().size() > settings_.members_max) return;
  auto classic = downgraded(slot.consumer->state(), at.wall, topics);
  if (classic.value.protocol->empty()) return;
  erase_consumer(slot, draft);
  draft.write.records.push_back(encode_group(slot.id, classic.value));
  GroupEffects effects;
  slot.group.take_over(classic.value, std::move(classic.protocols), at, effects);
  take(slot, std::move(effects), draft);
}

void GroupCoordinator::add_changes(Slot& slot, const std::vector<ConsumerChange>& changes,
                                   Draft& draft) {
  if (changes.empty()) return;
  for (const auto& change : changes) draft.write.records.push_back(encode_change(slot.id, change));
  draft.write.slots.push_back(&slot);
  ++slot.writes_in_flight;
  draft.write.changed.push_back(&slot);
}

/// Afterwards it is no group of the consumer protocol any more.
void GroupCoordinator::erase_consumer(Slot& slot, Draft& draft) {
  add_changes(slot, slot.consumer ? slot.consumer->erase() : state_ahead(slot).tombstones(), draft);
  slot.consumer.reset();
}

/// What is committed with what is on its way.
ConsumerGroupState GroupCoordinator::state_ahead(const Slot& slot) const {
  ConsumerGroupState state = slot.consumer_durable;
  for (const auto& write : writes_) {
    const bool lost = write.outcome && *write.outcome != ErrorCode::none;
    if (lost || std::ranges::find(write.changed, &slot) == write.changed.end()) continue;
    for (const auto& record : write.records) {
      const auto decoded = decode_record(
          record.key, record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
      ENSURE(decoded);  // it is our own
      const auto* const change = std::get_if<ConsumerGroupRecord>(&*decoded);
      if (change != nullptr && change->group == slot.id) state.apply(change->change);
    }
  }
  return state;
}

/// The last generation of the classic group that is committed or on its way.
std::optional<protocol::GroupMetadataValue> GroupCoordinator::classic_ahead(
    const Slot& slot) const {
  auto value = slot.durable;
  for (const auto& write : writes_) {
    const bool lost = write.outcome && *write.outcome != ErrorCode::none;
    if (lost || std::ranges::find(write.slots, &slot) == write.slots.end()) continue;
    for (const auto& record : write.records) {
      auto decoded = decode_record(
          record.key, record.value ? std::optional<Bytes>{*record.value} : std::nullopt);
      ENSURE(decoded);  // it is our own
      auto* const classic = std::get_if<ClassicGroupRecord>(&*decoded);
      if (classic != nullptr && classic->group == slot.id) value = std::move(classic->metadata);
    }
  }
  return value;
}

/// After loading, and when a write with changes has failed.
void GroupCoordinator::restore_consumer(Slot& slot, const Moment& at, Draft& draft) {
  const ConsumerGroupState state = state_ahead(slot);
  // Where classic members go on, what was left of the group before them could not be deleted: that
  // stays in the log until the group is deleted, or is of the consumer protocol again.
  // What was committed of a classic group goes before that, as after a restart.
  const auto classic = slot.group.is_pristine() ? classic_ahead(slot) : std::nullopt;
  if (state.empty() || !slot.group.is_pristine() || classic) {
    slot.consumer.reset();
  } else {
    if (!slot.consumer)
      slot.consumer.emplace(slot.id, settings_.consumer, slot.times, slot.recorder);
    slot.consumer->restart_from(state, at.now);
  }
  // The change over to the consumer protocol failed.
  if (!classic) return;
  slot.group.restore(*classic);
  GroupEffects effects;
  slot.group.resume(at, effects);
  take(slot, std::move(effects), draft);
}

void GroupCoordinator::take_back(Slot& slot, Ticket failed, const Moment& at, Draft& draft) {
  restore_consumer(slot, at, draft);
  // Writes that were made behind it fail as well; together they are one event.
  if (failed != slot.last_change) return;
  const bool consumer = slot.consumer.has_value();
  slot.recorder.taken_back(at, consumer,
                           consumer ? slot.consumer->state().epoch() : slot.group.generation());
}

void GroupCoordinator::reply_with_changes(Slot& slot, const std::vector<ConsumerChange>& changes,
                                          GroupReply reply, Draft& draft) {
  if (changes.empty()) return reply_behind_changes(slot, std::move(reply), draft);
  add_changes(slot, changes, draft);
  draft.write.steps.emplace_back(std::move(reply));
}

/// An answer that changes nothing, a refusal too, was still decided on what may be on its way.
void GroupCoordinator::reply_behind_changes(const Slot& slot, GroupReply reply, Draft& draft) {
  if (writes_.empty() || slot.last_change < writes_.front().ticket) {
    draft.out.replies.push_back(std::move(reply));
    return;
  }
  const auto index = static_cast<std::size_t>(slot.last_change - writes_.front().ticket);
  reply.provisional = true;
  if (index < writes_expired_) {
    std::visit(Spoil{ErrorCode::coordinator_not_available, true}, reply.response);
    draft.out.replies.push_back(std::move(reply));
    return;
  }
  writes_[index].steps.emplace_back(std::move(reply));
}

void GroupCoordinator::set_times(const ConsumerGroupTimes& usual, OwnTimes own) {
  usual_times_ = usual;
  own_times_ = std::move(own);
  for (auto& [id, slot] : slots_) slot->times = times_of(id);
}

const ConsumerGroupTimes& GroupCoordinator::times_of(std::string_view group_id) const {
  const auto own = own_times_.find(group_id);
  return own == own_times_.end() ? usual_times_ : own->second;
}

OffsetExpiryRule GroupCoordinator::Slot::expiry_rule() const {
  if (!consumer) return group.expiry_rule();
  OffsetExpiryRule rule{
      .applies = true, .idle_since = {}, .subscribed = consumer->state().topics_of_all()};
  if (!has_members()) rule.idle_since = epoch_written;
  return rule;
}

}  // namespace millrace::broker
