#include "broker/group/consumer/state.hpp"

#include <algorithm>

namespace millrace::broker {

namespace {

/// No value deletes.
template <class Map, class Value>
void put(Map& map, const std::string& key, const std::optional<Value>& value) {
  if (value) {
    map.insert_or_assign(key, *value);
  } else {
    map.erase(key);
  }
}

template <class Map>
const typename Map::mapped_type* look_up(const Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

void ConsumerGroupState::apply(const ConsumerChange& change) {
  std::visit([this](const auto& each) { replay(each); }, change);
}

void ConsumerGroupState::replay(const EpochChange& change) {
  group_ = change.value;
}

void ConsumerGroupState::replay(const SubscriptionChange& change) {
  if (const auto* const before = subscription(change.member);
      before != nullptr && before->instance_id) {
    const auto holder = holders_.find(*before->instance_id);
    if (holder != holders_.end() && holder->second == change.member) holders_.erase(holder);
  }
  put(members_, change.member, change.value);
  if (change.value && change.value->instance_id) {
    holders_[*change.value->instance_id] = change.member;
  }
}

void ConsumerGroupState::replay(const TargetEpochChange& change) {
  target_group_ = change.value;
}

void ConsumerGroupState::replay(const TargetChange& change) {
  put(targets_, change.member, change.value);
}

void ConsumerGroupState::replay(const ProgressChange& change) {
  if (const auto* const before = look_up(progress_, change.member); before != nullptr) {
    disown(before->assigned, change.member);
    disown(before->revoking, change.member);
  }
  put(progress_, change.member, change.value);
  if (!change.value) return;
  own(change.value->assigned, change.member);
  own(change.value->revoking, change.member);
}

void ConsumerGroupState::replay(const RegexChange& change) {
  put(regexes_, change.regex, change.value);
}

/// Only what is still its own: in a compacted log the one who got a partition may come before the
/// one who gave it up.
void ConsumerGroupState::disown(const PartitionSets& sets, const std::string& member) {
  for (const auto& [topic, partitions] : sets) {
    const auto owners = owners_.find(topic);
    if (owners == owners_.end()) continue;
    for (const std::int32_t partition : partitions) {
      const auto owner = owners->second.find(partition);
      if (owner != owners->second.end() && owner->second == member) owners->second.erase(owner);
    }
    if (owners->second.empty()) owners_.erase(owners);
  }
}

void ConsumerGroupState::own(const PartitionSets& sets, const std::string& member) {
  for (const auto& [topic, partitions] : sets) {
    auto& owners = owners_[topic];
    for (const std::int32_t partition : partitions) owners.insert_or_assign(partition, member);
  }
}

bool ConsumerGroupState::empty() const {
  return !group_ && !target_group_ && members_.empty() && targets_.empty() && progress_.empty() &&
         regexes_.empty();
}

std::vector<ConsumerChange> ConsumerGroupState::tombstones() const {
  std::vector<ConsumerChange> all;
  for (const auto& [id, progress] : progress_) all.emplace_back(ProgressChange{id, {}});
  for (const auto& [id, target] : targets_) all.emplace_back(TargetChange{id, {}});
  for (const auto& [id, member] : members_) all.emplace_back(SubscriptionChange{id, {}});
  for (const auto& [regex, topics] : regexes_) all.emplace_back(RegexChange{regex, {}});
  if (target_group_) all.emplace_back(TargetEpochChange{});
  if (group_) all.emplace_back(EpochChange{});
  return all;
}

std::optional<Timestamp> ConsumerGroupState::target_made_at() const {
  if (!target_group_ || target_group_->assignment_timestamp <= 0) return std::nullopt;
  return Timestamp{target_group_->assignment_timestamp};
}

const MemberSubscription* ConsumerGroupState::subscription(std::string_view id) const {
  return look_up(members_, id);
}

const MemberProgress& ConsumerGroupState::progress(std::string_view id) const {
  static const MemberProgress kNone;
  const auto* const found = look_up(progress_, id);
  return found == nullptr ? kNone : *found;
}

const PartitionSets& ConsumerGroupState::target(std::string_view id) const {
  static const PartitionSets kNone;
  const auto* const found = look_up(targets_, id);
  return found == nullptr ? kNone : *found;
}

const std::string* ConsumerGroupState::holder_of(std::string_view instance_id) const {
  return look_up(holders_, instance_id);
}

const std::string* ConsumerGroupState::owner_of(const TopicId& topic,
                                                std::int32_t partition) const {
  const auto owners = owners_.find(topic);
  if (owners == owners_.end()) return nullptr;
  const auto owner = owners->second.find(partition);
  return owner == owners->second.end() ? nullptr : &owner->second;
}

bool ConsumerGroupState::uses_regex(std::string_view regex) const {
  return std::ranges::any_of(
      members_, [&](const auto& item) { return item.second.subscribed_topic_regex == regex; });
}

std::set<std::string> ConsumerGroupState::topics_of(const MemberSubscription& member) const {
  std::set<std::string> topics{member.subscribed_topic_names.begin(),
                               member.subscribed_topic_names.end()};
  if (!member.subscribed_topic_regex) return topics;
  if (const auto* const regex = look_up(regexes_, *member.subscribed_topic_regex)) {
    topics.insert(regex->topics.begin(), regex->topics.end());
  }
  return topics;
}

std::set<std::string> ConsumerGroupState::topics_of_all() const {
  std::set<std::string> topics;
  for (const auto& [id, member] : members_) {
    topics.insert(member.subscribed_topic_names.begin(), member.subscribed_topic_names.end());
  }
  for (const auto& [regex, resolved] : regexes_) {
    topics.insert(resolved.topics.begin(), resolved.topics.end());
  }
  return topics;
}

std::string_view ConsumerGroupState::phase() const {
  if (members_.empty()) return "Empty";
  if (epoch() > target_epoch()) return "Assigning";
  const bool settled = std::ranges::all_of(members_, [&](const auto& item) {
    const auto& at = progress(item.first);
    return at.state == MemberState::stable && at.epoch == target_epoch();
  });
  return settled ? "Stable" : "Reconciling";
}

}  // namespace millrace::broker
