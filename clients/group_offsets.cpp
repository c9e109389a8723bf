#include "clients/group_offsets.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::clients {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;
using protocol::OffsetFetchRequest;
using protocol::OffsetFetchResponse;

namespace {

constexpr std::int16_t kCommitsByIdSince = 10;

/// The first error that asks for a retry, so that one slow partition is not forgotten over others.
struct CommitError {
  bool by_id = false;  // of topics that were there, so that those which are not will not come
  ErrorCode operator()(const OffsetCommitResponse& response) const {
    for (const auto& topic : response.topics) {
      for (const auto& partition : topic.partitions) {
        const auto code = partition.error_code;
        const bool gone =
            code == ErrorCode::unknown_topic_id || code == ErrorCode::unknown_topic_or_partition;
        if (by_id && gone) continue;
        if (protocol::is_retriable(partition.error_code)) return partition.error_code;
      }
    }
    return ErrorCode::none;
  }
};

/// Newer answers have the id alone.
std::string name_of(const OffsetCommitResponse::OffsetCommitResponseTopic& topic,
                    const TopicIds& ids) {
  if (!topic.name.empty()) return topic.name;
  const auto found =
      std::ranges::find_if(ids, [&](const auto& known) { return known.second == topic.topic_id; });
  return found == ids.end() ? topic.topic_id.to_string() : found->first;
}

struct FetchError {
  ErrorCode operator()(const OffsetFetchResponse& response) const {
    for (const auto& group : response.groups) {
      if (group.error_code != ErrorCode::none) return group.error_code;
      for (const auto& topic : group.topics) {
        for (const auto& partition : topic.partitions) {
          if (protocol::is_retriable(partition.error_code)) return partition.error_code;
        }
      }
    }
    return ErrorCode::none;
  }
};

}  // namespace

net::Awaitable<Outcome<std::map<TopicPartition, Outcome<void>>>> commit_group_offsets(
    Client& client, Lane lane, std::string group, Committer as, PartitionOffsets offsets,
    Instant deadline, TopicIds ids) {
  std::map<TopicPartition, Outcome<void>> outcomes;
  if (offsets.empty()) co_return outcomes;
  OffsetCommitRequest request{.group_id = group,
                              .generation_id_or_member_epoch = as.generation,
                              .member_id = as.member_id,
                              .group_instance_id = as.instance_id};
  const bool by_id = std::ranges::all_of(
      offsets, [&ids](const auto& offset) { return ids.contains(offset.first.topic); });
  for (const auto& [at, offset] : offsets) {
    if (request.topics.empty() || request.topics.back().name != at.topic) {
      auto& topic = request.topics.emplace_back();
      topic.name = at.topic;
      if (by_id) topic.topic_id = ids.at(at.topic);
    }
    request.topics.back().partitions.push_back(
        {.partition_index = at.partition.value, .committed_offset = offset.value});
  }
  auto versions = client_versions<OffsetCommitRequest>();
  if (by_id) versions.last = kCommitsByIdSince;
  const auto response =
      co_await client.call_coordinator(CoordinatorType::group, group, std::move(request), deadline,
                                       CommitError{by_id}, lane, versions);
  if (!response) co_return response.error();
  for (const auto& topic : response->topics) {
    const auto name = name_of(topic, ids);
    for (const auto& partition : topic.partitions) {
      const TopicPartition at{name, PartitionIndex{partition.partition_index}};
      Outcome<void> outcome;
      if (partition.error_code != ErrorCode::none) {
        outcome = rejected(partition.error_code, fmt::format("OffsetCommit of group {} for {}-{}",
                                                             group, at.topic, at.partition.value));
      }
      outcomes.insert_or_assign(at, std::move(outcome));
    }
  }
  co_return outcomes;
}

net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> fetch_group_offsets(
    Client& client, Lane lane, std::string group,
    std::optional<std::vector<TopicPartition>> partitions, Instant deadline) {
  OffsetFetchRequest request{.require_stable = true};
  auto& asked = request.groups.emplace_back();
  asked.group_id = group;
  if (partitions) {
    std::ranges::sort(*partitions);
    for (const auto& at : *partitions) {
      if (asked.topics->empty() || asked.topics->back().name != at.topic) {
        asked.topics->emplace_back().name = at.topic;
      }
      asked.topics->back().partition_indexes.push_back(at.partition.value);
    }
  } else {
    asked.topics.reset();
  }
  const auto response = co_await client.call_coordinator(
      CoordinatorType::group, group, std::move(request), deadline, FetchError{}, lane);
  if (!response) co_return response.error();
  const auto where = fmt::format("OffsetFetch of group {}", group);
  std::map<TopicPartition, CommittedOffset> committed;
  for (const auto& answer : response->groups) {
    if (answer.error_code != ErrorCode::none) co_return rejected(answer.error_code, where);
    for (const auto& topic : answer.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.error_code != ErrorCode::none) {
          co_return rejected(partition.error_code, fmt::format("{} for {}-{}", where, topic.name,
                                                               partition.partition_index));
        }
        if (partition.committed_offset < 0) continue;
        CommittedOffset offset{.offset = Offset{partition.committed_offset},
                               .metadata = partition.metadata.value_or("")};
        if (partition.committed_leader_epoch >= 0) {
          offset.leader_epoch = LeaderEpoch{partition.committed_leader_epoch};
        }
        committed.insert_or_assign(
            TopicPartition{topic.name, PartitionIndex{partition.partition_index}},
            std::move(offset));
      }
    }
  }
  co_return committed;
}

net::Awaitable<Outcome<std::vector<Assignment>>> group_start_positions(
    Client& client, Lane lane, std::string group, OffsetReset reset,
    std::vector<TopicPartition> partitions, Instant deadline) {
  std::vector<Assignment> starts;
  if (partitions.empty()) co_return starts;
  const auto committed = co_await fetch_group_offsets(client, lane, group, partitions, deadline);
  if (!committed) co_return committed.error();
  for (auto& at : partitions) {
    Assignment start{.partition = at};
    if (const auto found = committed->find(at); found != committed->end()) {
      start.start = found->second.offset;
    } else if (reset == OffsetReset::latest) {
      start.start = FromLatest{};
    } else if (reset == OffsetReset::fail) {
      co_return ClientError{.code = Errc::no_position,
                            .message = fmt::format(
                                "group {} has no committed offset for {}-{}, and this consumer may "
                                "not choose one; commit one, or allow a reset",
                                group, at.topic, at.partition.value)};
    }
    starts.push_back(std::move(start));
  }
  co_return starts;
}

ClientError not_a_member(const std::string& group) {
  return {.code = Errc::not_subscribed,
          .broker_code = ErrorCode::unknown_member_id,
          .message = fmt::format("this consumer is not a member of group {} at the moment, so it "
                                 "may not commit; poll to join again",
                                 group)};
}

}  // namespace millrace::clients
