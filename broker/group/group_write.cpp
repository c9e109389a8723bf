#include <utility>

#include "broker/group/group.hpp"
#include "broker/group/subscription.hpp"
#include "protocol/base/ensure.hpp"

/// The durable side of a classic group: what is written, what follows from it, what is read back.
namespace millrace::broker {

using protocol::ErrorCode;
using protocol::GroupMetadataValue;

namespace {

constexpr std::int16_t kSkipAssignmentFrom = 9;
constexpr std::string_view kConsumerProtocolType = "consumer";

}  // namespace

GroupMetadataValue ClassicGroup::metadata_value() const {
  GroupMetadataValue value;
  value.protocol_type = protocol_type_;
  value.generation = generation_;
  value.protocol.reset();
  value.leader.reset();
  if (!members_.empty()) {
    value.protocol = protocol_;
    value.leader = leader_;
  }
  value.current_state_timestamp = state_since_ ? state_since_->value : -1;
  for (const auto& [id, member] : members_) {
    value.members.push_back(
        {.member_id = id,
         .group_instance_id = member.instance_id,
         .client_id = member.client_id,
         .client_host = member.client_host,
         .rebalance_timeout = static_cast<std::int32_t>(member.rebalance_timeout.count()),
         .session_timeout = static_cast<std::int32_t>(member.session_timeout.count()),
         .subscription = member.metadata(protocol_),
         .assignment = member.assignment});
  }
  return value;
}
void ClassicGroup::written(const GroupWrite& write, const Moment& at, GroupEffects& out) {
  const bool current = write.value.generation == generation_;
  if (write.kind == GroupWrite::Kind::assignment) {
    if (!current || state_ != GroupState::completing_rebalance) return;
    for (const auto& given : write.value.members) {
      const auto member = members_.find(given.member_id);
      if (member != members_.end()) member->second.assignment = given.assignment;
    }
    move_to(GroupState::stable, at);
    assignment_in_flight_ = false;
    for (auto& [id, member] : members_) {
      if (!member.sync_token) continue;
      answer_sync(member, assignment_of(member), out);
      start_session(member, at);
    }
    return;
  }
  if (write.kind != GroupWrite::Kind::static_rejoin) return;
  const auto& rejoin = *write.rejoin;
  const auto found = members_.find(rejoin.member_id);
  // A rebalance since then has taken the request into its barrier or answered it.
  if (!current || state_ != GroupState::stable || found == members_.end()) return;
  GroupMember& member = found->second;
  if (member.join_token != rejoin.token) return;
  const bool leads = member.id == leader_;
  const bool can_skip = rejoin.api_version >= kSkipAssignmentFrom;
  auto response = current_generation(member, leads && can_skip);
  response.skip_assignment = leads && can_skip;
  // A client that cannot be told to skip must not take itself for the leader: it would assign anew
  // while the others stay.
  if (!can_skip) response.leader = rejoin.leader_before;
  answer_join(member, std::move(response), out);
  member.is_new = false;
  start_session(member, at);
}

void ClassicGroup::write_failed(const GroupWrite& write, ErrorCode error, const Moment& at,
                                GroupEffects& out) {
  if (write.value.generation != generation_) return;
  if (write.kind == GroupWrite::Kind::static_rejoin) {
    undo_rejoin(*write.rejoin, error, at, out);
  } else if (write.kind == GroupWrite::Kind::assignment &&
             state_ == GroupState::completing_rebalance) {
    cancel_syncs(error, out);
    note(RebalanceCause::write_failed, nullptr, at);
    rebalance(at, out);
  }
}

/// The new id could not be made durable: the old one is valid again.
void ClassicGroup::undo_rejoin(const GroupWrite::StaticRejoin& rejoin, ErrorCode error,
                               const Moment& at, GroupEffects& out) {
  const auto found = members_.find(rejoin.member_id);
  if (state_ != GroupState::stable || found == members_.end()) return;
  if (found->second.join_token != rejoin.token) return;
  // Without an id: the new one is void, and a client that came back with it would be fenced.
  protocol::JoinGroupResponse response;
  response.error_code = error;
  answer_join(found->second, std::move(response), out);
  count_protocols(found->second, -1);
  GroupMember& member = rename_member(rejoin.member_id, rejoin.before.id);
  member = rejoin.before;
  count_protocols(member, 1);
  start_session(member, at);
}

void ClassicGroup::restore(const GroupMetadataValue& value) {
  ENSURE(is_pristine() && members_.empty());
  generation_ = value.generation;
  protocol_type_ = value.protocol_type;
  if (value.current_state_timestamp >= 0) state_since_ = Timestamp{value.current_state_timestamp};
  if (value.members.empty()) return;
  state_ = GroupState::stable;  // a generation is written when its assignment is known
  protocol_ = value.protocol.value_or(std::string{});
  leader_ = value.leader.value_or(std::string{});
  for (const auto& each : value.members) {
    GroupMember& member = members_[each.member_id];
    member.id = each.member_id;
    member.instance_id = each.group_instance_id;
    member.client_id = each.client_id;
    member.client_host = each.client_host;
    member.session_timeout = std::chrono::milliseconds{std::max(each.session_timeout, 1)};
    member.rebalance_timeout = each.rebalance_timeout > 0
                                   ? std::chrono::milliseconds{each.rebalance_timeout}
                                   : member.session_timeout;
    member.protocols = {{protocol_, each.subscription}};
    member.assignment = each.assignment;
  }
  for (const auto& [id, member] : members_) {
    count_protocols(member, 1);
    if (member.instance_id) static_ids_[*member.instance_id] = id;
  }
}

void ClassicGroup::resume(const Moment& at, GroupEffects& out) {
  for (auto& [id, member] : members_) start_session(member, at);
  if (members_.size() <= settings_.members_max) return;
  note(RebalanceCause::over_size, nullptr, at);
  rebalance(at, out);
}

void ClassicGroup::take_over(const GroupMetadataValue& value,
                             std::map<std::string, std::vector<GroupMember::Protocol>> protocols,
                             const Moment& at, GroupEffects& out) {
  restore(value);
  for (auto& [id, member] : members_) {
    count_protocols(member, -1);
    member.protocols = std::move(protocols[id]);
    count_protocols(member, 1);
    start_session(member, at);
  }
  note(RebalanceCause::protocol_changed, nullptr, at);
  rebalance(at, out);
}

OffsetExpiryRule ClassicGroup::expiry_rule() const {
  OffsetExpiryRule rule;
  if (protocol_type_.empty()) {
    rule.applies = true;
  } else if (state_ == GroupState::empty) {
    rule.applies = true;
    rule.idle_since = state_since_;
  } else if (state_ == GroupState::stable && protocol_type_ == kConsumerProtocolType) {
    auto topics = subscriptions();
    if (!topics) return rule;
    rule.subscribed = *std::move(topics);
    rule.applies = true;
  }
  return rule;
}

/// Nothing when a member's subscription is in somebody else's format: it may mean any topic.
std::optional<std::set<std::string>> ClassicGroup::subscriptions() const {
  std::set<std::string> all;
  for (const auto& [id, member] : members_) {
    const auto topics = subscribed_topics(member.metadata(protocol_));
    if (!topics) return std::nullopt;
    all.insert(topics->begin(), topics->end());
  }
  return all;
}

bool ClassicGroup::has_known_subscriptions() const {
  return state_ == GroupState::empty || protocol_type_ == kConsumerProtocolType;
}

bool ClassicGroup::is_subscribed(std::string_view topic) const {
  if (members_.empty()) return false;
  const auto topics = protocol_.empty() ? std::nullopt : subscriptions();
  return !topics || topics->contains(std::string{topic});
}

void ClassicGroup::describe(protocol::DescribeGroupsResponse::DescribedGroup& to) const {
  const bool stable = state_ == GroupState::stable;
  to.group_state = to_string(state_);
  to.protocol_type = protocol_type_;
  if (stable) to.protocol_data = protocol_;
  for (const auto& [id, member] : members_) {
    to.members.push_back({.member_id = id,
                          .group_instance_id = member.instance_id,
                          .client_id = member.client_id,
                          .client_host = member.client_host,
                          .member_metadata = stable ? member.metadata(protocol_) : SharedBytes{},
                          .member_assignment = stable ? member.assignment : SharedBytes{}});
  }
}

}  // namespace millrace::broker
