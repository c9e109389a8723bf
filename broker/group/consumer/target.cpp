#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "broker/group/consumer/assignor.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/topic_regex.hpp"
#include "protocol/base/ensure.hpp"

/// From subscriptions and topics to the target: who asked for what, which topics that means, and
/// what each member is to have.
namespace millrace::broker {

namespace {

/// Topics come and go in bursts; a group looks at them again at most this often.
constexpr std::chrono::milliseconds kTopicsInterval{1'000};

/// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) add(static_cast<std::uint8_t>(c));
    add(0xff);  // not in UTF-8: ends the text
  }
  void add(std::int32_t number) {
    for (int shift = 0; shift < 32; shift += 8) add(static_cast<std::uint8_t>(number >> shift));
  }
  void add(const TopicId& id) {
    for (const std::uint8_t byte : id.bytes) add(byte);
  }
  [[nodiscard]] std::int64_t value() const {
    // 0 means that the topics are not known.
    return hash_ == 0 ? 1 : static_cast<std::int64_t>(hash_);
  }

 private:
  void add(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }

  std::uint64_t hash_ = 0xcbf29ce484222325;
};

/// Whether anything that an assignment depends on has changed; topics that do not exist count as
/// nothing.
std::int64_t hash_of(const std::set<std::string>& names, const TopicDirectory& topics) {
  Hash hash;
  for (const auto& name : names) {
    const auto topic = topics.shape_of(name);
    if (!topic) continue;
    hash.add(std::string_view{name});
    hash.add(topic->id);
    hash.add(topic->partitions);
    for (const auto& racks : topic->racks) {
      hash.add(static_cast<std::int32_t>(racks.size()));
      for (const auto& rack : racks) hash.add(std::string_view{rack});
    }
  }
  return hash.value();
}

std::vector<std::string> in_order(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto doubles = std::ranges::unique(names);
  names.erase(doubles.begin(), doubles.end());
  return names;
}

/// An empty text takes back what was given before.
void take_over(const std::optional<std::string>& given, std::optional<std::string>& into) {
  if (given) into = given->empty() ? std::nullopt : given;
}

}  // namespace

std::string preferred_assignor(const ConsumerGroupState& state,
                               const ConsumerGroupSettings& settings) {
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, member] : state.members()) {
    if (member.server_assignor) ++votes[*member.server_assignor];
  }
  const std::string* best = &settings.assignors.front();
  for (const auto& name : settings.assignors) {
    if (votes[name] > votes[*best]) best = &name;
  }
  return *best;
}

void ConsumerGroup::replace_member(const std::string& old_id, const std::string& new_id,
                                   std::vector<ConsumerChange>& out) {
  const std::string gone = old_id;  // the argument may live in what is removed
  const MemberSubscription subscription = *state_.subscription(gone);
  const PartitionSets target = state_.target(gone);
  change(ProgressChange{gone, {}}, out);
  change(TargetChange{gone, {}}, out);
  change(SubscriptionChange{gone, {}}, out);
  forget_deadlines(gone);
  change(SubscriptionChange{new_id, subscription}, out);
  change(TargetChange{new_id, target}, out);
}

MemberSubscription ConsumerGroup::asked(const Request& request, const GroupClient& client) const {
  const auto* const known = state_.subscription(request.member_id);
  MemberSubscription after = known == nullptr ? MemberSubscription{} : *known;
  after.client_id = client.client_id;
  after.client_host = client.host;
  if (request.instance_id) after.instance_id = request.instance_id;
  if (request.rack_id) after.rack_id = request.rack_id;
  if (request.rebalance_timeout_ms != -1) after.rebalance_timeout_ms = request.rebalance_timeout_ms;
  take_over(request.server_assignor, after.server_assignor);
  take_over(request.subscribed_topic_regex, after.subscribed_topic_regex);
  if (request.subscribed_topic_names)
    after.subscribed_topic_names = *request.subscribed_topic_names;
  after.classic_member_metadata.reset();
  return after;
}

bool ConsumerGroup::subscribe(const std::string& member, MemberSubscription after, const Moment& at,
                              const TopicDirectory& topics, std::string_view reason,
                              std::vector<ConsumerChange>& out) {
  const auto* const known = state_.subscription(member);
  const MemberSubscription before = known == nullptr ? MemberSubscription{} : *known;
  after.subscribed_topic_names = in_order(std::move(after.subscribed_topic_names));
  if (known != nullptr && after == before) return false;
  const bool other_names = before.subscribed_topic_names != after.subscribed_topic_names;
  const bool other_regex = before.subscribed_topic_regex != after.subscribed_topic_regex;
  const bool is_new = known == nullptr;
  const bool changed = is_new || other_names || other_regex;
  if (changed) {
    note(is_new ? RebalanceCause::member_joined : RebalanceCause::subscription_changed, member,
         &after, at, topics, reason);
  }
  change(SubscriptionChange{member, std::move(after)}, out);
  if (other_regex) drop_unused_regex(before.subscribed_topic_regex, out);
  return changed;
}

/// Moves the group epoch on when members want something else, or when what they want has changed.
void ConsumerGroup::look_at_topics(bool subscriptions_changed, const Moment& at,
                                   const TopicDirectory& topics, std::vector<ConsumerChange>& out) {
  const bool unseen = topics_seen_ != topics.revision() && at.now >= next_look_at_topics_;
  if (!subscriptions_changed && !unseen && state_.topics_hash() != 0) return;
  resolve_regexes(unseen, at, topics, out);
  if (unseen) {
    topics_seen_ = topics.revision();
    next_look_at_topics_ = at.now + kTopicsInterval;
  }
  const std::int64_t hash = hash_of(state_.topics_of_all(), topics);
  if (!subscriptions_changed && hash == state_.topics_hash()) return;
  // An epoch that no target was made for yet, and that was made without a view of the topics, takes
  // it in.
  if (!subscriptions_changed && state_.topics_hash() != 0) {
    note(RebalanceCause::topics_changed, {}, nullptr, at, topics);
  }
  const bool same_epoch =
      !subscriptions_changed && state_.topics_hash() == 0 && state_.epoch() > state_.target_epoch();
  change(EpochChange{{{state_.epoch() + (same_epoch ? 0 : 1), hash}}}, out);
}

/// Those that are not resolved yet; `all`: those of older topics too.
void ConsumerGroup::resolve_regexes(bool all, const Moment& at, const TopicDirectory& topics,
                                    std::vector<ConsumerChange>& out) {
  std::set<std::string> expressions;
  for (const auto& [id, member] : state_.members()) {
    if (!member.subscribed_topic_regex) continue;
    const bool known = state_.regexes().contains(*member.subscribed_topic_regex);
    if (all || !known) expressions.insert(*member.subscribed_topic_regex);
  }
  for (const auto& expression : expressions) {
    const TopicRegex regex{expression};
    if (!regex.ok()) continue;  // written by somebody with another idea of what is one
    ResolvedRegex resolved;
    topics.for_each_public_topic([&](std::string_view name) {
      if (regex.matches(name)) resolved.topics.emplace_back(name);
    });
    resolved.timestamp = at.wall.value;
    const auto known = state_.regexes().find(expression);
    if (known != state_.regexes().end()) {
      if (known->second.topics == resolved.topics) continue;
      resolved.version = known->second.version + 1;
    }
    change(RegexChange{expression, std::move(resolved)}, out);
  }
}

std::optional<std::chrono::milliseconds> ConsumerGroup::target_due_in(Timestamp wall) const {
  const auto made = state_.target_made_at();
  if (!made) return std::nullopt;
  const auto age = wall - *made;
  // A clock that was set back does not hold up a group.
  if (age.count() < 0 || age >= times_.assignment_interval) return std::nullopt;
  return times_.assignment_interval - age;
}

void ConsumerGroup::make_target(const Moment& at, const TopicDirectory& topics,
                                std::vector<ConsumerChange>& out) {
  AssignorInput input;
  std::map<std::string, std::optional<TopicShape>, std::less<>> shapes;
  for (const auto& name : state_.topics_of_all()) shapes.emplace(name, topics.shape_of(name));
  for (const auto& [id, subscription] : state_.members()) {
    auto& member = input.members.emplace_back();
    member.id = id;
    member.instance_id = subscription.instance_id;
    member.rack = subscription.rack_id;
    member.current = &state_.target(id);
    for (const auto& name : state_.topics_of(subscription)) {
      const auto shape = shapes.find(name);
      if (shape == shapes.end() || !shape->second) continue;
      member.topics.push_back(shape->second->id);
      input.topics.try_emplace(shape->second->id,
                               AssignorTopic{shape->second->partitions, shape->second->racks});
    }
    std::ranges::sort(member.topics);
  }
  const Assignor assign = find_assignor(preferred_assignor(state_, settings_));
  ENSURE(assign != nullptr);
  GroupTarget target = assign(input);
  for (auto& [id, partitions] : target) {
    if (partitions != state_.target(id)) change(TargetChange{id, std::move(partitions)}, out);
  }
  change(TargetEpochChange{{{state_.epoch(), at.wall.value}}}, out);
}

}  // namespace millrace::broker
