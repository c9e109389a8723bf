#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "replication/controller/broker_lists.hpp"
#include "replication/controller/controller.hpp"
#include "replication/controller/new_partition.hpp"
#include "replication/controller/placement.hpp"
#include "replication/controller/records.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::replication {
namespace {

using protocol::CreatePartitionsRequest;
using protocol::CreatePartitionsResponse;
using protocol::DeleteTopicsRequest;
using protocol::DeleteTopicsResponse;
using protocol::ErrorCode;

constexpr std::int16_t kDeletionDisabledSince = 3;  // older requests get 42 instead of 73

void refuse(CreatePartitionsResponse::CreatePartitionsTopicResult& result, ErrorCode code,
            std::string message) {
  result.error_code = code;
  result.error_message = std::move(message);
}

struct Refusal {
  ErrorCode code;
  std::string message;
};

/// The records of the new partitions, or why they cannot be.
std::optional<Refusal> added_partitions(
    const MetadataImage& image, const TopicImage& topic,
    const CreatePartitionsRequest::CreatePartitionsTopic& wanted,
    std::vector<MetadataRecord>& records) {
  const auto have = static_cast<std::int32_t>(topic.partitions.size());
  const auto& first = topic.partitions.front();
  const std::size_t factor = without(first.replicas, first.adding).size();
  const std::size_t up = brokers_up(image);
  if (!wanted.assignments && factor > up) {
    return Refusal{ErrorCode::invalid_replication_factor,
                   fmt::format("the topic's replication factor {} cannot be met: {} of {} "
                               "registered brokers are up",
                               factor, up, image.brokers().size())};
  }
  const Placement place{image, factor, 0};
  for (std::int32_t index = have; index < wanted.count; ++index) {
    Brokers replicas;
    if (wanted.assignments) {
      const auto& told = (*wanted.assignments)[static_cast<std::size_t>(index - have)];
      for (const auto id : told.broker_ids) replicas.emplace_back(id);
      auto fault = assignment_fault(image, replicas);
      if (!fault && replicas.size() != factor)
        fault = fmt::format("{} replicas, the topic has {}", replicas.size(), factor);
      if (fault) {
        return Refusal{ErrorCode::invalid_replica_assignment,
                       fmt::format("partition {}: {}", index, *fault)};
      }
    } else {
      replicas = place.replicas(index);
    }
    records.push_back(partition_record(topic.id, PartitionIndex{index},
                                       new_partition(image, std::move(replicas))));
  }
  return std::nullopt;
}

/// Versions before 6 name topics in a list of their own; later ones by name or id.
std::vector<DeleteTopicsRequest::DeleteTopicState> wanted_deletions(
    const DeleteTopicsRequest& request, std::int16_t version) {
  if (version >= 6) return request.topics;
  std::vector<DeleteTopicsRequest::DeleteTopicState> wanted;
  for (const auto& name : request.topic_names) {
    wanted.emplace_back().name = name;
  }
  return wanted;
}

}  // namespace

ControllerOutcome<DeleteTopicsResponse> Controller::delete_topics(
    const MetadataImage& image, const DeleteTopicsRequest& request, std::int16_t version) const {
  ControllerOutcome<DeleteTopicsResponse> outcome;
  std::set<TopicId> gone;
  for (const auto& wanted : wanted_deletions(request, version)) {
    auto& result = outcome.response.responses.emplace_back();
    result.name = wanted.name;
    result.topic_id = wanted.topic_id;
    const auto refuse_with = [&result](ErrorCode code, std::string message) {
      result.error_code = code;
      result.error_message = std::move(message);
    };
    if (!settings_.delete_topic_enable) {
      refuse_with(version >= kDeletionDisabledSince ? ErrorCode::topic_deletion_disabled
                                                    : ErrorCode::invalid_request,
                  "topics cannot be deleted here: delete.topic.enable is false");
      continue;
    }
    if (wanted.name && !wanted.topic_id.is_zero()) {
      refuse_with(ErrorCode::invalid_request, "name the topic by its name or its id, not by both");
      continue;
    }
    const auto topic =
        wanted.name ? image.topic(std::string_view{*wanted.name}) : image.topic(wanted.topic_id);
    if (!topic || !gone.insert(topic->id).second) {
      refuse_with(wanted.name ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id,
                  "there is no such topic");
      continue;
    }
    result.name = topic->name;
    result.topic_id = topic->id;
    outcome.records.push_back(remove_topic_record(topic->id));
  }
  return outcome;
}

ControllerOutcome<CreatePartitionsResponse> Controller::create_partitions(
    const MetadataImage& image, const CreatePartitionsRequest& request) const {
  ControllerOutcome<CreatePartitionsResponse> outcome;
  std::set<std::string> seen;
  for (const auto& wanted : request.topics) {
    auto& result = outcome.response.results.emplace_back();
    result.name = wanted.name;
    if (!seen.insert(wanted.name).second) {
      refuse(result, ErrorCode::invalid_request, "the topic is given twice in one request");
      continue;
    }
    const auto topic = image.topic(std::string_view{wanted.name});
    if (!topic) {
      refuse(result, ErrorCode::unknown_topic_or_partition, "there is no such topic");
      continue;
    }
    const auto have = static_cast<std::int32_t>(topic->partitions.size());
    if (wanted.count <= have || wanted.count > settings_.partitions_max) {
      refuse(result, ErrorCode::invalid_partitions,
             fmt::format("topic '{}' has {} partitions; the new total must be {} to {}, not {}",
                         wanted.name, have, have + 1, settings_.partitions_max, wanted.count));
      continue;
    }
    if (wanted.assignments && std::ssize(*wanted.assignments) != wanted.count - have) {
      refuse(result, ErrorCode::invalid_replica_assignment,
             fmt::format("{} new partitions need as many assignments", wanted.count - have));
      continue;
    }
    std::vector<MetadataRecord> records;
    if (auto refusal = added_partitions(image, *topic, wanted, records)) {
      refuse(result, refusal->code, std::move(refusal->message));
      continue;
    }
    if (request.validate_only) continue;
    outcome.records.insert(outcome.records.end(), records.begin(), records.end());
  }
  return outcome;
}

ControllerOutcome<std::int64_t> Controller::allocate_producer_ids(const MetadataImage& image,
                                                                  BrokerId broker,
                                                                  std::int64_t count) const {
  const std::int64_t first = image.next_producer_id();
  return {.records = {producer_ids_record(broker, first + count)}, .response = first};
}

}  // namespace millrace::replication
