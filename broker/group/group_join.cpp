#include <algorithm>
#include <utility>

#include "broker/group/group.hpp"
#include "broker/group/member_id.hpp"
#include "broker/group/subscription.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {

using protocol::ErrorCode;
using protocol::JoinGroupRequest;
using protocol::JoinGroupResponse;

namespace {

constexpr std::int16_t kMemberIdRequiredFrom = 4;

/// Why a known member that joins again makes the group rebalance.
RebalanceCause cause_of(const GroupMember& member, const JoinGroupRequest& request, bool leads) {
  const auto wants_same = [](const GroupMember::Protocol& before,
                             const GroupMember::Protocol& after) {
    if (before == after) return true;
    // Cooperative members also say what they have.
    const auto topics = subscribed_topics(before.metadata);
    return before.name == after.name && topics && topics == subscribed_topics(after.metadata);
  };
  if (!std::ranges::equal(member.protocols, protocols_of(request), wants_same)) {
    return RebalanceCause::subscription_changed;
  }
  return leads ? RebalanceCause::leader_rejoined : RebalanceCause::member_rejoined;
}

}  // namespace

void ClassicGroup::join(const JoinGroupRequest& request, const GroupClient& client,
                        ReplyToken token, const Moment& at, Rng& rng, GroupEffects& out) {
  const std::chrono::milliseconds session{request.session_timeout_ms};
  if (session < settings_.session_timeout_min || session > settings_.session_timeout_max) {
    return refuse_join(token, ErrorCode::invalid_session_timeout, request.member_id, out);
  }
  if (!accepts(request)) {
    // A member that comes back late to a full barrier has lost its place.
    const bool known = members_.contains(request.member_id);
    const bool pending = pending_.erase(request.member_id) > 0;
    if (known) {
      note(RebalanceCause::over_size, &members_.find(request.member_id)->second, at);
      remove_member(request.member_id, out);
    }
    refuse_join(token, ErrorCode::group_max_size_reached, {}, out);
    if (barrier_ && (known || pending)) open_if_all_joined(at, out);
    return;
  }
  if (!supports(request)) {
    return refuse_join(token, ErrorCode::inconsistent_group_protocol, request.member_id, out);
  }
  if (request.member_id.empty()) {
    join_new(request, client, token, at, rng, out);
  } else {
    join_known(request, client, token, at, out);
  }
}

/// Is there room? At the barrier those count who are in it already, so that a limit that was
/// lowered takes effect at the next rebalance; outside of it the members count.
bool ClassicGroup::accepts(const JoinGroupRequest& request) const {
  const bool returns = request.member_id.empty() && request.group_instance_id &&
                       static_ids_.contains(*request.group_instance_id);
  const auto member = members_.find(request.member_id);
  switch (state_) {
    case GroupState::empty:
      return true;
    case GroupState::preparing_rebalance:
      return (member != members_.end() && member->second.join_token) ||
             joined_ < settings_.members_max;
    case GroupState::completing_rebalance:
    case GroupState::stable:
      return returns || member != members_.end() || members_.size() < settings_.members_max;
  }
  return false;
}

/// A protocol that all members have must be among those of the one who wants in.
bool ClassicGroup::supports(const JoinGroupRequest& request) const {
  if (request.protocol_type.empty() || request.protocols.empty()) return false;
  if (members_.empty()) return true;
  if (request.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(request.protocols, [&](const auto& protocol) {
    const auto count = protocol_counts_.find(protocol.name);
    return count != protocol_counts_.end() && count->second == members_.size();
  });
}

void ClassicGroup::join_new(const JoinGroupRequest& request, const GroupClient& client,
                            ReplyToken token, const Moment& at, Rng& rng, GroupEffects& out) {
  std::string id = make_member_id(request.group_instance_id.value_or(client.client_id), rng.uuid());
  if (request.group_instance_id) {
    if (static_ids_.contains(*request.group_instance_id)) {
      return rejoin_static(request, client, std::move(id), token, at, out);
    }
    return add_member(request, client, std::move(id), token, at, out);
  }
  if (client.api_version < kMemberIdRequiredFrom) {
    return add_member(request, client, std::move(id), token, at, out);
  }
  // A client that retries after a lost answer would leave a member behind that nobody is: so it
  // gets its id first and is a member once it has come back with it.
  const Instant deadline = at.now + std::chrono::milliseconds{request.session_timeout_ms};
  pending_[id] = deadline;
  arm(deadline);
  refuse_join(token, ErrorCode::member_id_required, std::move(id), out);
}

void ClassicGroup::join_known(const JoinGroupRequest& request, const GroupClient& client,
                              ReplyToken token, const Moment& at, GroupEffects& out) {
  if (!request.group_instance_id && pending_.contains(request.member_id)) {
    return add_member(request, client, request.member_id, token, at, out);
  }
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::none) return refuse_join(token, error, request.member_id, out);
  GroupMember& member = members_.find(request.member_id)->second;
  const bool leads = member.id == leader_;
  const bool unchanged = member.protocols == protocols_of(request);
  // Between generations every JoinGroup counts. Within one, it is the leader's way to ask for a new
  // assignment, or a follower's way to hear again an answer that was lost.
  const bool hears_again =
      unchanged && (state_ == GroupState::completing_rebalance ||
                    (state_ == GroupState::stable && !leads && !member.join_token));
  if (hears_again) {
    out.replies.push_back({token, current_generation(member, leads)});
    return;
  }
  // At the barrier everybody joins again.
  if (state_ != GroupState::preparing_rebalance) {
    note(cause_of(member, request, leads), &member, at, request.reason.value_or(""));
  }
  update_member(member, request, token, out);
  rebalance_or_open(at, out);
}

/// The process behind a static member was restarted: the new one takes its place. When nothing else
/// changes, that costs no rebalance; the new id only has to be durable.
void ClassicGroup::rejoin_static(const JoinGroupRequest& request, const GroupClient& client,
                                 std::string new_id, ReplyToken token, const Moment& at,
                                 GroupEffects& out) {
  const std::string old_id = static_ids_.find(*request.group_instance_id)->second;
  GroupMember& old = members_.find(old_id)->second;
  refuse_join(old, ErrorCode::fenced_instance_id, out);
  refuse_sync(old, ErrorCode::fenced_instance_id, out);
  std::string leader_before = leader_;
  GroupMember before = old;
  GroupMember& member = rename_member(old_id, new_id);
  member.client_id = client.client_id;
  member.client_host = client.host;
  start_session(member, at);
  update_member(member, request, token, out);
  if (state_ != GroupState::stable || select_protocol() != protocol_) {
    if (state_ != GroupState::preparing_rebalance) {
      const bool in_round = state_ == GroupState::completing_rebalance;
      note(in_round ? RebalanceCause::member_rejoined : RebalanceCause::subscription_changed,
           &member, at, request.reason.value_or(""));
    }
    return rebalance_or_open(at, out);
  }
  GroupWrite::StaticRejoin rejoin{.member_id = std::move(new_id),
                                  .token = token,
                                  .api_version = client.api_version,
                                  .leader_before = std::move(leader_before),
                                  .before = std::move(before)};
  out.writes.push_back({GroupWrite::Kind::static_rejoin, metadata_value(), std::move(rejoin)});
}

void ClassicGroup::add_member(const JoinGroupRequest& request, const GroupClient& client,
                              std::string id, ReplyToken token, const Moment& at,
                              GroupEffects& out) {
  ENSURE(!members_.contains(id));
  pending_.erase(id);
  if (members_.empty()) protocol_type_ = request.protocol_type;
  GroupMember fresh;
  fresh.id = id;
  fresh.instance_id = request.group_instance_id;
  fresh.client_id = client.client_id;
  fresh.client_host = client.host;
  fresh.is_new = true;
  note(RebalanceCause::member_joined, &fresh, at, request.reason.value_or(""));
  GroupMember& member = members_[id];
  member = std::move(fresh);
  if (member.instance_id) static_ids_[*member.instance_id] = id;
  update_member(member, request, token, out);
  start_session(member, at);
  if (barrier_ && barrier_->initial) barrier_->member_added = true;
  rebalance_or_open(at, out);
}

/// Takes over what the request says and parks it. The caller moves the group on.
void ClassicGroup::update_member(GroupMember& member, const JoinGroupRequest& request,
                                 ReplyToken token, GroupEffects& out) {
  count_protocols(member, -1);
  member.protocols = protocols_of(request);
  count_protocols(member, 1);
  member.session_timeout = std::chrono::milliseconds{request.session_timeout_ms};
  member.rebalance_timeout = request.rebalance_timeout_ms > 0
                                 ? std::chrono::milliseconds{request.rebalance_timeout_ms}
                                 : member.session_timeout;
  park_join(member, token, out);
}

GroupMember& ClassicGroup::rename_member(std::string_view old_id, std::string new_id) {
  auto node = members_.extract(members_.find(old_id));
  ENSURE(!node.empty());
  if (leader_ == old_id) leader_ = new_id;
  node.key() = new_id;
  GroupMember& member = node.mapped();
  member.id = std::move(new_id);
  ENSURE(member.instance_id);
  static_ids_[*member.instance_id] = member.id;
  members_.insert(std::move(node));
  return member;
}

void ClassicGroup::refuse_join(ReplyToken token, ErrorCode error, std::string member_id,
                               GroupEffects& out) const {
  JoinGroupResponse response;
  response.error_code = error;
  response.member_id = std::move(member_id);
  out.replies.push_back({token, std::move(response)});
}

JoinGroupResponse ClassicGroup::current_generation(const GroupMember& member,
                                                   bool with_members) const {
  JoinGroupResponse response;
  response.generation_id = generation_;
  response.protocol_type = protocol_type_;
  response.protocol_name = protocol_;
  response.leader = leader_;
  response.member_id = member.id;
  if (!with_members) return response;
  response.members.reserve(members_.size());
  for (const auto& [id, each] : members_) {
    response.members.push_back({id, each.instance_id, each.metadata(protocol_)});
  }
  return response;
}

}  // namespace millrace::broker
