#include "clients/heartbeat_membership.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

constexpr std::int32_t kJoins = 0;
constexpr std::int32_t kLeaves = -1;
constexpr std::int32_t kLeavesForAWhile = -2;

IdPartitions without(const IdPartitions& from, const IdPartitions& what) {
  IdPartitions rest;
  std::ranges::set_difference(from, what, std::inserter(rest, rest.end()));
  return rest;
}

std::vector<HeartbeatMembership::Request::TopicPartitions> listed(const IdPartitions& partitions) {
  std::vector<HeartbeatMembership::Request::TopicPartitions> list;
  for (const auto& at : partitions) {
    if (list.empty() || list.back().topic_id != at.topic) list.emplace_back().topic_id = at.topic;
    list.back().partitions.push_back(at.partition.value);
  }
  return list;
}

IdPartitions set_of(const HeartbeatMembership::Response::Assignment& assignment) {
  IdPartitions partitions;
  for (const auto& topic : assignment.topic_partitions) {
    for (const auto index : topic.partitions) {
      partitions.insert({topic.topic_id, PartitionIndex{index}});
    }
  }
  return partitions;
}

}  // namespace

void HeartbeatMembership::subscribe(GroupTopics topics, Instant now) {
  if (topics == topics_) return;
  topics_ = std::move(topics);
  hurry(now);
}

std::optional<std::int32_t> HeartbeatMembership::epoch() const {
  return epoch_ == kJoins ? std::nullopt : epoch_;
}

void HeartbeatMembership::join(Instant now) {
  epoch_ = kJoins;
  told_.reset();
  target_.clear();
  due_ = now;
}

std::optional<Instant> HeartbeatMembership::due() const {
  return epoch_ && !in_flight_ ? due_ : std::nullopt;
}

void HeartbeatMembership::hurry(Instant now) {
  if (due_) due_ = std::min(*due_, now);
}

HeartbeatMembership::Request HeartbeatMembership::heartbeat() {
  in_flight_ = true;
  // What becomes due meanwhile is told by the one after.
  due_ = Instant::max();
  telling_ = {.topics = topics_, .owned = held()};
  Request request{.group_id = group_,
                  .member_id = id_,
                  .member_epoch = epoch_.value_or(kJoins),
                  .instance_id = options_.group_instance_id};
  const bool all = !told_;
  if (all) {
    request.rebalance_timeout_ms = static_cast<std::int32_t>(options_.poll_interval_max.count());
    if (!options_.rack.empty()) request.rack_id = options_.rack;
    if (!options_.remote_assignor.empty()) request.server_assignor = options_.remote_assignor;
  }
  if (all || topics_ != told_->topics) {
    request.subscribed_topic_names = topics_.names;
    // Older brokers have no room for an expression, so it is left out until there is one; later an
    // empty one takes back what was said before.
    had_pattern_ |= !topics_.pattern.empty();
    if (had_pattern_) request.subscribed_topic_regex = topics_.pattern;
  }
  if (all || owes_owned_ || telling_.owned != told_->owned)
    request.topic_partitions = listed(telling_.owned);
  return request;
}

HeartbeatMembership::Answer HeartbeatMembership::answered(const Response& response, Instant now) {
  if (!std::exchange(in_flight_, false) || !epoch_) return {};  // it has left meanwhile
  if (response.error_code != ErrorCode::none) return refused(response);
  // What was owed and told; should owned have changed since, `due_` says so already.
  const bool was_told_owned = held() == telling_.owned;
  told_ = std::move(telling_);
  if (was_told_owned) owes_owned_ = false;
  if (response.member_id && !response.member_id->empty()) id_ = *response.member_id;
  if (epoch_ != response.member_epoch) ++version_;
  epoch_ = response.member_epoch;
  interval_ = std::chrono::milliseconds{response.heartbeat_interval_ms};
  if (interval_ <= std::chrono::milliseconds{0}) interval_ = options_.heartbeat_interval;
  due_ = std::min(due_.value_or(Instant::max()), now + interval_);
  if (!response.assignment) return {};
  auto target = set_of(*response.assignment);
  if (target != target_) {
    target_ = std::move(target);
    ++version_;
    owes_owned_ = true;
  }
  if (owes_owned_ && owned_ == target_) hurry(now);
  return {};
}

HeartbeatMembership::Answer HeartbeatMembership::refused(const Response& response) {
  told_.reset();
  const bool joining = epoch_ == kJoins;
  const auto error = [&] {
    return rejected(response.error_code, fmt::format("ConsumerGroupHeartbeat for group {}", group_),
                    response.error_message.value_or(""));
  };
  switch (response.error_code) {
    case ErrorCode::not_coordinator:
    case ErrorCode::coordinator_not_available:
      return {After::find_coordinator, {}};
    case ErrorCode::coordinator_load_in_progress:
      return {After::retry, {}};
    case ErrorCode::unreleased_instance_id: {
      // The one that had the instance id has crashed, or runs still: the session's end tells.
      auto held = error();
      held.retriable = true;
      return {After::retry, std::move(held)};
    }
    case ErrorCode::fenced_member_epoch:
    case ErrorCode::unknown_member_id:
      lose();
      return {After::lost, {}};
    case ErrorCode::group_id_not_found:
      // A member's group was deleted, or is of the classic protocol again: it may be founded anew.
      lose();
      if (!joining) return {After::lost, {}};
      return {After::refused, error()};
    case ErrorCode::fenced_instance_id: {
      lose();
      auto fenced = error();
      fenced.code = Errc::fenced;
      fenced.message = fmt::format("another consumer has joined group {} as instance {}; stop one",
                                   group_, options_.group_instance_id.value_or(""));
      return {After::refused, std::move(fenced)};
    }
    default:
      if (protocol::is_retriable(response.error_code)) return {After::retry, {}};
      lose();
      return {After::refused, error()};
  }
}

void HeartbeatMembership::unanswered() {
  in_flight_ = false;
  told_.reset();
}

void HeartbeatMembership::lose() {
  epoch_.reset();
  due_.reset();
  told_.reset();
  target_.clear();
  owes_owned_ = false;
  in_flight_ = false;
  lost_ = true;
  ++version_;
}

IdPartitions HeartbeatMembership::to_give_up() const {
  return lost_ ? owned_ : without(owned_, target_);
}

IdPartitions HeartbeatMembership::to_take() const {
  if (lost_ || !to_give_up().empty()) return {};
  return without(target_, owned_);
}

IdPartitions HeartbeatMembership::held() const {
  IdPartitions all = owned_;
  all.insert(target_.begin(), target_.end());
  return all;
}

void HeartbeatMembership::gave_up(const IdPartitions& partitions, Instant now) {
  owned_ = without(owned_, partitions);
  if (owned_.empty()) lost_ = false;
  hurry(now);  // others wait for them
}

void HeartbeatMembership::took(const IdPartitions& partitions, Instant now) {
  owned_.insert(partitions.begin(), partitions.end());
  hurry(now);
}

HeartbeatMembership::Request HeartbeatMembership::leave() {
  Request request{.group_id = group_,
                  .member_id = id_,
                  .member_epoch = options_.group_instance_id ? kLeavesForAWhile : kLeaves,
                  .instance_id = options_.group_instance_id};
  lose();
  return request;
}

}  // namespace millrace::clients
