#include <utility>

#include "broker/group/group.hpp"
#include "protocol/base/ensure.hpp"

/// Parked requests of a group's members. Each token is answered once: when its turn has come, when
/// its member goes, or when the client asks again and only the later question can be heard.
namespace millrace::broker {

using protocol::ErrorCode;
using protocol::JoinGroupResponse;
using protocol::SyncGroupResponse;

void ClassicGroup::park_join(GroupMember& member, ReplyToken token, GroupEffects& out) {
  refuse_join(member, ErrorCode::rebalance_in_progress, out);
  refuse_sync(member, ErrorCode::rebalance_in_progress, out);
  member.join_token = token;
  member.join_order = ++join_order_;
  ++joined_;
}

void ClassicGroup::answer_join(GroupMember& member, JoinGroupResponse response, GroupEffects& out) {
  ENSURE(member.join_token && joined_ > 0);
  out.replies.push_back({*member.join_token, std::move(response)});
  member.join_token.reset();
  --joined_;
}

void ClassicGroup::refuse_join(GroupMember& member, ErrorCode error, GroupEffects& out) {
  if (!member.join_token) return;
  JoinGroupResponse response;
  response.error_code = error;
  response.member_id = member.id;
  answer_join(member, std::move(response), out);
}

void ClassicGroup::park_sync(GroupMember& member, ReplyToken token, GroupEffects& out) {
  refuse_sync(member, ErrorCode::rebalance_in_progress, out);
  member.sync_token = token;
}

void ClassicGroup::answer_sync(GroupMember& member, SyncGroupResponse response, GroupEffects& out) {
  ENSURE(member.sync_token);
  out.replies.push_back({*member.sync_token, std::move(response)});
  member.sync_token.reset();
}

void ClassicGroup::refuse_sync(GroupMember& member, ErrorCode error, GroupEffects& out) {
  if (!member.sync_token) return;
  SyncGroupResponse response;
  response.error_code = error;
  answer_sync(member, std::move(response), out);
}

void ClassicGroup::cancel_syncs(ErrorCode error, GroupEffects& out) {
  for (auto& [id, member] : members_) refuse_sync(member, error, out);
}

}  // namespace millrace::broker
