#include <algorithm>
#include <cctype>
#include <utility>

#include "broker/group/coordinator.hpp"

/// Read-only answers: committed offsets, descriptions, lists.
namespace millrace::broker {

using protocol::ErrorCode;
using protocol::OffsetFetchRequest;
using protocol::OffsetFetchResponse;
using FetchGroup = OffsetFetchRequest::OffsetFetchRequestGroup;
using FetchedGroup = OffsetFetchResponse::OffsetFetchResponseGroup;
using FetchedTopic = FetchedGroup::OffsetFetchResponseTopics;
using FetchedPartition = FetchedTopic::OffsetFetchResponsePartitions;

namespace {

constexpr std::int16_t kTopicIdsFrom = 10;
constexpr std::int16_t kUnknownGroupIsErrorFrom = 6;
constexpr std::string_view kClassicType = "classic";
constexpr std::string_view kConsumerType = "consumer";
constexpr std::string_view kDeadState = "Dead";

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool passes(const std::vector<std::string>& filter, std::string_view name) {
  return filter.empty() || std::ranges::any_of(filter, [&](const auto& wanted) {
           return equal_ignoring_case(wanted, name);
         });
}

FetchedPartition nothing_committed(std::int32_t index, ErrorCode error) {
  FetchedPartition partition;
  partition.partition_index = index;
  partition.committed_offset = -1;
  partition.error_code = error;
  return partition;
}

/// A topic may have been deleted and made again under its name; what was committed for the former
/// says nothing about the latter.
bool is_of(const CommittedOffset& offset, const std::optional<TopicId>& topic_id) {
  return offset.topic_id.is_zero() || !topic_id || offset.topic_id == *topic_id;
}

/// `stable`: nothing may change what is committed but a later commit.
FetchedPartition fetched(std::int32_t index, const CommittedOffset* offset,
                         const std::optional<TopicId>& topic_id, bool stable) {
  if (!stable) return nothing_committed(index, ErrorCode::unstable_offset_commit);
  if (offset == nullptr || !is_of(*offset, topic_id)) {
    return nothing_committed(index, ErrorCode::none);
  }
  FetchedPartition partition;
  partition.partition_index = index;
  partition.committed_offset = offset->offset;
  partition.committed_leader_epoch = offset->leader_epoch;
  partition.metadata = offset->metadata;
  return partition;
}

FetchedTopic fetch_topic(const FetchGroup::OffsetFetchRequestTopics& topic,
                         const GroupOffsets& offsets, std::int16_t api_version,
                         const TopicDirectory& topics, bool require_stable) {
  FetchedTopic answer;
  std::optional<TopicId> id;
  if (api_version >= kTopicIdsFrom) {
    id = answer.topic_id = topic.topic_id;
    const auto name = topics.name_of(topic.topic_id);
    if (!name) {
      for (const std::int32_t index : topic.partition_indexes) {
        answer.partitions.push_back(nothing_committed(index, ErrorCode::unknown_topic_id));
      }
      return answer;
    }
    answer.name = *name;
  } else {
    answer.name = topic.name;
    id = topics.id_of(topic.name);
  }
  for (const std::int32_t index : topic.partition_indexes) {
    const TopicPartition partition{answer.name, PartitionIndex{index}};
    const bool stable = !require_stable || !offsets.has_pending(partition);
    answer.partitions.push_back(fetched(index, offsets.find(partition), id, stable));
  }
  return answer;
}

/// All that is committed. By id, topics that have none any more cannot be named and are left out.
std::vector<FetchedTopic> fetch_all(const GroupOffsets& offsets, std::int16_t api_version,
                                    const TopicDirectory& topics, bool require_stable) {
  std::vector<FetchedTopic> answers;
  const auto& all = offsets.all();
  for (auto at = all.begin(); at != all.end();) {
    const std::string& name = at->first.topic;
    const auto id = topics.id_of(name);
    FetchedTopic answer;
    answer.name = name;
    answer.topic_id = id.value_or(TopicId{});
    for (; at != all.end() && at->first.topic == answer.name; ++at) {
      if (!is_of(at->second, id)) continue;
      const bool stable = !require_stable || !offsets.has_pending(at->first);
      answer.partitions.push_back(fetched(at->first.partition.value, &at->second, id, stable));
    }
    const bool nameless = api_version >= kTopicIdsFrom && !id;
    if (!answer.partitions.empty() && !nameless) answers.push_back(std::move(answer));
  }
  return answers;
}

/// As DescribeGroups tells it.
protocol::GroupRebalance told(const Rebalance& rebalance) {
  protocol::GroupRebalance to;
  to.began_ms = rebalance.began.value;
  if (rebalance.took) to.took_ms = rebalance.took->count();
  to.protocol = rebalance.consumer ? kConsumerType : kClassicType;
  to.state = rebalance.state;
  to.epoch_before = rebalance.epoch_before;
  to.epoch_after = rebalance.epoch_after;
  to.members_before = rebalance.members_before;
  to.members_after = rebalance.members_after;
  for (const auto& each : rebalance.triggers) {
    to.triggers.push_back({.cause = std::string{to_string(each.cause)},
                           .at_ms = each.at.value,
                           .member_id = each.member_id,
                           .instance_id = each.instance_id,
                           .client_id = each.client_id,
                           .host = each.host,
                           .reason = each.reason});
  }
  to.triggers_left_out = rebalance.triggers_left_out;
  for (const auto& each : rebalance.shares) {
    to.shares.push_back({each.member, each.before, each.after});
  }
  to.shares_left_out = rebalance.shares_left_out;
  for (const auto& each : rebalance.moved) {
    to.moved.push_back({each.topic, each.partition, each.from, each.to});
  }
  to.moved_left_out = rebalance.moved_left_out;
  return to;
}

}  // namespace

FetchedGroup GroupCoordinator::offset_fetch(const FetchGroup& request, std::int16_t api_version,
                                            const TopicDirectory& topics,
                                            bool require_stable) const {
  static const GroupOffsets kNone;
  FetchedGroup answer;
  answer.group_id = request.group_id;
  const Slot* const slot = find_existing(request.group_id);
  if (slot == nullptr && request.member_epoch >= 0) {
    answer.error_code = ErrorCode::group_id_not_found;
    return answer;
  }
  if (slot != nullptr && slot->shows_consumer() &&
      (request.member_id || request.member_epoch >= 0)) {
    const auto& state = slot->consumer_durable;
    const std::string id = request.member_id.value_or("");
    if (!state.has_member(id)) {
      answer.error_code = ErrorCode::unknown_member_id;
    } else if (state.progress(id).epoch != request.member_epoch) {
      const bool classic = state.subscription(id)->classic_member_metadata.has_value();
      answer.error_code = classic ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
    }
    if (answer.error_code != ErrorCode::none) return answer;
  }
  const GroupOffsets& offsets = slot == nullptr ? kNone : slot->offsets;
  if (!request.topics) {
    answer.topics = fetch_all(offsets, api_version, topics, require_stable);
    return answer;
  }
  for (const auto& topic : *request.topics) {
    answer.topics.push_back(fetch_topic(topic, offsets, api_version, topics, require_stable));
  }
  return answer;
}

protocol::DescribeGroupsResponse::DescribedGroup GroupCoordinator::describe(
    std::string_view group_id, std::int16_t api_version) const {
  protocol::DescribeGroupsResponse::DescribedGroup answer;
  answer.group_id = group_id;
  const Slot* const slot = find_existing(group_id);
  const bool consumer = slot != nullptr && slot->shows_consumer();
  if (slot != nullptr && !consumer) {
    slot->group.describe(answer);
    return answer;
  }
  answer.group_state = kDeadState;
  if (api_version >= kUnknownGroupIsErrorFrom) {
    answer.error_code = ErrorCode::group_id_not_found;
    answer.error_message = "Group '" + answer.group_id +
                           (consumer ? "' is of the consumer protocol: use ConsumerGroupDescribe"
                                     : "' does not exist on this coordinator");
  }
  return answer;
}

protocol::ConsumerGroupDescribeResponse::DescribedGroup GroupCoordinator::describe_consumer(
    std::string_view group_id, const TopicDirectory& topics) const {
  const Slot* const slot = find_existing(group_id);
  if (slot != nullptr && slot->shows_consumer()) {
    return describe_consumer_group(slot->id, slot->consumer_durable, settings_.consumer, topics);
  }
  protocol::ConsumerGroupDescribeResponse::DescribedGroup answer;
  answer.group_id = group_id;
  answer.error_code = ErrorCode::group_id_not_found;
  answer.error_message = "Group '" + answer.group_id +
                         (slot == nullptr ? "' does not exist on this coordinator"
                                          : "' is of the classic protocol: use DescribeGroups");
  return answer;
}

void GroupCoordinator::describe_rebalances(
    std::string_view group_id, protocol::DescribeGroupsResponse::DescribedGroup& to) const {
  to.history_since_ms = loaded_at_.value;
  if (const Slot* const slot = find_existing(group_id); slot != nullptr && slot->shows_consumer()) {
    // Who knows this field is told that the group is there, though it is of the other protocol.
    to.error_code = ErrorCode::none;
    to.error_message.reset();
    to.group_state = slot->consumer_durable.phase();
  }
  if (const auto* const finished = archive_.of(group_id)) {
    for (const auto& each : *finished) to.rebalances.push_back(told(each));
  }
  const Slot* const slot = find_existing(group_id);
  const Rebalance* const running = slot == nullptr ? nullptr : slot->recorder.running();
  if (running == nullptr) return;
  auto& now = to.rebalances.emplace_back(told(*running));
  now.protocol = slot->consumer ? kConsumerType : kClassicType;
}

std::vector<protocol::ListGroupsResponse::ListedGroup> GroupCoordinator::list(
    const std::vector<std::string>& states, const std::vector<std::string>& types) const {
  std::vector<protocol::ListGroupsResponse::ListedGroup> groups;
  for (const auto& [id, slot] : slots_) {
    const bool consumer = slot->shows_consumer();
    // One that is being founded is not there yet, unless it was there before.
    const bool coming = slot->consumer && !consumer && slot->offsets.empty() && !slot->durable;
    const auto state = consumer ? slot->consumer_durable.phase() : to_string(slot->group.state());
    const auto type = consumer ? kConsumerType : kClassicType;
    if (!slot->exists() || coming || !passes(states, state) || !passes(types, type)) continue;
    groups.push_back(
        {.group_id = id,
         .protocol_type = consumer ? std::string{kConsumerType} : slot->group.protocol_type(),
         .group_state = std::string{state},
         .group_type = std::string{type}});
  }
  return groups;
}

FetchGroup single_group_form(const OffsetFetchRequest& request) {
  FetchGroup group;
  group.group_id = request.group_id;
  group.topics.reset();
  if (!request.topics) return group;
  auto& topics = group.topics.emplace();
  for (const auto& topic : *request.topics) {
    topics.push_back({.name = topic.name, .partition_indexes = topic.partition_indexes});
  }
  return group;
}

OffsetFetchResponse flat_form(const FetchedGroup& group) {
  OffsetFetchResponse response;
  response.error_code = group.error_code;
  for (const auto& topic : group.topics) {
    auto& flat = response.topics.emplace_back();
    flat.name = topic.name;
    for (const auto& partition : topic.partitions) {
      flat.partitions.push_back({.partition_index = partition.partition_index,
                                 .committed_offset = partition.committed_offset,
                                 .committed_leader_epoch = partition.committed_leader_epoch,
                                 .metadata = partition.metadata,
                                 .error_code = partition.error_code});
    }
  }
  return response;
}

}  // namespace millrace::broker
