#include <algorithm>
#include <string_view>
#include <utility>

#include "broker/group/consumer/assignor.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/reconcile.hpp"
#include "broker/group/consumer/topic_regex.hpp"

/// The rules of ConsumerGroupHeartbeat. First all that can be refused is refused; what follows
/// cannot fail, so that a request changes everything it should or nothing.
namespace millrace::broker {

using protocol::ErrorCode;

namespace {

constexpr std::int32_t kJoins = 0;
constexpr std::int32_t kLeaves = -1;

std::optional<PartitionSets> owned_by(const protocol::ConsumerGroupHeartbeatRequest& request) {
  return request.topic_partitions.transform([](const auto& list) { return sets_of(list); });
}

bool is_given(const std::optional<std::string>& text) {
  return text && !text->empty();
}

/// A member that tells everything does not know what it was told: it joins, or an answer was lost.
bool tells_everything(const protocol::ConsumerGroupHeartbeatRequest& request) {
  return request.rebalance_timeout_ms != -1 &&
         (request.subscribed_topic_names || request.subscribed_topic_regex) &&
         request.topic_partitions;
}

}  // namespace

ConsumerStep ConsumerGroup::heartbeat(const Request& request, const GroupClient& client,
                                      const Moment& at, const TopicDirectory& topics) {
  ConsumerStep step;
  auto refusal = malformed(request);
  if (!refusal) refusal = refused(request);
  if (refusal) {
    step.response.error_code = refusal->error;
    step.response.error_message = std::move(refusal->reason);
  } else if (request.member_epoch < kJoins) {
    leave(request, at, topics, step);
  } else {
    stay(request, client, at, topics, step);
  }
  if (!refusal) note_end(at, topics);
  return step;
}

/// What can be said of the request alone.
std::optional<ConsumerGroup::Refusal> ConsumerGroup::malformed(const Request& request) const {
  const auto invalid = [](std::string reason) {
    return Refusal{ErrorCode::invalid_request, std::move(reason)};
  };
  if (request.member_id.empty()) return invalid("MemberId can't be empty");
  if (request.instance_id && request.instance_id->empty()) {
    return invalid("InstanceId can't be empty");
  }
  if (request.rack_id && request.rack_id->empty()) return invalid("RackId can't be empty");
  if (request.member_epoch < kEpochAway) {
    return invalid("MemberEpoch is " + std::to_string(request.member_epoch) + "; -2 is the least");
  }
  if (request.member_epoch == kEpochAway && !request.instance_id) {
    return invalid("Only a static member leaves for a while: InstanceId can't be null");
  }
  if (request.member_epoch == kJoins) {
    if (request.rebalance_timeout_ms == -1) {
      return invalid("RebalanceTimeoutMs must be there when joining");
    }
    if (!request.topic_partitions || !request.topic_partitions->empty()) {
      return invalid("TopicPartitions must be there and empty when joining");
    }
    const bool by_name = request.subscribed_topic_names && !request.subscribed_topic_names->empty();
    if (!by_name && !is_given(request.subscribed_topic_regex)) {
      return invalid("SubscribedTopicNames or SubscribedTopicRegex must be there when joining");
    }
  }
  if (is_given(request.server_assignor) &&
      std::ranges::find(settings_.assignors, *request.server_assignor) ==
          settings_.assignors.end()) {
    std::string offered;
    for (const auto& name : settings_.assignors) offered += (offered.empty() ? "" : ", ") + name;
    return Refusal{ErrorCode::unsupported_assignor,
                   "There is no such ServerAssignor; group.consumer.assignors has " + offered};
  }
  if (is_given(request.subscribed_topic_regex) &&
      !state_.regexes().contains(*request.subscribed_topic_regex)) {
    const TopicRegex regex{*request.subscribed_topic_regex};
    if (!regex.ok()) {
      return Refusal{ErrorCode::invalid_regular_expression,
                     "SubscribedTopicRegex is no regular expression of RE2: " + regex.problem()};
    }
  }
  return std::nullopt;
}

/// Whether the member may say this now.
std::optional<ConsumerGroup::Refusal> ConsumerGroup::refused(const Request& request) const {
  const bool known = state_.has_member(request.member_id);
  const std::string* const holder =
      request.instance_id ? state_.holder_of(*request.instance_id) : nullptr;
  if (request.member_epoch == kJoins) {
    // A classic member does not say that it goes: whoever comes with its instance id replaces it.
    if (holder != nullptr && *holder != request.member_id && !is_classic(*holder) &&
        state_.progress(*holder).epoch != kEpochAway) {
      return Refusal{ErrorCode::unreleased_instance_id,
                     "The instance id belongs to member " + *holder + ", which has not left"};
    }
    if (!known && holder == nullptr && state_.members().size() >= settings_.members_max) {
      return Refusal{ErrorCode::group_max_size_reached,
                     "The group has " + std::to_string(state_.members().size()) +
                         " members, as many as group.consumer.max.size allows"};
    }
    return std::nullopt;
  }
  if (request.instance_id && holder == nullptr) {
    return Refusal{ErrorCode::unknown_member_id, "No member of the group has this instance id"};
  }
  if (holder != nullptr && *holder != request.member_id) {
    return Refusal{ErrorCode::fenced_instance_id,
                   "The instance id belongs to member " + *holder + " now"};
  }
  if (!known) {
    return Refusal{ErrorCode::unknown_member_id, "The group has no such member; join again"};
  }
  return request.member_epoch < kJoins ? std::nullopt : wrong_epoch(request);
}

std::optional<ConsumerGroup::Refusal> ConsumerGroup::wrong_epoch(const Request& request) const {
  const MemberProgress& progress = state_.progress(request.member_id);
  if (request.member_epoch == progress.epoch) return std::nullopt;
  // The answer that brought the newer epoch may have been lost: then the member has nothing that it
  // should not have.
  const auto owned = owned_by(request);
  if (request.member_epoch < progress.epoch && request.member_epoch == progress.previous_epoch &&
      owned && without(*owned, progress.assigned).empty()) {
    return std::nullopt;
  }
  return Refusal{ErrorCode::fenced_member_epoch,
                 "The member's epoch is " + std::to_string(progress.epoch) +
                     "; it must give up all partitions and join again"};
}

void ConsumerGroup::leave(const Request& request, const Moment& at, const TopicDirectory& topics,
                          ConsumerStep& out) {
  out.response.member_id = request.member_id;
  out.response.member_epoch = request.member_epoch;
  if (request.member_epoch == kLeaves) {
    const auto* const member = state_.subscription(request.member_id);
    note(RebalanceCause::member_left, request.member_id, member, at, topics);
    remove_member(request.member_id, out.changes);
    change(EpochChange{{{state_.epoch() + 1, 0}}}, out.changes);
    return;
  }
  // It keeps its partitions for whoever comes back with its instance id; what it was to give up, it
  // has given up by leaving.
  MemberProgress away = state_.progress(request.member_id);
  away.epoch = kEpochAway;
  away.state = MemberState::stable;
  away.revoking.clear();
  change(ProgressChange{request.member_id, std::move(away)}, out.changes);
  follow(request.member_id, at.now);
}

void ConsumerGroup::stay(const Request& request, const GroupClient& client, const Moment& at,
                         const TopicDirectory& topics, ConsumerStep& out) {
  const std::string& id = request.member_id;
  const bool joins = request.member_epoch == kJoins;
  const std::string* const holder =
      request.instance_id ? state_.holder_of(*request.instance_id) : nullptr;
  if (joins && holder != nullptr && *holder != id) replace_member(*holder, id, out.changes);

  const bool subscriptions_changed =
      subscribe(id, asked(request, client), at, topics, {}, out.changes);
  look_at_topics(subscriptions_changed, at, topics, out.changes);
  if (state_.epoch() > state_.target_epoch() && !target_due_in(at.wall)) {
    make_target(at, topics, out.changes);
  }

  // Whoever joins has nothing, even if we know better: its process may be a new one.
  const MemberProgress from = joins ? MemberProgress{} : state_.progress(id);
  const PartitionSets had = from.assigned;
  MemberProgress next = reconcile(state_, id, from, state_.target(id), owned_by(request));
  if (next != state_.progress(id)) change(ProgressChange{id, std::move(next)}, out.changes);

  joins_due_.erase(id);
  syncs_due_.erase(id);
  start_session(id, at.now);
  follow(id, at.now);
  answer(request, had, at, out.response);
}

void ConsumerGroup::answer(const Request& request, const PartitionSets& had, const Moment& at,
                           Response& response) const {
  const MemberProgress& progress = state_.progress(request.member_id);
  response.member_id = request.member_id;
  response.member_epoch = progress.epoch;
  auto interval = times_.heartbeat_interval;
  // Who waits for the next target is asked to come back when it may be made.
  if (state_.epoch() > state_.target_epoch()) {
    interval = std::min(interval, target_due_in(at.wall).value_or(interval));
  }
  response.heartbeat_interval_ms = static_cast<std::int32_t>(interval.count());
  if (request.member_epoch != kJoins && !tells_everything(request) && progress.assigned == had) {
    return;
  }
  using List = decltype(Response::Assignment::topic_partitions);
  response.assignment.emplace().topic_partitions = listed<List>(progress.assigned);
}

}  // namespace millrace::broker
