#include "broker/group/group.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

#include "broker/group/subscription.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {

using protocol::ErrorCode;

namespace {

constexpr std::string_view kConsumerProtocolType = "consumer";

}  // namespace

std::string_view to_string(GroupState state) {
  switch (state) {
    case GroupState::empty:
      return "Empty";
    case GroupState::preparing_rebalance:
      return "PreparingRebalance";
    case GroupState::completing_rebalance:
      return "CompletingRebalance";
    case GroupState::stable:
      return "Stable";
  }
  return "";
}

std::ostream& operator<<(std::ostream& out, GroupState state) {
  return out << to_string(state);
}

ClassicGroup::ClassicGroup(std::string id, const GroupSettings& settings,
                           RebalanceRecorder& recorder)
    : id_{std::move(id)}, settings_{settings}, recorder_{recorder} {}

bool ClassicGroup::is_pristine() const {
  return state_ == GroupState::empty && generation_ == 0 && pending_.empty();
}

/// The only door between states; what is not listed here cannot happen.
void ClassicGroup::move_to(GroupState next, const Moment& at) {
  using enum GroupState;
  const bool legal = (next == preparing_rebalance && state_ != preparing_rebalance) ||
                     (next == completing_rebalance && state_ == preparing_rebalance) ||
                     (next == stable && state_ == completing_rebalance) ||
                     (next == empty && state_ == preparing_rebalance);
  ENSURE(legal);
  state_ = next;
  state_since_ = at.wall;
  if (next == stable || next == empty) {
    recorder_.finish(at, false, to_string(next), generation_, ownership());
  }
}

void ClassicGroup::note(RebalanceCause cause, const GroupMember* member, const Moment& at,
                        std::string_view reason) {
  RebalanceTrigger trigger{.cause = cause, .at = at.wall, .reason = std::string{reason}};
  if (member != nullptr) {
    trigger.member_id = member->id;
    trigger.instance_id = member->instance_id;
    trigger.client_id = member->client_id;
    trigger.host = member->client_host;
  }
  recorder_.trigger(std::move(trigger), at.now, generation_, [this] { return ownership(); });
}

/// What a leader of another protocol type gives out is its own affair.
Ownership ClassicGroup::ownership() const {
  Ownership owned;
  for (const auto& [id, member] : members_) {
    auto& partitions = owned[member.instance_id.value_or(id)];
    if (protocol_type_ == kConsumerProtocolType && !member.assignment.empty()) {
      partitions = assigned_partitions(member.assignment).value_or(NamedPartitions{});
    }
  }
  return owned;
}

void ClassicGroup::rebalance_or_open(const Moment& at, GroupEffects& out) {
  if (state_ == GroupState::preparing_rebalance) {
    open_if_all_joined(at, out);
  } else {
    rebalance(at, out);
  }
}

/// Closes the join barrier. A group that was empty has time to gather, because consumers of one
/// application start together and each further one would cost a rebalance.
void ClassicGroup::rebalance(const Moment& at, GroupEffects& out) {
  if (state_ == GroupState::completing_rebalance) {
    cancel_syncs(ErrorCode::rebalance_in_progress, out);
  }
  sync_deadline_.reset();
  assignment_in_flight_ = false;
  const bool initial = state_ == GroupState::empty;
  move_to(GroupState::preparing_rebalance, at);
  const auto longest = rebalance_timeout();
  if (!initial) {
    barrier_ = Barrier{.deadline = at.now + longest};
    arm(barrier_->deadline);
    open_if_all_joined(at, out);
    return;
  }
  const auto delay = settings_.initial_rebalance_delay;
  barrier_ = Barrier{.deadline = at.now + delay,
                     .initial = true,
                     .extension_left = std::max(longest - delay, std::chrono::milliseconds{0})};
  arm(barrier_->deadline);
  if (delay.count() == 0) open_barrier(at, out);
}

void ClassicGroup::open_if_all_joined(const Moment& at, GroupEffects& out) {
  ENSURE(barrier_);
  if (barrier_->initial) return;
  if (joined_ == members_.size() && pending_.empty()) open_barrier(at, out);
}

void ClassicGroup::extend_or_open_barrier(const Moment& at, GroupEffects& out) {
  ENSURE(barrier_);
  if (!barrier_->member_added || barrier_->extension_left.count() == 0) {
    return open_barrier(at, out);
  }
  const auto step = std::min(settings_.initial_rebalance_delay, barrier_->extension_left);
  barrier_->member_added = false;
  barrier_->extension_left -= step;
  barrier_->deadline = at.now + step;
  arm(barrier_->deadline);
}

/// The next generation starts with those who are here. Static members that are not keep their place
/// until their session ends.
void ClassicGroup::open_barrier(const Moment& at, GroupEffects& out) {
  std::vector<std::string> missing;
  for (const auto& [id, member] : members_) {
    if (!member.join_token && !member.is_static()) missing.push_back(id);
  }
  for (const auto& id : missing) {
    note(RebalanceCause::join_missed, &members_.find(id)->second, at);
    remove_member(id, out);
  }
  if (!members_.empty() && !elect_leader()) {
    // Only absent static members are left. They come back or their sessions end.
    barrier_ = Barrier{.deadline = at.now + rebalance_timeout()};
    arm(barrier_->deadline);
    return;
  }
  barrier_.reset();
  ++generation_;
  if (members_.empty()) {
    move_to(GroupState::empty, at);
    protocol_.clear();
    leader_.clear();
    out.writes.push_back({GroupWrite::Kind::emptied, metadata_value(), {}});
    return;
  }
  move_to(GroupState::completing_rebalance, at);
  protocol_ = select_protocol();
  for (auto& [id, member] : members_) {
    member.assignment = {};
    member.owes_sync = true;
    member.is_new = false;
    start_session(member, at);
    if (!member.join_token) continue;
    answer_join(member, current_generation(member, id == leader_), out);
  }
  sync_deadline_ = at.now + rebalance_timeout();
  arm(*sync_deadline_);
}

/// A leader that has rejoined stays; otherwise the first that has. False when nobody has.
bool ClassicGroup::elect_leader() {
  const auto leader = members_.find(leader_);
  if (leader != members_.end() && leader->second.join_token) return true;
  const GroupMember* first = nullptr;
  for (const auto& [id, member] : members_) {
    if (member.join_token && (first == nullptr || member.join_order < first->join_order)) {
      first = &member;
    }
  }
  if (first != nullptr) leader_ = first->id;
  return first != nullptr;
}

/// Each member votes for the first of its protocols that all members support. A tie goes to the one
/// that the leader prefers, or that comes first by name if it prefers neither.
std::string ClassicGroup::select_protocol() const {
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, member] : members_) {
    for (const auto& protocol : member.protocols) {
      const auto supporters = protocol_counts_.find(protocol.name);
      ENSURE(supporters != protocol_counts_.end());
      if (supporters->second != members_.size()) continue;
      ++votes[protocol.name];
      break;
    }
  }
  if (votes.empty()) return {};
  std::size_t most = 0;
  for (const auto& [name, count] : votes) most = std::max(most, count);
  if (const auto leader = members_.find(leader_); leader != members_.end()) {
    for (const auto& protocol : leader->second.protocols) {
      const auto found = votes.find(protocol.name);
      if (found != votes.end() && found->second == most) return protocol.name;
    }
  }
  const auto first = std::ranges::find_if(votes, [&](const auto& v) { return v.second == most; });
  return std::string{first->first};
}

std::chrono::milliseconds ClassicGroup::rebalance_timeout() const {
  std::chrono::milliseconds longest{1};  // never 0: a barrier's deadline lies ahead
  for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout);
  return longest;
}

void ClassicGroup::count_protocols(const GroupMember& member, int change) {
  for (const auto& protocol : member.protocols) {
    auto& count = protocol_counts_[protocol.name];
    count += static_cast<std::size_t>(change);
    if (count == 0) protocol_counts_.erase(protocol.name);
  }
}

/// Whoever waits in the name of this member learns that there is no such member any more.
void ClassicGroup::remove_member(std::string_view id, GroupEffects& out) {
  const auto found = members_.find(id);
  ENSURE(found != members_.end());
  GroupMember& member = found->second;
  refuse_join(member, ErrorCode::unknown_member_id, out);
  refuse_sync(member, ErrorCode::unknown_member_id, out);
  count_protocols(member, -1);
  if (member.instance_id) static_ids_.erase(*member.instance_id);
  if (leader_ == id) leader_.clear();
  members_.erase(found);
}

void ClassicGroup::start_session(GroupMember& member, const Moment& at) {
  member.session_deadline =
      at.now + (member.is_new ? settings_.new_member_join_timeout : member.session_timeout);
  arm(member.session_deadline);
}

void ClassicGroup::tick(const Moment& at, GroupEffects& out) {
  expire_members(at, out);
  if (barrier_ && barrier_->deadline <= at.now) {
    if (barrier_->initial) {
      extend_or_open_barrier(at, out);
    } else {
      open_barrier(at, out);
    }
  }
  expire_sync(at, out);

  wake_at_ = Instant::max();
  if (barrier_) arm(barrier_->deadline);
  if (sync_deadline_) arm(*sync_deadline_);
  for (const auto& [id, deadline] : pending_) arm(deadline);
  for (const auto& [id, member] : members_) {
    if (!member.is_excused()) arm(member.session_deadline);
  }
}

void ClassicGroup::expire_members(const Moment& at, GroupEffects& out) {
  bool changed = std::erase_if(pending_, [&](const auto& p) { return p.second <= at.now; }) > 0;
  // Somebody who was sent away and did not come back only matters to a barrier that waits for him.
  if (changed && state_ != GroupState::preparing_rebalance) changed = false;
  std::vector<std::string> silent;
  for (const auto& [id, member] : members_) {
    if (!member.is_excused() && member.session_deadline <= at.now) silent.push_back(id);
  }
  for (const auto& id : silent) {
    note(RebalanceCause::session_expired, &members_.find(id)->second, at);
    remove_member(id, out);
  }
  if (changed || !silent.empty()) rebalance_or_open(at, out);
}

/// Members that took part in the join but never asked for their assignment hold up the others.
void ClassicGroup::expire_sync(const Moment& at, GroupEffects& out) {
  if (!sync_deadline_ || *sync_deadline_ > at.now) return;
  sync_deadline_.reset();
  std::vector<std::string> missing;
  for (const auto& [id, member] : members_) {
    if (member.owes_sync) missing.push_back(id);
  }
  if (missing.empty()) return;
  for (const auto& id : missing) {
    note(RebalanceCause::sync_missed, &members_.find(id)->second, at);
    remove_member(id, out);
  }
  rebalance(at, out);
}

void ClassicGroup::dissolve(GroupEffects& out) {
  abandon(ErrorCode::rebalance_in_progress, out);
  members_.clear();
  static_ids_.clear();
  pending_.clear();
  protocol_counts_.clear();
  ENSURE(joined_ == 0);
  barrier_.reset();
  sync_deadline_.reset();
  assignment_in_flight_ = false;
  state_ = GroupState::empty;
  protocol_.clear();
  leader_.clear();
  wake_at_ = Instant::max();
  forget();
}

void ClassicGroup::forget() {
  ENSURE(is_idle());
  generation_ = 0;
  protocol_type_.clear();
  state_since_.reset();
}

void ClassicGroup::abandon(ErrorCode error, GroupEffects& out) {
  for (auto& [id, member] : members_) {
    refuse_join(member, error, out);
    refuse_sync(member, error, out);
  }
}

}  // namespace millrace::broker
