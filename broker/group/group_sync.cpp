#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "broker/group/group.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {

using protocol::ErrorCode;
using protocol::SyncGroupRequest;
using protocol::SyncGroupResponse;

ErrorCode ClassicGroup::check_member(std::string_view id,
                                     const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto holder = static_ids_.find(*instance_id);
    if (holder == static_ids_.end()) return ErrorCode::unknown_member_id;
    if (holder->second != id) return ErrorCode::fenced_instance_id;
  }
  return members_.contains(id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

ErrorCode ClassicGroup::check_sync(const SyncGroupRequest& request) const {
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::none) return error;
  if (request.generation_id != generation_) return ErrorCode::illegal_generation;
  if (state_ == GroupState::preparing_rebalance) return ErrorCode::rebalance_in_progress;
  const bool type_differs = request.protocol_type && *request.protocol_type != protocol_type_;
  const bool name_differs = request.protocol_name && *request.protocol_name != protocol_;
  if (type_differs || name_differs) return ErrorCode::inconsistent_group_protocol;
  return ErrorCode::none;
}

void ClassicGroup::sync(const SyncGroupRequest& request, ReplyToken token, const Moment& at,
                        GroupEffects& out) {
  if (const ErrorCode error = check_sync(request); error != ErrorCode::none) {
    SyncGroupResponse response;
    response.error_code = error;
    out.replies.push_back({token, std::move(response)});
    return;
  }
  GroupMember& member = members_.find(request.member_id)->second;
  member.owes_sync = false;
  if (std::ranges::none_of(members_, [](const auto& m) { return m.second.owes_sync; })) {
    sync_deadline_.reset();
  }
  if (state_ == GroupState::stable) {
    start_session(member, at);
    out.replies.push_back({token, assignment_of(member)});
    return;
  }
  ENSURE(state_ == GroupState::completing_rebalance);
  park_sync(member, token, out);
  if (member.id != leader_ || assignment_in_flight_) return;
  assignment_in_flight_ = true;
  auto value = metadata_value();
  std::map<std::string_view, Bytes> given;
  for (const auto& each : request.assignments) given[each.member_id] = each.assignment.view();
  for (auto& each : value.members) each.assignment = SharedBytes::copy_of(given[each.member_id]);
  out.writes.push_back({GroupWrite::Kind::assignment, std::move(value), {}});
}

SyncGroupResponse ClassicGroup::assignment_of(const GroupMember& member) const {
  SyncGroupResponse response;
  response.protocol_type = protocol_type_;
  response.protocol_name = protocol_;
  response.assignment = member.assignment;
  return response;
}

ErrorCode ClassicGroup::heartbeat(const protocol::HeartbeatRequest& request, const Moment& at) {
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::none) return error;
  if (request.generation_id != generation_) return ErrorCode::illegal_generation;
  GroupMember& member = members_.find(request.member_id)->second;
  start_session(member, at);
  return state_ == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                   : ErrorCode::none;
}

std::vector<protocol::LeaveGroupResponse::MemberResponse> ClassicGroup::leave(
    const std::vector<protocol::LeaveGroupRequest::MemberIdentity>& members, const Moment& at,
    GroupEffects& out) {
  std::vector<protocol::LeaveGroupResponse::MemberResponse> results;
  bool changed = false;
  for (const auto& identity : members) {
    std::string id = identity.member_id;
    // An administrator knows the instance only.
    if (id.empty() && identity.group_instance_id) {
      const auto holder = static_ids_.find(*identity.group_instance_id);
      if (holder != static_ids_.end()) id = holder->second;
    }
    const bool was_pending = pending_.erase(id) > 0;
    const ErrorCode error =
        was_pending ? ErrorCode::none : check_member(id, identity.group_instance_id);
    const bool was_member = !was_pending && error == ErrorCode::none;
    if (was_member) {
      note(RebalanceCause::member_left, &members_.find(id)->second, at,
           identity.reason.value_or(""));
      remove_member(id, out);
    }
    // Somebody who was on the way only matters to a barrier that waits for him.
    changed |= was_member || (was_pending && barrier_);
    results.push_back({identity.member_id, identity.group_instance_id, error});
  }
  if (changed) rebalance_or_open(at, out);
  return results;
}

ErrorCode ClassicGroup::check_commit(const protocol::OffsetCommitRequest& request,
                                     const Moment& at) {
  const std::int32_t generation = request.generation_id_or_member_epoch;
  if (generation < 0 && state_ == GroupState::empty) return ErrorCode::none;
  const bool is_member =
      generation >= 0 || !request.member_id.empty() || request.group_instance_id.has_value();
  if (!is_member) return ErrorCode::unknown_member_id;
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::none) return error;
  if (generation != generation_) return ErrorCode::illegal_generation;
  if (state_ == GroupState::completing_rebalance) return ErrorCode::rebalance_in_progress;
  GroupMember& member = members_.find(request.member_id)->second;
  start_session(member, at);
  return ErrorCode::none;
}

ErrorCode ClassicGroup::check_txn_commit(const protocol::OffsetCommitRequest& request) const {
  const std::int32_t generation = request.generation_id_or_member_epoch;
  const bool is_member =
      generation >= 0 || !request.member_id.empty() || request.group_instance_id.has_value();
  if (!is_member) return ErrorCode::none;
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::none) return error;
  return generation == generation_ ? ErrorCode::none : ErrorCode::illegal_generation;
}

}  // namespace millrace::broker
