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

using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using protocol::ErrorCode;
using Creatable = CreateTopicsRequest::CreatableTopic;
using Created = CreateTopicsResponse::CreatableTopicResult;

struct Refusal {
  ErrorCode code;
  std::string message;
};

std::optional<Refusal> check_name(const MetadataImage& image, const std::string& name) {
  if (auto why = invalid_topic_name(name)) {
    return Refusal{ErrorCode::invalid_topic_exception, std::move(*why)};
  }
  if (image.topic(name)) {
    return Refusal{ErrorCode::topic_already_exists, fmt::format("topic '{}' already exists", name)};
  }
  const std::string key = collision_key(name);
  for (const auto& [other, topic] : image.topics()) {
    if (collision_key(other) == key) {
      return Refusal{ErrorCode::invalid_topic_exception,
                     fmt::format("topic '{}' differs from the existing '{}' only in '.' and '_'",
                                 name, other)};
    }
  }
  return std::nullopt;
}

std::optional<Refusal> check_configs(const Creatable& wanted, const ConfigRules& rules,
                                     ConfigOverrides& overrides) {
  for (const auto& config : wanted.configs) {
    if (!config.value) {
      return Refusal{ErrorCode::invalid_config,
                     fmt::format("setting '{}' has no value", config.name)};
    }
    if (auto why = rules.check_topic(config.name, *config.value)) {
      return Refusal{ErrorCode::invalid_config, std::move(*why)};
    }
    if (!overrides.emplace(config.name, *config.value).second) {
      return Refusal{ErrorCode::invalid_config,
                     fmt::format("setting '{}' is given twice", config.name)};
    }
  }
  return std::nullopt;
}

std::optional<Refusal> place_as_told(const Creatable& wanted, const MetadataImage& image,
                                     std::vector<PartitionImage>& partitions) {
  if (wanted.num_partitions != -1 || wanted.replication_factor != -1) {
    return Refusal{ErrorCode::invalid_request,
                   "with manual assignments, partitions and replication factor must both be -1"};
  }
  std::map<std::int32_t, Brokers> by_index;
  for (const auto& assignment : wanted.assignments) {
    Brokers replicas;
    for (const auto id : assignment.broker_ids) replicas.emplace_back(id);
    if (const auto fault = assignment_fault(image, replicas)) {
      return Refusal{ErrorCode::invalid_replica_assignment,
                     fmt::format("partition {}: {}", assignment.partition_index, *fault)};
    }
    by_index[assignment.partition_index] = std::move(replicas);
  }
  const bool consecutive = by_index.size() == wanted.assignments.size() &&
                           by_index.begin()->first == 0 &&
                           by_index.rbegin()->first + 1 == std::ssize(by_index);
  if (!consecutive) {
    return Refusal{ErrorCode::invalid_replica_assignment,
                   "assignments must name the partitions 0, 1, 2, ... once each"};
  }
  const std::size_t factor = by_index.begin()->second.size();
  for (auto& [index, replicas] : by_index) {
    if (replicas.size() != factor) {
      return Refusal{ErrorCode::invalid_replica_assignment,
                     fmt::format("partition {} has {} replicas, partition 0 has {}", index,
                                 replicas.size(), factor)};
    }
    partitions.push_back(new_partition(image, std::move(replicas)));
  }
  return std::nullopt;
}

std::optional<Refusal> place_by_count(const Creatable& wanted, const ControllerSettings& settings,
                                      const MetadataImage& image,
                                      std::vector<PartitionImage>& partitions) {
  const std::int32_t count =
      wanted.num_partitions == -1 ? settings.partitions_default : wanted.num_partitions;
  if (count < 1 || count > settings.partitions_max) {
    return Refusal{ErrorCode::invalid_partitions,
                   fmt::format("a topic has 1 to {} partitions, {} were asked for",
                               settings.partitions_max, count)};
  }
  const int asked = wanted.replication_factor == -1 ? settings.replication_factor_default
                                                    : wanted.replication_factor;
  const auto up = static_cast<int>(brokers_up(image));
  const int factor = is_internal_topic(wanted.name) ? std::min(asked, up) : asked;
  if (factor < 1 || factor > up) {
    return Refusal{ErrorCode::invalid_replication_factor,
                   fmt::format("replication factor {} cannot be met: of {} registered broker{} {} "
                               "{} up",
                               asked, image.brokers().size(),
                               image.brokers().size() == 1 ? "" : "s", up, up == 1 ? "is" : "are")};
  }
  const Placement place{image, static_cast<std::size_t>(factor), image.topics().size()};
  for (std::int32_t i = 0; i < count; ++i)
    partitions.push_back(new_partition(image, place.replicas(i)));
  return std::nullopt;
}

std::set<std::string> names_given_twice(const CreateTopicsRequest& request) {
  std::set<std::string> seen;
  std::set<std::string> twice;
  for (const auto& topic : request.topics) {
    if (!seen.insert(topic.name).second) twice.insert(topic.name);
  }
  return twice;
}

Created refused(const std::string& name, Refusal refusal) {
  Created result;
  result.name = name;
  result.error_code = refusal.code;
  result.error_message = std::move(refusal.message);
  result.topic_config_error_code = ErrorCode::none;
  result.configs = std::nullopt;
  return result;
}

}  // namespace

ControllerOutcome<CreateTopicsResponse> Controller::create_topics(
    const MetadataImage& image, const CreateTopicsRequest& request, Rng& rng) const {
  ControllerOutcome<CreateTopicsResponse> outcome;
  const auto twice = names_given_twice(request);
  std::set<std::string> reported;
  std::set<std::string> new_keys;
  for (const auto& wanted : request.topics) {
    auto& results = outcome.response.topics;
    if (twice.contains(wanted.name)) {
      if (!reported.insert(wanted.name).second) continue;
      results.push_back(refused(
          wanted.name, {ErrorCode::invalid_request,
                        fmt::format("topic '{}' is given twice in one request", wanted.name)}));
      continue;
    }
    ConfigOverrides overrides;
    std::vector<PartitionImage> partitions;
    auto refusal = check_name(image, wanted.name);
    if (!refusal && !new_keys.insert(collision_key(wanted.name)).second) {
      refusal = Refusal{ErrorCode::invalid_topic_exception,
                        "another topic of this request differs only in '.' and '_'"};
    }
    if (!refusal) refusal = check_configs(wanted, rules_, overrides);
    if (!refusal) {
      refusal = wanted.assignments.empty() ? place_by_count(wanted, settings_, image, partitions)
                                           : place_as_told(wanted, image, partitions);
    }
    if (refusal) {
      results.push_back(refused(wanted.name, std::move(*refusal)));
      continue;
    }
    Created result;
    result.name = wanted.name;
    result.error_message = std::nullopt;
    result.num_partitions = static_cast<std::int32_t>(partitions.size());
    result.replication_factor = static_cast<std::int16_t>(partitions.front().replicas.size());
    result.configs = rules_.describe_topic(overrides);
    if (!request.validate_only) {
      result.topic_id = rng.uuid();
      outcome.records.push_back(topic_record(wanted.name, result.topic_id));
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        outcome.records.push_back(partition_record(
            result.topic_id, PartitionIndex{static_cast<std::int32_t>(i)}, partitions[i]));
      }
      for (const auto& [key, value] : overrides) {
        outcome.records.push_back(topic_config_record(wanted.name, key, value));
      }
    }
    results.push_back(std::move(result));
  }
  return outcome;
}

}  // namespace millrace::replication
