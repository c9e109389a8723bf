#include <fmt/format.h>

#include <algorithm>

#include "clients/admin.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

std::int32_t millis_until(Instant deadline, Instant now) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(left.count(), 1, 60'000));
}

Outcome<void> done_or(ErrorCode code, std::string_view where,
                      const std::optional<std::string>& detail) {
  if (code == ErrorCode::none) return {};
  return rejected(code, where, detail.value_or(""));
}

/// A topic's change is retried only if every topic of the request asks for it: the others are done.
template <class Items>
ErrorCode common_error(const Items& items) {
  if (items.empty()) return ErrorCode::none;
  const auto first = items.front().error_code;
  const auto same = [first](const auto& item) { return item.error_code == first; };
  return std::ranges::all_of(items, same) ? first : ErrorCode::none;
}

}  // namespace

net::Awaitable<Outcome<PerItem<std::string, CreatedTopic>>> Admin::create_topics(
    std::vector<NewTopic> topics, Instant deadline, bool validate_only) {
  protocol::CreateTopicsRequest request{.timeout_ms = millis_until(deadline, client_.now()),
                                        .validate_only = validate_only};
  for (auto& topic : topics) {
    auto& wire = request.topics.emplace_back();
    wire.name = std::move(topic.name);
    const bool by_hand = !topic.assignments.empty();
    wire.num_partitions = by_hand ? -1 : topic.partitions.value_or(-1);
    wire.replication_factor =
        by_hand ? std::int16_t{-1} : topic.replication_factor.value_or(std::int16_t{-1});
    for (const auto& [partition, brokers] : topic.assignments) {
      auto& assignment = wire.assignments.emplace_back();
      assignment.partition_index = partition;
      for (const auto broker : brokers) assignment.broker_ids.push_back(broker.value);
    }
    for (auto& [name, value] : topic.configs)
      wire.configs.push_back({.name = name, .value = value});
  }
  constexpr auto kErrorOf = [](const protocol::CreateTopicsResponse& response) {
    return common_error(response.topics);
  };
  const auto response = co_await client_.call_any(std::move(request), deadline, kErrorOf);
  if (!response) co_return response.error();
  PerItem<std::string, CreatedTopic> results;
  for (const auto& topic : response->topics) {
    if (topic.error_code != ErrorCode::none) {
      results.emplace_back(topic.name,
                           rejected(topic.error_code, fmt::format("creating topic {}", topic.name),
                                    topic.error_message.value_or("")));
      continue;
    }
    CreatedTopic created{.id = topic.topic_id};
    if (topic.num_partitions >= 0) created.partitions = topic.num_partitions;
    if (topic.replication_factor >= 0) created.replication_factor = topic.replication_factor;
    results.emplace_back(topic.name, created);
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<std::string, void>>> Admin::delete_topics(
    std::vector<std::string> names, Instant deadline) {
  protocol::DeleteTopicsRequest request{.timeout_ms = millis_until(deadline, client_.now())};
  for (auto& name : names) request.topics.push_back({.name = std::move(name)});
  constexpr auto kErrorOf = [](const protocol::DeleteTopicsResponse& response) {
    const auto code = common_error(response.responses);
    // Not there is an answer, though it may be worth a retry to others.
    return code == ErrorCode::unknown_topic_or_partition ? ErrorCode::none : code;
  };
  const auto response = co_await client_.call_any(std::move(request), deadline, kErrorOf);
  if (!response) co_return response.error();
  PerItem<std::string, void> results;
  for (const auto& topic : response->responses) {
    const auto name = topic.name.value_or("");
    results.emplace_back(name, done_or(topic.error_code, fmt::format("deleting topic {}", name),
                                       topic.error_message));
  }
  co_return results;
}

net::Awaitable<Outcome<std::vector<TopicListing>>> Admin::list_topics(Instant deadline,
                                                                      bool with_internal) {
  const auto refreshed = co_await client_.refresh_metadata(std::nullopt, deadline);
  if (!refreshed) co_return refreshed.error();
  std::vector<TopicListing> listing;
  for (const auto& [name, topic] : client_.metadata().topics()) {
    if (topic.error != ErrorCode::none || (topic.internal && !with_internal)) continue;
    listing.push_back({.name = name,
                       .id = topic.id,
                       .internal = topic.internal,
                       .partitions = static_cast<std::int32_t>(topic.partitions.size())});
  }
  co_return listing;
}

net::Awaitable<Outcome<PerItem<std::string, TopicInfo>>> Admin::describe_topics(
    std::vector<std::string> names, Instant deadline) {
  protocol::MetadataRequest request{.allow_auto_topic_creation = false};
  for (const auto& name : names) request.topics->push_back({.name = name});
  const auto response = co_await client_.call_any(std::move(request), deadline);
  if (!response) co_return response.error();
  MetadataCache answer;
  answer.apply(*response, false, client_.now());
  PerItem<std::string, TopicInfo> results;
  for (const auto& name : names) {
    const auto* topic = answer.topic(name);
    const auto code = topic == nullptr ? ErrorCode::unknown_topic_or_partition : topic->error;
    if (code == ErrorCode::none) {
      results.emplace_back(name, *topic);
    } else if (code == ErrorCode::unknown_topic_or_partition) {
      results.emplace_back(name,
                           ClientError{.code = Errc::unknown_topic,
                                       .broker_code = code,
                                       .message = fmt::format("topic {} does not exist", name)});
    } else {
      results.emplace_back(name, rejected(code, fmt::format("describing topic {}", name)));
    }
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<std::string, void>>> Admin::create_partitions(
    std::map<std::string, std::int32_t> totals, Instant deadline, bool validate_only) {
  protocol::CreatePartitionsRequest request{.timeout_ms = millis_until(deadline, client_.now()),
                                            .validate_only = validate_only};
  for (const auto& [name, total] : totals) {
    request.topics.push_back({.name = name, .count = total, .assignments = std::nullopt});
  }
  constexpr auto kErrorOf = [](const protocol::CreatePartitionsResponse& response) {
    const auto code = common_error(response.results);
    return code == ErrorCode::unknown_topic_or_partition ? ErrorCode::none : code;
  };
  const auto response = co_await client_.call_any(std::move(request), deadline, kErrorOf);
  if (!response) co_return response.error();
  PerItem<std::string, void> results;
  for (const auto& topic : response->results) {
    results.emplace_back(
        topic.name,
        done_or(topic.error_code, fmt::format("adding partitions to topic {}", topic.name),
                topic.error_message));
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<TopicPartition, Offset>>> Admin::delete_records(
    std::map<TopicPartition, std::optional<Offset>> before, Instant deadline) {
  constexpr std::int64_t kHighWatermark = -1;
  constexpr auto kErrorOf = [](const protocol::DeleteRecordsResponse& response) {
    if (response.topics.empty()) return ErrorCode::none;
    return common_error(response.topics.front().partitions);
  };
  PerItem<TopicPartition, Offset> results;
  for (const auto& [at, offset] : before) {
    protocol::DeleteRecordsRequest request{.timeout_ms = millis_until(deadline, client_.now())};
    auto& topic = request.topics.emplace_back();
    topic.name = at.topic;
    topic.partitions.push_back(
        {.partition_index = at.partition.value, .offset = offset ? offset->value : kHighWatermark});
    const auto response = co_await client_.call_leader(at, std::move(request), deadline, kErrorOf);
    if (!response) {
      results.emplace_back(at, response.error());
      continue;
    }
    const auto where = fmt::format("deleting records of {}-{}", at.topic, at.partition.value);
    if (response->topics.empty() || response->topics.front().partitions.empty()) {
      results.emplace_back(at, malformed("the answer leaves the partition out", where));
      continue;
    }
    const auto& answer = response->topics.front().partitions.front();
    if (answer.error_code != ErrorCode::none) {
      results.emplace_back(at, rejected(answer.error_code, where));
    } else {
      results.emplace_back(at, Offset{answer.low_watermark});
    }
  }
  co_return results;
}

net::Awaitable<Outcome<PerItem<TopicPartition, OffsetAtTime>>> Admin::list_offsets(
    std::map<TopicPartition, StartPosition> queries, Instant deadline, Isolation isolation) {
  auto outcomes = co_await look_up_offsets(client_, std::move(queries), isolation, deadline);
  PerItem<TopicPartition, OffsetAtTime> results;
  for (auto& [at, outcome] : outcomes) results.emplace_back(at, std::move(outcome));
  co_return results;
}

net::Awaitable<Outcome<PartitionOffsets>> Admin::end_offsets(std::vector<TopicPartition> partitions,
                                                             Instant deadline) {
  return look_up_ends(client_, std::move(partitions), FromLatest{}, Isolation::read_uncommitted,
                      deadline);
}

net::Awaitable<Outcome<PartitionOffsets>> Admin::earliest_offsets(
    std::vector<TopicPartition> partitions, Instant deadline) {
  return look_up_ends(client_, std::move(partitions), FromEarliest{}, Isolation::read_uncommitted,
                      deadline);
}

}  // namespace millrace::clients
