#include "clients/offset_lookup.hpp"

#include <fmt/format.h>

#include <set>

#include "clients/backoff.hpp"
#include "clients/wakeup.hpp"

namespace millrace::clients {

using protocol::ErrorCode;
using protocol::ListOffsetsRequest;

namespace {

constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;

std::int64_t wire_timestamp(const StartPosition& position) {
  if (std::holds_alternative<FromLatest>(position)) return kLatest;
  if (const auto* time = std::get_if<Timestamp>(&position)) return time->value;
  return kEarliest;
}

using Queries = std::map<TopicPartition, StartPosition>;
using Outcomes = std::map<TopicPartition, Outcome<OffsetAtTime>>;

ListOffsetsRequest request_for(const Queries& queries, const MetadataCache& metadata,
                               Isolation isolation, std::chrono::milliseconds timeout) {
  ListOffsetsRequest request{.replica_id = -1,
                             .isolation_level = std::to_underlying(isolation),
                             .timeout_ms = static_cast<std::int32_t>(timeout.count())};
  for (const auto& [at, position] : queries) {
    if (request.topics.empty() || request.topics.back().name != at.topic) {
      request.topics.emplace_back().name = at.topic;
    }
    const auto* info = metadata.partition(at);
    const auto epoch = info != nullptr && info->leader_epoch ? info->leader_epoch->value : -1;
    request.topics.back().partitions.push_back({.partition_index = at.partition.value,
                                                .current_leader_epoch = epoch,
                                                .timestamp = wire_timestamp(position)});
  }
  return request;
}

/// Files the answers; what may be asked again stays in `open`.
void take_in(const protocol::ListOffsetsResponse& response, Queries& open, Outcomes& outcomes) {
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition at{topic.name, PartitionIndex{partition.partition_index}};
      if (!open.contains(at)) continue;
      if (partition.error_code != ErrorCode::none) {
        const auto where = fmt::format("ListOffsets for {}-{}", at.topic, at.partition.value);
        outcomes.insert_or_assign(at, rejected(partition.error_code, where));
        if (!protocol::is_retriable(partition.error_code)) open.erase(at);
        continue;
      }
      OffsetAtTime found;
      if (partition.offset >= 0) found.offset = Offset{partition.offset};
      if (partition.timestamp >= 0) found.timestamp = Timestamp{partition.timestamp};
      if (partition.leader_epoch >= 0) found.leader_epoch = LeaderEpoch{partition.leader_epoch};
      outcomes.insert_or_assign(at, found);
      open.erase(at);
    }
  }
}

std::map<BrokerId, Queries> by_leader(const Queries& open, const MetadataCache& metadata,
                                      Outcomes& outcomes) {
  std::map<BrokerId, Queries> groups;
  for (const auto& [at, position] : open) {
    const auto leader = metadata.leader(at);
    if (leader) {
      groups[*leader].emplace(at, position);
    } else if (metadata.topic(at.topic) != nullptr && metadata.partition(at) == nullptr) {
      outcomes.insert_or_assign(
          at, ClientError{.code = Errc::unknown_partition,
                          .message = fmt::format("topic {} has no partition {}", at.topic,
                                                 at.partition.value)});
    } else {
      outcomes.insert_or_assign(
          at, ClientError{.code = Errc::no_leader,
                          .message = fmt::format("{}-{} has no leader at the moment", at.topic,
                                                 at.partition.value),
                          .retriable = true});
    }
  }
  return groups;
}

}  // namespace

net::Awaitable<Outcomes> look_up_offsets(Client& client, Queries open, Isolation isolation,
                                         Instant deadline) {
  Outcomes outcomes;
  for (const auto& [at, position] : open) {
    if (const auto* offset = std::get_if<Offset>(&position)) {
      outcomes.insert_or_assign(at, OffsetAtTime{.offset = *offset});
    }
  }
  std::erase_if(open, [&](const auto& query) { return outcomes.contains(query.first); });
  Backoff backoff{client.options().retry_backoff_min, client.options().retry_backoff_max};
  Wakeup pause{client.scheduler()};
  while (!open.empty()) {
    std::set<std::string> topics;
    for (const auto& [at, position] : open) topics.insert(at.topic);
    for (const auto& topic : topics) {
      const auto known = co_await client.await_topic(topic, deadline, false);
      if (known) continue;
      for (const auto& [at, position] : Queries{open}) {
        if (at.topic != topic) continue;
        outcomes.insert_or_assign(at, known.error());
        open.erase(at);
      }
    }
    const auto groups = by_leader(open, client.metadata(), outcomes);
    for (const auto& [leader, queries] : groups) {
      auto request =
          request_for(queries, client.metadata(), isolation, client.options().request_timeout);
      const auto give_up = std::min(deadline, client.now() + client.options().request_timeout);
      const auto connection = co_await client.connection_to(leader, kGeneralLane, give_up);
      Outcome<protocol::ListOffsetsResponse> response = protocol::ListOffsetsResponse{};
      if (connection) {
        response = co_await (*connection)->call(std::move(request), give_up);
      } else {
        response = connection.error();
      }
      if (response) {
        take_in(*response, open, outcomes);
        continue;
      }
      for (const auto& [at, position] : queries) {
        outcomes.insert_or_assign(at, response.error());
        if (!response.error().retriable) open.erase(at);
      }
    }
    if (open.empty()) break;
    backoff.failed(client.now(), client.rng());
    if (backoff.next_try() >= deadline) break;
    co_await pause.wait_until(backoff.next_try());
    std::vector<std::string> names{topics.begin(), topics.end()};
    const auto refreshed = co_await client.refresh_metadata(std::move(names), deadline);
    if (!refreshed && !refreshed.error().retriable) break;
    std::erase_if(open, [&](const auto& query) {  // refreshed once, and still not there
      return client.metadata().topic(query.first.topic) != nullptr &&
             client.metadata().partition(query.first) == nullptr;
    });
  }
  co_return outcomes;
}

net::Awaitable<Outcome<PartitionOffsets>> look_up_ends(Client& client,
                                                       std::vector<TopicPartition> partitions,
                                                       StartPosition where, Isolation isolation,
                                                       Instant deadline) {
  Queries queries;
  for (auto& at : partitions) queries.emplace(std::move(at), where);
  const auto outcomes = co_await look_up_offsets(client, std::move(queries), isolation, deadline);
  PartitionOffsets offsets;
  for (const auto& [at, outcome] : outcomes) {
    if (!outcome) co_return outcome.error();
    if (outcome->offset) offsets.emplace(at, *outcome->offset);
  }
  co_return offsets;
}

}  // namespace millrace::clients
