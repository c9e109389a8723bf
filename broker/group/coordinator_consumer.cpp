#include <algorithm>
#include <utility>

#include "broker/group/coordinator.hpp"
#include "protocol/base/ensure.hpp"

/// Groups of the consumer protocol: requests, and how what is decided stays in step with what is
/// committed.
namespace millrace::broker {

using protocol::ErrorCode;
using Heartbeat = protocol::ConsumerGroupHeartbeatRequest;
using HeartbeatResponse = protocol::ConsumerGroupHeartbeatResponse;

namespace {

constexpr std::int16_t kClientMakesIdFrom = 1;

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
    return reply_at_once(token, refusal(ErrorCode::invalid_group_id, "GroupId can't be empty"));
  }
  const bool joins = request.member_epoch == 0;
  if (joins && request.member_id.empty() && client.api_version < kClientMakesIdFrom) {
    Heartbeat named = request;
    named.member_id = rng.uuid().to_string();
    return consumer_heartbeat(named, client, token, at, topics, rng);
  }
  const Slot* const known = find_existing(request.group_id);
  const bool founds = known == nullptr || !known->consumer;
  if (founds && known != nullptr && !known->is_idle()) {
    return reply_at_once(token, refusal(ErrorCode::group_id_not_found,
                                        "The group is of the classic protocol and has members"));
  }
  Slot& slot = obtain(request.group_id);
  if (founds) {
    slot.consumer.emplace(slot.id, settings_.consumer);
    slot.consumer->restart_from(state_ahead(slot), at.now);
  }
  auto step = slot.consumer->heartbeat(request, client, at, topics);
  Draft draft;
  if (step.response.error_code != ErrorCode::none) {
    ENSURE(step.changes.empty());
    if (founds) slot.consumer.reset();
    if (founds && step.response.error_code == ErrorCode::unknown_member_id) {
      step.response = refusal(ErrorCode::group_id_not_found, "There is no such group");
    }
    draft.out.replies.push_back({token, std::move(step.response)});
  } else if (step.changes.empty()) {
    reply_behind_changes(slot, {token, std::move(step.response)}, draft);
  } else {
    if (founds && (slot.durable || slot.writes_in_flight > 0)) add_group_tombstone(slot, draft);
    if (founds) slot.group.forget();
    add_changes(slot, step.changes, draft);
    draft.write.steps.emplace_back(GroupReply{token, std::move(step.response)});
  }
  settle(slot);
  return seal(std::move(draft), at);
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

/// After loading, and when a write with changes has failed.
void GroupCoordinator::restore_consumer(Slot& slot, const Moment& at) {
  const ConsumerGroupState state = state_ahead(slot);
  // Members of the classic protocol came while what was left of an empty group could not be
  // deleted: that stays in the log until the group is deleted, or is of the consumer protocol
  // again.
  if (state.empty() || !slot.group.is_pristine()) {
    slot.consumer.reset();
  } else {
    if (!slot.consumer) slot.consumer.emplace(slot.id, settings_.consumer);
    slot.consumer->restart_from(state, at.now);
  }
  if (!slot.consumer && slot.durable && slot.group.is_pristine()) {
    auto last = *slot.durable;
    last.members.clear();  // it was empty when it was to change over
    slot.group.restore(last);
  }
}

/// An answer that changes nothing was still decided on what may be on its way.
void GroupCoordinator::reply_behind_changes(const Slot& slot, GroupReply reply, Draft& draft) {
  if (writes_.empty() || slot.last_change < writes_.front().ticket) {
    draft.out.replies.push_back(std::move(reply));
    return;
  }
  const auto index = static_cast<std::size_t>(slot.last_change - writes_.front().ticket);
  if (index < writes_expired_) {
    reply.response = refusal(ErrorCode::coordinator_not_available, "The log is slow; try again");
    draft.out.replies.push_back(std::move(reply));
    return;
  }
  writes_[index].steps.emplace_back(std::move(reply));
}

OffsetExpiryRule GroupCoordinator::Slot::expiry_rule() const {
  if (!consumer) return group.expiry_rule();
  return {.applies = true, .idle_since = {}, .subscribed = consumer->state().topics_of_all()};
}

}  // namespace millrace::broker
