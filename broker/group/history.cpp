#include "broker/group/history.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

#include "protocol/base/ensure.hpp"

namespace millrace::broker {

namespace {

std::int32_t count_of(const NamedPartitions& partitions) {
  std::size_t count = 0;
  for (const auto& [topic, indexes] : partitions) count += indexes.size();
  return static_cast<std::int32_t>(count);
}

using Owners = std::map<std::pair<std::string_view, std::int32_t>, std::string_view>;

Owners owners_in(const Ownership& ownership) {
  Owners owners;
  for (const auto& [member, partitions] : ownership) {
    for (const auto& [topic, indexes] : partitions) {
      for (const std::int32_t index : indexes) owners[{topic, index}] = member;
    }
  }
  return owners;
}

/// Takes what there is room for; the others are counted.
void add_share(Rebalance& to, MemberShare share) {
  if (to.shares.size() < kSharesMax) {
    share.member = cut_for_history(share.member);
    to.shares.push_back(std::move(share));
  } else {
    ++to.shares_left_out;
  }
}

void compare_shares(const Ownership& before, const Ownership& after, Rebalance& to) {
  std::map<std::string_view, MemberShare> shares;
  for (const auto& [member, partitions] : before) shares[member].before = count_of(partitions);
  for (const auto& [member, partitions] : after) shares[member].after = count_of(partitions);
  // What has changed is what one looks for, should there not be room for all.
  for (const bool changed : {true, false}) {
    for (const auto& [member, share] : shares) {
      if ((share.before != share.after) != changed) continue;
      add_share(to, {std::string{member}, share.before, share.after});
    }
  }
}

void compare_owners(const Ownership& before, const Ownership& after, Rebalance& to) {
  std::map<std::pair<std::string_view, std::int32_t>, std::pair<std::string_view, std::string_view>>
      hands;
  for (const auto& [partition, owner] : owners_in(before)) hands[partition].first = owner;
  for (const auto& [partition, owner] : owners_in(after)) hands[partition].second = owner;
  for (const auto& [partition, from_to] : hands) {
    if (from_to.first == from_to.second) continue;
    if (to.moved.size() == kMovedMax) {
      ++to.moved_left_out;
      continue;
    }
    to.moved.push_back({.topic = std::string{partition.first},
                        .partition = partition.second,
                        .from = cut_for_history(from_to.first),
                        .to = cut_for_history(from_to.second)});
  }
}

}  // namespace

std::string_view to_string(RebalanceCause cause) {
  switch (cause) {
    case RebalanceCause::member_joined:
      return "member_joined";
    case RebalanceCause::member_left:
      return "member_left";
    case RebalanceCause::session_expired:
      return "session_expired";
    case RebalanceCause::join_missed:
      return "join_missed";
    case RebalanceCause::sync_missed:
      return "sync_missed";
    case RebalanceCause::revoke_missed:
      return "revoke_missed";
    case RebalanceCause::subscription_changed:
      return "subscription_changed";
    case RebalanceCause::member_rejoined:
      return "member_rejoined";
    case RebalanceCause::leader_rejoined:
      return "leader_rejoined";
    case RebalanceCause::topics_changed:
      return "topics_changed";
    case RebalanceCause::protocol_changed:
      return "protocol_changed";
    case RebalanceCause::over_size:
      return "over_size";
    case RebalanceCause::write_failed:
      return "write_failed";
  }
  return "";
}

std::ostream& operator<<(std::ostream& out, RebalanceCause cause) {
  return out << to_string(cause);
}

std::string cut_for_history(std::string_view text) {
  if (text.size() <= kHistoryTextBytesMax) return std::string{text};
  std::size_t end = kHistoryTextBytesMax;
  constexpr unsigned char kTopBits = 0xc0;
  constexpr unsigned char kContinues = 0x80;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & kTopBits) == kContinues) --end;
  return std::string{text.substr(0, end)};
}

// Recorder ------------------------------------------------------------------------------------

void RebalanceRecorder::begin(Timestamp wall, Instant now, std::int32_t epoch, Ownership before) {
  running_.emplace();
  running_->began = wall;
  running_->epoch_before = running_->epoch_after = epoch;
  running_->members_before = static_cast<std::int32_t>(before.size());
  began_ = now;
  before_ = std::move(before);
}

void RebalanceRecorder::add(RebalanceTrigger trigger) {
  ENSURE(running_);
  if (running_->triggers.size() == kTriggersMax) {
    ++running_->triggers_left_out;
    return;
  }
  trigger.member_id = cut_for_history(trigger.member_id);
  if (trigger.instance_id) trigger.instance_id = cut_for_history(*trigger.instance_id);
  trigger.client_id = cut_for_history(trigger.client_id);
  trigger.host = cut_for_history(trigger.host);
  trigger.reason = cut_for_history(trigger.reason);
  running_->triggers.push_back(std::move(trigger));
}

void RebalanceRecorder::finish(const Moment& at, bool consumer, std::string_view state,
                               std::int32_t epoch, const Ownership& after) {
  if (!running_) return;
  running_->members_after = static_cast<std::int32_t>(after.size());
  compare_shares(before_, after, *running_);
  compare_owners(before_, after, *running_);
  end(at, consumer, state, epoch);
}

void RebalanceRecorder::taken_back(const Moment& at, bool consumer, std::int32_t epoch) {
  RebalanceTrigger failure;
  failure.cause = RebalanceCause::write_failed;
  failure.at = at.wall;
  trigger(std::move(failure), at.now, epoch, [] { return Ownership{}; });
  running_->members_after = running_->members_before;
  end(at, consumer, {}, epoch);
}

void RebalanceRecorder::end(const Moment& at, bool consumer, std::string_view state,
                            std::int32_t epoch) {
  running_->took = std::chrono::duration_cast<std::chrono::milliseconds>(at.now - began_);
  running_->consumer = consumer;
  running_->state = state;
  running_->epoch_after = epoch;
  finished_.push_back(*std::exchange(running_, std::nullopt));
  before_.clear();
}

std::vector<Rebalance> RebalanceRecorder::take_finished() {
  return std::exchange(finished_, {});
}

// Archive -------------------------------------------------------------------------------------

void RebalanceArchive::add(const std::string& group, Rebalance rebalance) {
  const auto entries = groups_.try_emplace(group).first;
  bytes_ += bytes_of(rebalance);
  entries->second.rebalances.push_back(std::move(rebalance));
  entries->second.numbers.push_back(next_);
  order_.emplace(next_++, group);
  if (entries->second.rebalances.size() > kRebalancesMax) drop_oldest_of(entries);
  while (bytes_ > bytes_max_ && !order_.empty()) {
    drop_oldest_of(groups_.find(order_.begin()->second));
  }
}

void RebalanceArchive::drop_oldest_of(std::map<std::string, Entries, std::less<>>::iterator group) {
  ENSURE(group != groups_.end());
  auto& [rebalances, numbers] = group->second;
  bytes_ -= bytes_of(rebalances.front());
  order_.erase(numbers.front());
  rebalances.pop_front();
  numbers.pop_front();
  if (rebalances.empty()) groups_.erase(group);
}

const std::deque<Rebalance>* RebalanceArchive::of(std::string_view group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second.rebalances;
}

std::size_t bytes_of(const Rebalance& rebalance) {
  std::size_t bytes = sizeof(Rebalance) + rebalance.state.size();
  for (const auto& each : rebalance.triggers) {
    bytes += sizeof each + each.member_id.size() + each.client_id.size() + each.host.size() +
             each.reason.size() + (each.instance_id ? each.instance_id->size() : 0);
  }
  for (const auto& each : rebalance.shares) bytes += sizeof each + each.member.size();
  for (const auto& each : rebalance.moved) {
    bytes += sizeof each + each.topic.size() + each.from.size() + each.to.size();
  }
  return bytes;
}

}  // namespace millrace::broker
