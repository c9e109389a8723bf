#include "broker/group/consumer/consumer_group.hpp"

#include <utility>

namespace millrace::broker {

using protocol::ErrorCode;

namespace {

/// From this version of OffsetCommit on the generation may be a member epoch.
constexpr std::int16_t kMemberEpochFrom = 9;

}  // namespace

void ConsumerGroup::restart_from(const ConsumerGroupState& state, Instant now) {
  state_ = state;
  topics_seen_.reset();
  next_look_at_topics_ = now;
  std::erase_if(sessions_, [&](const auto& item) { return !state_.has_member(item.first); });
  std::erase_if(revokes_, [&](const auto& item) { return !state_.has_member(item.first); });
  std::erase_if(joins_due_, [&](const auto& item) { return !state_.has_member(item.first); });
  std::erase_if(syncs_due_, [&](const auto& item) { return !state_.has_member(item.first); });
  for (const auto& [id, member] : state_.members()) {
    if (!sessions_.contains(id)) start_session(id, now);
    arm(sessions_[id]);
    follow(id, now);
  }
}

void ConsumerGroup::start_session(const std::string& member, Instant now) {
  auto timeout = times_.session_timeout;
  const auto* const subscription = state_.subscription(member);
  if (subscription != nullptr && subscription->classic_member_metadata) {
    timeout = std::chrono::milliseconds{subscription->classic_member_metadata->session_timeout_ms};
  }
  sessions_[member] = now + timeout;
  arm(now + timeout);
}

std::chrono::milliseconds ConsumerGroup::rebalance_timeout_of(const std::string& member) const {
  const auto* const subscription = state_.subscription(member);
  return std::chrono::milliseconds{
      subscription == nullptr ? 1 : std::max(subscription->rebalance_timeout_ms, 1)};
}

void ConsumerGroup::forget_deadlines(const std::string& member) {
  sessions_.erase(member);
  revokes_.erase(member);
  joins_due_.erase(member);
  syncs_due_.erase(member);
}

/// The one way in which the state changes.
void ConsumerGroup::change(ConsumerChange change, std::vector<ConsumerChange>& out) {
  state_.apply(change);
  out.push_back(std::move(change));
}

/// The time to give up partitions runs for each epoch that a member has to leave. Classic members
/// have the time to join again instead.
void ConsumerGroup::follow(const std::string& member, Instant now) {
  const auto& progress = state_.progress(member);
  if (progress.state != MemberState::unrevoked_partitions || is_classic(member)) {
    revokes_.erase(member);
    return;
  }
  const auto known = revokes_.find(member);
  if (known != revokes_.end() && known->second.epoch == progress.epoch) return;
  const Instant deadline = now + rebalance_timeout_of(member);
  revokes_[member] = {deadline, progress.epoch};
  arm(deadline);
}

/// Without the epoch, which the caller moves on once for all that it removes.
void ConsumerGroup::remove_member(const std::string& id, std::vector<ConsumerChange>& out) {
  const auto* const subscription = state_.subscription(id);
  const auto regex = subscription == nullptr ? std::nullopt : subscription->subscribed_topic_regex;
  change(ProgressChange{id, {}}, out);
  change(TargetChange{id, {}}, out);
  change(SubscriptionChange{id, {}}, out);
  drop_unused_regex(regex, out);
  forget_deadlines(id);
}

void ConsumerGroup::drop_unused_regex(const std::optional<std::string>& regex,
                                      std::vector<ConsumerChange>& out) {
  if (!regex || !state_.regexes().contains(*regex) || state_.uses_regex(*regex)) return;
  change(RegexChange{*regex, {}}, out);
}

std::vector<ConsumerChange> ConsumerGroup::tick(const Moment& at, const TopicDirectory& topics) {
  std::vector<std::pair<std::string, RebalanceCause>> late;
  const auto is_over = [&](const auto& deadlines, const std::string& id) {
    const auto due = deadlines.find(id);
    return due != deadlines.end() && due->second <= at.now;
  };
  for (const auto& [id, deadline] : sessions_) {
    const auto revoke = revokes_.find(id);
    const bool holds_up = revoke != revokes_.end() && revoke->second.at <= at.now;
    if (deadline <= at.now) {
      late.emplace_back(id, RebalanceCause::session_expired);
    } else if (holds_up) {
      late.emplace_back(id, RebalanceCause::revoke_missed);
    } else if (is_over(joins_due_, id)) {
      late.emplace_back(id, RebalanceCause::join_missed);
    } else if (is_over(syncs_due_, id)) {
      late.emplace_back(id, RebalanceCause::sync_missed);
    }
  }
  std::vector<ConsumerChange> changes;
  for (const auto& [id, cause] : late) {
    note(cause, id, state_.subscription(id), at, topics);
    remove_member(id, changes);
  }
  // Which topics are left is seen when somebody next brings a view of them.
  if (!late.empty()) {
    change(EpochChange{{{state_.epoch() + 1, 0}}}, changes);
    note_end(at, topics);
  }

  wake_at_ = Instant::max();
  for (const auto& [id, deadline] : sessions_) arm(deadline);
  for (const auto& [id, revoke] : revokes_) arm(revoke.at);
  for (const auto& [id, deadline] : joins_due_) arm(deadline);
  for (const auto& [id, deadline] : syncs_due_) arm(deadline);
  return changes;
}

std::vector<ConsumerChange> ConsumerGroup::erase() {
  auto changes = state_.tombstones();
  for (const auto& each : changes) state_.apply(each);
  sessions_.clear();
  revokes_.clear();
  joins_due_.clear();
  syncs_due_.clear();
  return changes;
}

ErrorCode ConsumerGroup::check_commit(const protocol::OffsetCommitRequest& request,
                                      std::int16_t api_version) const {
  const std::int32_t epoch = request.generation_id_or_member_epoch;
  if (epoch < 0 && state_.members().empty()) return ErrorCode::none;
  if (!state_.has_member(request.member_id)) return ErrorCode::unknown_member_id;
  const bool classic = is_classic(request.member_id);
  if (!classic && api_version < kMemberEpochFrom) return ErrorCode::unsupported_version;
  if (epoch == state_.progress(request.member_id).epoch) return ErrorCode::none;
  return classic ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
}

namespace {

using Described = protocol::ConsumerGroupDescribeResponse::DescribedGroup;

Described::Assignment named(const PartitionSets& sets, const TopicDirectory& topics) {
  Described::Assignment assignment;
  for (const auto& [topic, partitions] : sets) {
    auto name = topics.name_of(topic);
    if (!name) continue;
    assignment.topic_partitions.push_back({topic, *std::move(name), partitions});
  }
  return assignment;
}

constexpr std::int8_t kClassicMember = 0;
constexpr std::int8_t kConsumerMember = 1;

}  // namespace

Described describe_consumer_group(const std::string& id, const ConsumerGroupState& state,
                                  const ConsumerGroupSettings& settings,
                                  const TopicDirectory& topics) {
  Described group;
  group.group_id = id;
  group.group_state = state.phase();
  group.group_epoch = state.epoch();
  group.assignment_epoch = state.target_epoch();
  group.assignor_name = preferred_assignor(state, settings);
  for (const auto& [member_id, member] : state.members()) {
    group.members.push_back(
        {.member_id = member_id,
         .instance_id = member.instance_id,
         .rack_id = member.rack_id,
         .member_epoch = state.progress(member_id).epoch,
         .client_id = member.client_id,
         .client_host = member.client_host,
         .subscribed_topic_names = member.subscribed_topic_names,
         .subscribed_topic_regex = member.subscribed_topic_regex,
         .assignment = named(state.progress(member_id).assigned, topics),
         .target_assignment = named(state.target(member_id), topics),
         .member_type = member.classic_member_metadata ? kClassicMember : kConsumerMember});
  }
  return group;
}

}  // namespace millrace::broker
