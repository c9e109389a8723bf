#include <algorithm>
#include <utility>

#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/reconcile.hpp"
#include "broker/group/member.hpp"
#include "broker/group/member_id.hpp"
#include "broker/group/subscription.hpp"

/// Members that speak the classic protocol in a group of the consumer protocol, while an
/// application moves from the one to the other. To them the member epoch is the generation; they
/// never lead. They join without a barrier, learn in SyncGroup what they have, and are sent to join
/// again by REBALANCE_IN_PROGRESS whenever there is a step to take.
namespace millrace::broker {

using protocol::ErrorCode;
using protocol::JoinGroupRequest;
using protocol::JoinGroupResponse;

namespace {

constexpr std::string_view kConsumerProtocolType = "consumer";
constexpr std::int16_t kMemberIdRequiredFrom = 4;

using ClassicProtocol = MemberSubscription::ClassicMemberMetadata::ClassicProtocol;

std::vector<ClassicProtocol> protocols_in(const JoinGroupRequest& request) {
  std::vector<ClassicProtocol> protocols;
  for (auto& each : protocols_of(request)) {
    protocols.push_back({std::move(each.name), std::move(each.metadata)});
  }
  return protocols;
}

}  // namespace

bool ConsumerGroup::is_classic(std::string_view member) const {
  const auto* const subscription = state_.subscription(member);
  return subscription != nullptr && subscription->classic_member_metadata;
}

bool ConsumerGroup::has_only_classic_members() const {
  return !state_.members().empty() && std::ranges::all_of(state_.members(), [](const auto& item) {
    return item.second.classic_member_metadata.has_value();
  });
}

/// The name of a protocol that all classic members have must be among those of who wants in.
bool ConsumerGroup::supports(const JoinGroupRequest& request) const {
  if (request.protocol_type != kConsumerProtocolType || request.protocols.empty()) return false;
  return std::ranges::any_of(request.protocols, [&](const auto& protocol) {
    return std::ranges::all_of(state_.members(), [&](const auto& item) {
      const auto& classic = item.second.classic_member_metadata;
      if (!classic || item.first == request.member_id) return true;
      return std::ranges::any_of(classic->supported_protocols,
                                 [&](const auto& p) { return p.name == protocol.name; });
    });
  });
}

ErrorCode ConsumerGroup::refused(const JoinGroupRequest& request) const {
  const std::string* const holder =
      request.group_instance_id ? state_.holder_of(*request.group_instance_id) : nullptr;
  const bool known = state_.has_member(request.member_id) || holder != nullptr;
  if (!known && state_.members().size() >= settings_.members_max) {
    return ErrorCode::group_max_size_reached;
  }
  if (!supports(request)) return ErrorCode::inconsistent_group_protocol;
  if (!request.group_instance_id || request.member_id.empty()) return ErrorCode::none;
  if (holder == nullptr) return ErrorCode::unknown_member_id;
  return *holder == request.member_id ? ErrorCode::none : ErrorCode::fenced_instance_id;
}

ClassicJoinStep ConsumerGroup::classic_join(const JoinGroupRequest& request,
                                            const GroupClient& client, const Moment& at,
                                            const TopicDirectory& topics, Rng& rng) {
  ClassicJoinStep step;
  auto& response = step.response;
  response.member_id = request.member_id;
  response.error_code = refused(request);
  if (response.error_code != ErrorCode::none) return step;
  auto protocols = protocols_in(request);
  const auto wanted = decode_subscription(protocols.front().metadata, topics);
  if (!wanted) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
    return step;
  }
  // Ids that were given out are not kept, so one that is not known may be new. One that has
  // partitions is not: it was removed, and others may have them by now.
  const bool is_stranger = !request.member_id.empty() && !state_.has_member(request.member_id);
  if (is_stranger && !wanted->owned.empty()) {
    response.error_code = ErrorCode::unknown_member_id;
    return step;
  }
  const auto& instance = request.group_instance_id;
  if (request.member_id.empty()) {
    response.member_id = make_member_id(instance.value_or(client.client_id), rng.uuid());
    if (!instance && client.api_version >= kMemberIdRequiredFrom) {
      response.error_code = ErrorCode::member_id_required;
      return step;
    }
  }
  const std::string& id = response.member_id;
  const std::string* const holder = instance ? state_.holder_of(*instance) : nullptr;
  if (holder != nullptr && *holder != id) replace_member(*holder, id, step.changes);

  const auto* const known = state_.subscription(id);
  MemberSubscription after = known == nullptr ? MemberSubscription{} : *known;
  after.instance_id = instance;
  after.rack_id = wanted->rack;
  after.client_id = client.client_id;
  after.client_host = client.host;
  after.subscribed_topic_names = wanted->topics;
  after.subscribed_topic_regex.reset();
  after.server_assignor.reset();
  after.rebalance_timeout_ms =
      request.rebalance_timeout_ms > 0 ? request.rebalance_timeout_ms : request.session_timeout_ms;
  after.classic_member_metadata =
      MemberSubscription::ClassicMemberMetadata{request.session_timeout_ms, std::move(protocols)};
  const bool subscription_changed =
      subscribe(id, std::move(after), at, topics, request.reason.value_or(""), step.changes);
  look_at_topics(subscription_changed, at, topics, step.changes);
  // Who is told to join again does so at once: there is no waiting for the assignment interval.
  if (state_.epoch() > state_.target_epoch()) make_target(at, topics, step.changes);

  const MemberProgress from = state_.progress(id);
  MemberProgress next = reconcile(state_, id, from, state_.target(id), wanted->owned);
  if (next != from) change(ProgressChange{id, std::move(next)}, step.changes);

  start_session(id, at.now);
  joins_due_.erase(id);
  syncs_due_[id] = at.now + rebalance_timeout_of(id);
  arm(syncs_due_[id]);
  revokes_.erase(id);

  const auto& classic = *state_.subscription(id)->classic_member_metadata;
  response.generation_id = state_.progress(id).epoch;
  response.protocol_type = kConsumerProtocolType;
  response.protocol_name = classic.supported_protocols.front().name;
  note_end(at, topics);
  return step;
}

/// NONE, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID.
ErrorCode ConsumerGroup::check_classic(std::string_view id,
                                       const std::optional<std::string>& instance) const {
  if (instance) {
    const std::string* const holder = state_.holder_of(*instance);
    if (holder == nullptr) return ErrorCode::unknown_member_id;
    if (*holder != id) return ErrorCode::fenced_instance_id;
  }
  return is_classic(id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

protocol::SyncGroupResponse ConsumerGroup::classic_sync(const protocol::SyncGroupRequest& request,
                                                        const Moment& at,
                                                        const TopicDirectory& topics) {
  protocol::SyncGroupResponse response;
  const std::string& id = request.member_id;
  response.error_code = check_classic(id, request.group_instance_id);
  if (response.error_code != ErrorCode::none) return response;
  const MemberProgress& progress = state_.progress(id);
  const auto& first = state_.subscription(id)->classic_member_metadata->supported_protocols.front();
  const bool other_type = request.protocol_type && *request.protocol_type != kConsumerProtocolType;
  const bool other_name = request.protocol_name && *request.protocol_name != first.name;
  if (progress.epoch != request.generation_id) {
    response.error_code = ErrorCode::illegal_generation;
  } else if (other_type || other_name) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
  } else if (state_.epoch() > progress.epoch &&
             progress.state != MemberState::unrevoked_partitions) {
    // One that gives up partitions has joined for this epoch already, and does that first.
    expect_join(id, at.now);
    response.error_code = ErrorCode::rebalance_in_progress;
  }
  if (response.error_code != ErrorCode::none) return response;
  syncs_due_.erase(id);
  start_session(id, at.now);
  response.protocol_type = kConsumerProtocolType;
  response.protocol_name = first.name;
  const auto subscription = decode_subscription(first.metadata, topics);
  response.assignment =
      encode_assignment(progress.assigned, subscription ? subscription->version : 0, topics);
  return response;
}

/// Is there a step for this member to take? It takes it by joining again.
bool ConsumerGroup::should_rejoin(std::string_view id) const {
  const MemberProgress& progress = state_.progress(id);
  if (progress.epoch < state_.epoch()) return true;
  if (progress.state != MemberState::unreleased_partitions) return false;
  for (const auto& [topic, partitions] : without(state_.target(id), progress.assigned)) {
    for (const std::int32_t partition : partitions) {
      if (state_.owner_of(topic, partition) != nullptr) return false;
    }
  }
  return true;
}

/// Also looks at the topics: where only classic members are left, nobody else does. The step to a
/// new target is taken by whoever joins again for it.
ClassicHeartbeatStep ConsumerGroup::classic_heartbeat(const protocol::HeartbeatRequest& request,
                                                      const Moment& at,
                                                      const TopicDirectory& topics) {
  ClassicHeartbeatStep step;
  const std::string& id = request.member_id;
  step.error = check_classic(id, request.group_instance_id);
  if (step.error == ErrorCode::none && state_.progress(id).epoch != request.generation_id) {
    step.error = ErrorCode::illegal_generation;
  }
  if (step.error != ErrorCode::none) return step;
  start_session(id, at.now);
  look_at_topics(false, at, topics, step.changes);
  if (!should_rejoin(id)) return step;
  expect_join(id, at.now);
  step.error = ErrorCode::rebalance_in_progress;
  return step;
}

ClassicLeaveStep ConsumerGroup::classic_leave(
    const std::vector<protocol::LeaveGroupRequest::MemberIdentity>& members, const Moment& at,
    const TopicDirectory& topics) {
  ClassicLeaveStep step;
  for (const auto& identity : members) {
    std::string id = identity.member_id;
    // An administrator knows the instance only.
    if (id.empty() && identity.group_instance_id) {
      const std::string* const holder = state_.holder_of(*identity.group_instance_id);
      if (holder != nullptr) id = *holder;
    }
    const ErrorCode error = check_classic(id, identity.group_instance_id);
    if (error == ErrorCode::none) {
      note(RebalanceCause::member_left, id, state_.subscription(id), at, topics,
           identity.reason.value_or(""));
      remove_member(id, step.changes);
    }
    step.members.push_back({identity.member_id, identity.group_instance_id, error});
  }
  if (step.changes.empty()) return step;
  change(EpochChange{{{state_.epoch() + 1, 0}}}, step.changes);
  note_end(at, topics);
  return step;
}

void ConsumerGroup::expect_join(const std::string& id, Instant now) {
  const auto [due, fresh] = joins_due_.try_emplace(id, now + rebalance_timeout_of(id));
  arm(due->second);
}

}  // namespace millrace::broker
