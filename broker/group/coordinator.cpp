#include "broker/group/coordinator.hpp"

#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

using protocol::ErrorCode;

namespace {

constexpr std::int16_t kLeaveBatchFrom = 3;

template <class Response>
Response with_error(ErrorCode error) {
  Response response;
  response.error_code = error;
  return response;
}

}  // namespace

GroupCoordinator::GroupCoordinator(const GroupSettings& settings)
    : settings_{settings},
      archive_{settings.history_bytes_max},
      usual_times_{settings.consumer.times} {}

GroupOutput GroupCoordinator::join(const protocol::JoinGroupRequest& request,
                                   const GroupClient& client, ReplyToken token, const Moment& at,
                                   const TopicDirectory& topics, Rng& rng) {
  ENSURE(loaded_);
  auto response = with_error<protocol::JoinGroupResponse>(ErrorCode::invalid_group_id);
  response.member_id = request.member_id;
  if (request.group_id.empty()) return reply_at_once(token, std::move(response));
  Draft draft;
  const Slot* known = find_existing(request.group_id);
  if (known != nullptr && known->consumer && known->has_members()) {
    Slot& slot = *find(request.group_id);
    join_consumer(slot, request, client, token, at, topics, rng, draft);
    settle(slot);
    return seal(std::move(draft), at);
  }
  // Only newcomers found a group.
  const bool classic = known != nullptr && !known->consumer;
  if (!classic && !request.member_id.empty()) {
    response.error_code = ErrorCode::unknown_member_id;
    if (known == nullptr) return reply_at_once(token, std::move(response));
    reply_behind_changes(*known, {token, std::move(response)}, draft);
    return seal(std::move(draft), at);
  }
  Slot& slot = obtain(request.group_id);
  if (slot.consumer) erase_consumer(slot, draft);  // nobody is in it: it becomes a classic one
  GroupEffects effects;
  slot.group.join(request, client, token, at, rng, effects);
  take(slot, std::move(effects), draft);
  settle(slot);
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::sync(const protocol::SyncGroupRequest& request, ReplyToken token,
                                   const Moment& at, const TopicDirectory& topics) {
  ENSURE(loaded_);
  using Response = protocol::SyncGroupResponse;
  if (request.group_id.empty()) {
    return reply_at_once(token, with_error<Response>(ErrorCode::invalid_group_id));
  }
  Slot* const slot = find(request.group_id);
  if (slot == nullptr) {
    return reply_at_once(token, with_error<Response>(ErrorCode::unknown_member_id));
  }
  Draft draft;
  if (slot->consumer) {
    auto response = slot->consumer->classic_sync(request, at, topics);
    reply_behind_changes(*slot, {token, std::move(response)}, draft);
  } else {
    GroupEffects effects;
    slot->group.sync(request, token, at, effects);
    take(*slot, std::move(effects), draft);
  }
  settle(*slot);
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::heartbeat(const protocol::HeartbeatRequest& request, ReplyToken token,
                                        const Moment& at, const TopicDirectory& topics) {
  ENSURE(loaded_);
  using Response = protocol::HeartbeatResponse;
  if (request.group_id.empty()) {
    return reply_at_once(token, with_error<Response>(ErrorCode::invalid_group_id));
  }
  Slot* const slot = find(request.group_id);
  if (slot == nullptr) {
    return reply_at_once(token, with_error<Response>(ErrorCode::unknown_member_id));
  }
  if (!slot->consumer) {
    const ErrorCode error = slot->group.heartbeat(request, at);
    settle(*slot);
    return reply_at_once(token, with_error<Response>(error));
  }
  Draft draft;
  const auto step = slot->consumer->classic_heartbeat(request, at, topics);
  reply_with_changes(*slot, step.changes, {token, with_error<Response>(step.error)}, draft);
  settle(*slot);
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::leave(const protocol::LeaveGroupRequest& request,
                                    const GroupClient& client, ReplyToken token, const Moment& at,
                                    const TopicDirectory& topics) {
  ENSURE(loaded_);
  protocol::LeaveGroupResponse response;
  if (request.group_id.empty()) {
    response.error_code = ErrorCode::invalid_group_id;
    return reply_at_once(token, std::move(response));
  }
  auto identities = request.members;
  const bool single = client.api_version < kLeaveBatchFrom;
  if (single) identities = {{.member_id = request.member_id}};
  const auto answer = [&] {
    if (single) {
      response.error_code = response.members.front().error_code;
      response.members.clear();
    }
    return GroupReply{token, std::move(response)};
  };
  Draft draft;
  Slot* const slot = find(request.group_id);
  if (slot == nullptr) {
    for (const auto& identity : identities) {
      response.members.push_back(
          {identity.member_id, identity.group_instance_id, ErrorCode::unknown_member_id});
    }
    draft.out.replies.push_back(answer());
  } else if (slot->consumer) {
    auto step = slot->consumer->classic_leave(identities, at, topics);
    response.members = std::move(step.members);
    reply_with_changes(*slot, step.changes, answer(), draft);
  } else {
    GroupEffects effects;
    response.members = slot->group.leave(identities, at, effects);
    take(*slot, std::move(effects), draft);
    draft.out.replies.push_back(answer());
  }
  if (slot != nullptr) settle(*slot);
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::delete_group(std::string_view group_id, ReplyToken token,
                                           const Moment& at) {
  ENSURE(loaded_);
  protocol::DeleteGroupsResponse::DeletableGroupResult result;
  result.group_id = group_id;
  Slot* const slot = find(group_id);
  if (slot == nullptr || !slot->exists()) {
    result.error_code = ErrorCode::group_id_not_found;
  } else if (slot->consumer ? slot->has_members() : slot->group.state() != GroupState::empty) {
    result.error_code = ErrorCode::non_empty_group;
  }
  Draft draft;
  if (result.error_code != ErrorCode::none) {
    if (slot == nullptr) return reply_at_once(token, std::move(result));
    reply_behind_changes(*slot, {token, std::move(result)}, draft);
    return seal(std::move(draft), at);
  }
  for (const auto& partition : slot->offsets.to_delete()) {
    add_offset(*slot, partition, std::nullopt, draft);
  }
  if (!slot->consumer) add_group_tombstone(*slot, draft);
  erase_consumer(*slot, draft);
  draft.write.steps.emplace_back(GroupReply{token, std::move(result)});
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::resign(ErrorCode error) {
  Draft draft;
  for (auto& write : writes_) {
    // Groups have no next step; their parked requests are answered below.
    std::erase_if(write.steps, [](const auto& s) { return std::holds_alternative<GroupStep>(s); });
    conclude(write, error, {}, draft);
  }
  GroupEffects effects;
  for (auto& [id, slot] : slots_) slot->group.abandon(error, effects);
  for (auto& reply : effects.replies) draft.out.replies.push_back(std::move(reply));
  loaded_ = false;
  wakes_.clear();
  next_offsets_check_ = Instant::max();
  return {.records = {}, .ticket = {}, .replies = std::move(draft.out.replies)};
}

GroupCoordinator::Slot* GroupCoordinator::find(std::string_view group_id) {
  const auto found = slots_.find(group_id);
  return found == slots_.end() ? nullptr : found->second.get();
}

const GroupCoordinator::Slot* GroupCoordinator::find_existing(std::string_view group_id) const {
  const auto found = slots_.find(group_id);
  return found == slots_.end() || !found->second->exists() ? nullptr : found->second.get();
}

GroupCoordinator::Slot& GroupCoordinator::obtain(std::string_view group_id) {
  if (Slot* const slot = find(group_id); slot != nullptr) return *slot;
  std::string id{group_id};
  auto slot = std::make_unique<Slot>(id, settings_);
  slot->times = times_of(id);
  return *slots_.emplace(std::move(id), std::move(slot)).first->second;
}

GroupOutput GroupCoordinator::reply_at_once(ReplyToken token, GroupReply::Response response) const {
  GroupOutput out;
  out.replies.push_back({token, std::move(response)});
  return out;
}

/// After any step of a slot: notes when it wants to wake, and drops it when nothing is left of it.
void GroupCoordinator::settle(Slot& slot) {
  for (auto& rebalance : slot.recorder.take_finished()) archive_.add(slot.id, std::move(rebalance));
  const Instant wake = slot.wake_at();
  if (wake != slot.wake) {
    wakes_.erase({slot.wake, slot.id});
    if (wake != Instant::max()) wakes_.insert({wake, slot.id});
    slot.wake = wake;
  }
  if (slot.exists() || slot.writes_in_flight > 0) return;
  wakes_.erase({slot.wake, slot.id});
  slots_.erase(slots_.find(slot.id));
}

Instant GroupCoordinator::next_deadline() const {
  Instant next = next_offsets_check_;
  if (!wakes_.empty()) next = std::min(next, wakes_.begin()->first);
  if (writes_expired_ < writes_.size()) next = std::min(next, writes_[writes_expired_].deadline);
  return next;
}

GroupOutput GroupCoordinator::tick(const Moment& at, const TopicDirectory& topics) {
  ENSURE(loaded_);
  Draft draft;
  std::vector<std::string> due;
  for (const auto& [wake, id] : wakes_) {
    if (wake > at.now) break;
    due.emplace_back(id);
  }
  for (const auto& id : due) {
    Slot& slot = *find(id);
    GroupEffects effects;
    slot.group.tick(at, effects);
    take(slot, std::move(effects), draft);
    if (slot.consumer) {
      add_changes(slot, slot.consumer->tick(at, topics), draft);
      downgrade_if_due(slot, at, topics, draft);
    }
    settle(slot);
  }
  expire_writes(at, draft);
  if (at.now >= next_offsets_check_) {
    next_offsets_check_ = at.now + settings_.offsets_check_interval;
    expire_offsets(at, draft);
  }
  return seal(std::move(draft), at);
}

}  // namespace millrace::broker
