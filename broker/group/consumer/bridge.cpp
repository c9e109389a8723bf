#include "broker/group/consumer/bridge.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "broker/group/subscription.hpp"

namespace millrace::broker {

namespace {

/// A member of a classic group as it can be read.
struct Readable {
  const GroupMember* member;
  ClassicSubscription wanted;
  PartitionSets given;  // by the leader of this generation
  PartitionSets held;
};

std::optional<Readable> read(const ClassicGroup& group, const GroupMember& member,
                             const TopicDirectory& topics) {
  const auto& metadata = member.supports(group.protocol()) ? member.metadata(group.protocol())
                                                           : member.protocols.front().metadata;
  auto wanted = decode_subscription(metadata, topics);
  if (!wanted) return std::nullopt;
  Readable readable{&member, *std::move(wanted), {}, {}};
  if (member.assignment.empty()) return readable;
  auto given = decode_assignment(member.assignment, topics);
  if (!given) return std::nullopt;
  readable.given = *std::move(given);
  return readable;
}

using Taken = std::set<std::pair<TopicId, std::int32_t>>;

/// A leader is a client, and may have given a partition to two.
void hold(PartitionSets& held, const PartitionSets& sets, Taken& taken) {
  for (const auto& [topic, partitions] : sets) {
    for (const std::int32_t partition : partitions) {
      if (taken.emplace(topic, partition).second) add(held, topic, partition);
    }
  }
}

/// The first of a member's protocols that all members have.
std::string common_protocol(const ConsumerGroupState& state) {
  const auto& first = state.members().begin()->second.classic_member_metadata->supported_protocols;
  for (const auto& candidate : first) {
    const bool all = std::ranges::all_of(state.members(), [&](const auto& item) {
      return std::ranges::any_of(item.second.classic_member_metadata->supported_protocols,
                                 [&](const auto& p) { return p.name == candidate.name; });
    });
    if (all) return candidate.name;
  }
  return {};
}

}  // namespace

std::optional<std::vector<ConsumerChange>> upgraded(const ClassicGroup& group,
                                                    const TopicDirectory& topics) {
  std::vector<Readable> members;
  Taken taken;
  for (const auto& [id, member] : group.members()) {
    auto readable = read(group, member, topics);
    if (!readable) return std::nullopt;
    hold(readable->held, readable->given, taken);
    members.push_back(*std::move(readable));
  }
  // A cooperative member may not have heard yet of what it was to give up: until it says so, what
  // it had when it joined is not free.
  for (auto& each : members) hold(each.held, each.wanted.owned, taken);

  std::vector<ConsumerChange> changes;
  const std::int32_t epoch = group.generation();
  for (auto& [known, wanted, given, held] : members) {
    const GroupMember& member = *known;
    const std::string& id = member.id;
    MemberSubscription subscription;
    subscription.instance_id = member.instance_id;
    subscription.rack_id = wanted.rack;
    subscription.client_id = member.client_id;
    subscription.client_host = member.client_host;
    // As a join is kept, or the member's next one would look like a change.
    subscription.subscribed_topic_names = wanted.topics;
    std::ranges::sort(subscription.subscribed_topic_names);
    const auto doubles = std::ranges::unique(subscription.subscribed_topic_names);
    subscription.subscribed_topic_names.erase(doubles.begin(), doubles.end());
    subscription.rebalance_timeout_ms = static_cast<std::int32_t>(member.rebalance_timeout.count());
    MemberSubscription::ClassicMemberMetadata classic;
    classic.session_timeout_ms = static_cast<std::int32_t>(member.session_timeout.count());
    for (const auto& each : member.protocols) {
      classic.supported_protocols.push_back({each.name, each.metadata});
    }
    subscription.classic_member_metadata = std::move(classic);
    changes.emplace_back(SubscriptionChange{id, std::move(subscription)});
    changes.emplace_back(TargetChange{id, held});
    changes.emplace_back(ProgressChange{id, MemberProgress{.epoch = epoch,
                                                           .previous_epoch = epoch,
                                                           .state = MemberState::stable,
                                                           .assigned = held,
                                                           .revoking = {}}});
  }
  changes.emplace_back(EpochChange{{{epoch, 0}}});
  changes.emplace_back(TargetEpochChange{{{epoch, 0}}});
  return changes;
}

Downgraded downgraded(const ConsumerGroupState& state, Timestamp wall,
                      const TopicDirectory& topics) {
  Downgraded group;
  auto& value = group.value;
  value.protocol_type = "consumer";
  // What most members are in, not what their next step would be: they are sent to join again by it
  // rather than fenced.
  value.generation = state.target_epoch();
  value.protocol = common_protocol(state);
  value.current_state_timestamp = wall.value;
  for (const auto& [id, member] : state.members()) {
    const auto& classic = *member.classic_member_metadata;
    auto& protocols = group.protocols[id];
    for (const auto& each : classic.supported_protocols) {
      protocols.push_back({each.name, each.metadata});
    }
    const auto chosen = std::ranges::find(protocols, *value.protocol, &GroupMember::Protocol::name);
    const SharedBytes metadata = chosen == protocols.end() ? SharedBytes{} : chosen->metadata;
    const auto wanted = decode_subscription(metadata, topics);
    value.members.push_back(
        {.member_id = id,
         .group_instance_id = member.instance_id,
         .client_id = member.client_id,
         .client_host = member.client_host,
         .rebalance_timeout = member.rebalance_timeout_ms,
         .session_timeout = classic.session_timeout_ms,
         .subscription = metadata,
         .assignment =
             encode_assignment(state.progress(id).assigned, wanted ? wanted->version : 0, topics)});
  }
  return group;
}

}  // namespace millrace::broker
