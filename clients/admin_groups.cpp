#include <fmt/format.h>

#include <algorithm>

#include "clients/admin.hpp"
#include "clients/group_membership.hpp"
#include "clients/group_offsets.hpp"
#include "clients/record_times.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/offset_delete.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

using WireGroup = protocol::DescribeGroupsResponse::DescribedGroup;

GroupDescription description_from(const WireGroup& group, BrokerId coordinator) {
  GroupDescription description{.id = group.group_id,
                               .state = group.group_state,
                               .protocol_type = group.protocol_type,
                               .assignor = group.protocol_data,
                               .coordinator = coordinator};
  for (const auto& member : group.members) {
    description.members.push_back(
        {.id = member.member_id,
         .instance_id = member.group_instance_id,
         .client_id = member.client_id,
         .client_host = member.client_host,
         .assignment =
             read_assignment(member.member_assignment).value_or(std::vector<TopicPartition>{})});
  }
  return description;
}

GroupDescription description_from(
    const protocol::ConsumerGroupDescribeResponse::DescribedGroup& group, BrokerId coordinator) {
  GroupDescription description{.id = group.group_id,
                               .state = group.group_state,
                               .protocol_type = "consumer",
                               .assignor = group.assignor_name,
                               .coordinator = coordinator,
                               .type = "consumer",
                               .epoch = group.group_epoch};
  for (const auto& member : group.members) {
    auto& to = description.members.emplace_back();
    to.id = member.member_id;
    to.instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    for (const auto& topic : member.assignment.topic_partitions) {
      for (const auto index : topic.partitions)
        to.assignment.push_back({topic.topic_name, PartitionIndex{index}});
    }
  }
  return description;
}

/// DescribeGroups says of a group of the consumer protocol that it is not there. Nothing when it is
/// really not, or the broker knows no such groups.
net::Awaitable<std::optional<protocol::ConsumerGroupDescribeResponse::DescribedGroup>>
describe_consumer_group(Client& client, std::string id, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::ConsumerGroupDescribeResponse& response) {
    return response.groups.empty() ? ErrorCode::none : response.groups.front().error_code;
  };
  protocol::ConsumerGroupDescribeRequest request{.group_ids = {id}};
  auto response = co_await client.call_coordinator(CoordinatorType::group, id, std::move(request),
                                                   deadline, kErrorOf);
  const bool found = response && !response->groups.empty() &&
                     response->groups.front().error_code == ErrorCode::none;
  if (!found) co_return std::nullopt;
  co_return std::move(response->groups.front());
}

}  // namespace

net::Awaitable<Outcome<std::vector<GroupListing>>> Admin::list_groups(Instant deadline) {
  std::vector<std::string> none;
  const auto refreshed = co_await client_.refresh_metadata(std::move(none), deadline);
  if (!refreshed) co_return refreshed.error();
  std::vector<BrokerId> brokers;  // each knows only the groups it coordinates
  for (const auto& [id, broker] : client_.metadata().brokers()) brokers.push_back(id);
  std::vector<GroupListing> listing;
  for (const auto broker : brokers) {
    protocol::ListGroupsRequest request;
    const auto response = co_await client_.call_broker(broker, std::move(request), deadline);
    if (!response) co_return response.error();
    if (response->error_code != ErrorCode::none) {
      co_return rejected(response->error_code,
                         fmt::format("listing the groups of broker {}", broker.value));
    }
    for (const auto& group : response->groups) {
      listing.push_back({.id = group.group_id,
                         .protocol_type = group.protocol_type,
                         .state = group.group_state,
                         .type = group.group_type,
                         .coordinator = broker});
    }
  }
  std::ranges::sort(listing, {}, &GroupListing::id);
  co_return listing;
}

net::Awaitable<Outcome<PerItem<std::string, GroupDescription>>> Admin::describe_groups(
    std::vector<std::string> ids, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::DescribeGroupsResponse& response) {
    return response.groups.empty() ? ErrorCode::none : response.groups.front().error_code;
  };
  PerItem<std::string, GroupDescription> results;
  for (const auto& id : ids) {
    protocol::DescribeGroupsRequest request{.groups = {id}};
    const auto response = co_await client_.call_coordinator(CoordinatorType::group, id,
                                                            std::move(request), deadline, kErrorOf);
    const auto where = fmt::format("describing group {}", id);
    if (!response) {
      results.emplace_back(id, response.error());
      continue;
    }
    if (response->groups.empty()) {
      results.emplace_back(id, malformed("the answer leaves the group out", where));
      continue;
    }
    const auto& group = response->groups.front();
    const auto coordinator =
        co_await client_.find_coordinator(CoordinatorType::group, id, deadline);
    const auto at = coordinator ? *coordinator : BrokerId{-1};
    if (group.error_code == ErrorCode::group_id_not_found || group.group_state == "Dead") {
      const auto other = co_await describe_consumer_group(client_, id, deadline);
      if (other) {
        results.emplace_back(id, description_from(*other, at));
        continue;
      }
    }
    if (group.error_code != ErrorCode::none) {
      results.emplace_back(id, rejected(group.error_code, where, group.error_message.value_or("")));
      continue;
    }
    results.emplace_back(id, description_from(group, at));
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<std::string, void>>> Admin::delete_groups(
    std::vector<std::string> ids, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::DeleteGroupsResponse& response) {
    return response.results.empty() ? ErrorCode::none : response.results.front().error_code;
  };
  PerItem<std::string, void> results;
  for (const auto& id : ids) {
    protocol::DeleteGroupsRequest request{.groups_names = {id}};
    const auto response = co_await client_.call_coordinator(CoordinatorType::group, id,
                                                            std::move(request), deadline, kErrorOf);
    Outcome<void> outcome;
    if (!response) {
      outcome = response.error();
    } else if (const auto code = kErrorOf(*response); code != ErrorCode::none) {
      outcome = rejected(code, fmt::format("deleting group {}", id));
    }
    results.emplace_back(id, std::move(outcome));
  }
  co_return results;
}

net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> Admin::group_offsets(
    std::string group, Instant deadline) {
  return fetch_group_offsets(client_, kGeneralLane, std::move(group), std::nullopt, deadline);
}

net::Awaitable<Outcome<PerItem<TopicPartition, void>>> Admin::alter_group_offsets(
    std::string group, PartitionOffsets offsets, Instant deadline) {
  auto outcomes = co_await commit_group_offsets(client_, kGeneralLane, std::move(group),
                                                Committer{}, std::move(offsets), deadline);
  if (!outcomes) co_return outcomes.error();
  PerItem<TopicPartition, void> results;
  for (auto& [at, outcome] : *outcomes) results.emplace_back(at, std::move(outcome));
  co_return results;
}

net::Awaitable<Outcome<PerItem<TopicPartition, void>>> Admin::delete_group_offsets(
    std::string group, std::vector<TopicPartition> partitions, Instant deadline) {
  protocol::OffsetDeleteRequest request{.group_id = group};
  std::ranges::sort(partitions);
  for (const auto& at : partitions) {
    if (request.topics.empty() || request.topics.back().name != at.topic)
      request.topics.emplace_back().name = at.topic;
    request.topics.back().partitions.push_back({at.partition.value});
  }
  const auto response = co_await client_.call_coordinator(CoordinatorType::group, group,
                                                          std::move(request), deadline);
  const auto where = fmt::format("deleting offsets of group {}", group);
  if (!response) co_return response.error();
  if (response->error_code != ErrorCode::none) co_return rejected(response->error_code, where);
  PerItem<TopicPartition, void> results;
  for (const auto& topic : response->topics) {
    for (const auto& partition : topic.partitions) {
      Outcome<void> outcome;
      if (partition.error_code != ErrorCode::none) {
        outcome = rejected(partition.error_code, fmt::format("{} at {}-{}", where, topic.name,
                                                             partition.partition_index));
      }
      results.emplace_back(TopicPartition{topic.name, PartitionIndex{partition.partition_index}},
                           std::move(outcome));
    }
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<std::string, GroupHistory>>> Admin::group_history(
    std::vector<std::string> ids, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::DescribeGroupsResponse& response) {
    return response.groups.empty() ? ErrorCode::none : response.groups.front().error_code;
  };
  PerItem<std::string, GroupHistory> results;
  for (const auto& id : ids) {
    protocol::DescribeGroupsRequest request{.groups = {id}, .include_rebalances = true};
    auto response = co_await client_.call_coordinator(CoordinatorType::group, id,
                                                      std::move(request), deadline, kErrorOf);
    const auto where = fmt::format("asking for the history of group {}", id);
    if (!response) {
      results.emplace_back(id, response.error());
      continue;
    }
    if (response->groups.empty()) {
      results.emplace_back(id, malformed("the answer leaves the group out", where));
      continue;
    }
    auto& group = response->groups.front();
    const bool not_there = group.error_code == ErrorCode::group_id_not_found;
    if (group.error_code != ErrorCode::none && (!not_there || group.rebalances.empty())) {
      results.emplace_back(id, rejected(group.error_code, where, group.error_message.value_or("")));
    } else if (group.history_since_ms < 0) {
      results.emplace_back(
          id, ClientError{.code = Errc::unsupported,
                          .message = fmt::format("{}: its coordinator keeps no history of "
                                                 "rebalances; brokers of Millrace do",
                                                 where)});
    } else {
      results.emplace_back(
          id, GroupHistory{Timestamp{group.history_since_ms}, std::move(group.rebalances)});
    }
  }
  co_return results;
}

net::Awaitable<Outcome<std::vector<PartitionLag>>> Admin::group_lag(std::string group,
                                                                    Instant deadline) {
  const auto committed = co_await group_offsets(std::move(group), deadline);
  if (!committed) co_return committed.error();
  std::map<TopicPartition, StartPosition> queries;
  for (const auto& [at, offset] : *committed) queries.emplace(at, FromLatest{});
  const auto ends =
      co_await look_up_offsets(client_, std::move(queries), Isolation::read_uncommitted, deadline);
  std::vector<PartitionLag> lags;
  for (const auto& [at, offset] : *committed) {
    const auto end = ends.find(at);
    // Offsets outlive their topics; what is gone has no lag.
    if (end == ends.end() || !end->second || !end->second->offset) continue;
    PartitionLag lag{.partition = at, .committed = offset.offset, .end = *end->second->offset};
    lag.lag = std::max<std::int64_t>(0, (lag.end - offset.offset).value);
    lags.push_back(std::move(lag));
  }
  std::map<TopicPartition, Offset> waiting;
  for (const auto& lag : lags) {
    if (lag.lag.value_or(0) > 0) waiting.emplace(lag.partition, *lag.committed);
  }
  const auto times = co_await look_up_record_times(client_, std::move(waiting), deadline);
  for (auto& lag : lags) {
    const auto time = times.find(lag.partition);
    if (time != times.end() && time->second) lag.waiting_since = *time->second;
  }
  co_return lags;
}

}  // namespace millrace::clients
