#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "replication/controller/controller.hpp"
#include "replication/controller/eligible.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

using protocol::ErrorCode;
using protocol::IncrementalAlterConfigsRequest;
using protocol::IncrementalAlterConfigsResponse;
using Resource = IncrementalAlterConfigsRequest::AlterConfigsResource;
using Change = Resource::AlterableConfig;

enum class Operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kBrokerResource = 4;
constexpr std::int8_t kGroupResource = 32;

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (comma > 0) items.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return items;
}

/// The list `current` with the items of `change` appended or taken out.
std::string edited_list(std::string_view current, std::string_view change, bool append) {
  auto items = split_list(current);
  for (const auto& item : split_list(change)) {
    const auto [first, last] = std::ranges::remove(items, item);
    items.erase(first, last);
    if (append) items.push_back(item);
  }
  return fmt::format("{}", fmt::join(items, ","));
}

struct Edit {
  std::string key;
  std::optional<std::string> value;
};

/// What one change comes to, or why it cannot be.
std::optional<std::string> resolve(const Change& change, const ConfigOverrides& current,
                                   const ConfigOverrides& cluster, const ConfigRules& rules,
                                   std::int8_t resource, Edit& edit) {
  edit.key = change.name;
  const auto operation = static_cast<Operation>(change.config_operation);
  switch (operation) {
    case Operation::remove:
      return std::nullopt;
    case Operation::set:
      if (!change.value) return fmt::format("setting '{}' has no value", change.name);
      edit.value = *change.value;
      break;
    case Operation::append:
    case Operation::subtract:
      if (!rules.is_list(change.name)) {
        return fmt::format("setting '{}' is not a list: it can be set and deleted only",
                           change.name);
      }
      if (!change.value) return fmt::format("setting '{}' has no value", change.name);
      edit.value = edited_list(rules.effective(change.name, current, cluster), *change.value,
                               operation == Operation::append);
      break;
    default:
      return fmt::format("unknown operation {} on setting '{}'", change.config_operation,
                         change.name);
  }
  switch (resource) {
    case kTopicResource:
      return rules.check_topic(edit.key, *edit.value);
    case kGroupResource:
      return rules.check_group(edit.key, *edit.value);
    default:
      return rules.check_broker(edit.key, *edit.value);
  }
}

/// What the edits make of a group's settings, if they cannot stand beside each other.
std::optional<std::string> refused_together(const ConfigOverrides& current,
                                            const std::vector<Edit>& edits,
                                            const ConfigRules& rules) {
  ConfigOverrides after = current;
  for (const Edit& edit : edits) {
    if (edit.value) {
      after[edit.key] = *edit.value;
    } else {
      after.erase(edit.key);
    }
  }
  return rules.check_group_whole(after);
}

/// Nothing for what is not there; `alter_configs` says why.
ConfigOverrides overrides_of(const MetadataImage& image, std::int8_t type,
                             const std::string& name) {
  if (type == kGroupResource) return image.group_configs(name);
  if (type == kBrokerResource) return image.broker_configs(name);
  const auto topic = type == kTopicResource ? image.topic(std::string_view{name}) : nullptr;
  return topic ? topic->configs : ConfigOverrides{};
}

MetadataRecord record_of(const Resource& resource, const Edit& edit) {
  switch (resource.resource_type) {
    case kTopicResource:
      return topic_config_record(resource.resource_name, edit.key, edit.value);
    case kGroupResource:
      return group_config_record(resource.resource_name, edit.key, edit.value);
    default:
      return broker_config_record(resource.resource_name, edit.key, edit.value);
  }
}

}  // namespace

ControllerOutcome<IncrementalAlterConfigsResponse> Controller::alter_configs(
    const MetadataImage& image, const IncrementalAlterConfigsRequest& request) const {
  ControllerOutcome<IncrementalAlterConfigsResponse> outcome;
  for (const Resource& resource : request.resources) {
    auto& result = outcome.response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_message = std::nullopt;
    const auto refuse = [&result](ErrorCode code, std::string message) {
      result.error_code = code;
      result.error_message = std::move(message);
    };
    const bool is_topic = resource.resource_type == kTopicResource;
    const bool is_group = resource.resource_type == kGroupResource;
    if (!is_topic && !is_group && resource.resource_type != kBrokerResource) {
      refuse(ErrorCode::invalid_request,
             fmt::format("settings of resource type {} cannot be changed here; topics are type {}, "
                         "brokers {}, groups {}",
                         resource.resource_type, kTopicResource, kBrokerResource, kGroupResource));
      continue;
    }
    if (is_group && resource.resource_name.empty()) {
      refuse(ErrorCode::invalid_request,
             "a group has a name; the settings of all groups are the broker's group.consumer.*");
      continue;
    }
    const auto topic = is_topic ? image.topic(std::string_view{resource.resource_name}) : nullptr;
    if (is_topic && !topic) {
      refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
      continue;
    }
    const ConfigOverrides& current = topic      ? topic->configs
                                     : is_group ? image.group_configs(resource.resource_name)
                                                : image.broker_configs(resource.resource_name);
    std::vector<Edit> edits;
    std::set<std::string> seen;
    for (const Change& change : resource.configs) {
      Edit edit;
      auto why =
          resolve(change, current, image.broker_configs(""), rules_, resource.resource_type, edit);
      if (!why && !seen.insert(change.name).second) {
        why = fmt::format("setting '{}' is given twice", change.name);
      }
      if (why) {
        refuse(ErrorCode::invalid_config, std::move(*why));
        break;
      }
      edits.push_back(std::move(edit));
    }
    if (is_group && result.error_code == ErrorCode::none) {
      auto why = refused_together(current, edits, rules_);
      if (why) refuse(ErrorCode::invalid_config, std::move(*why));
    }
    if (result.error_code != ErrorCode::none || request.validate_only) continue;
    for (const Edit& edit : edits) {
      outcome.records.push_back(record_of(resource, edit));
      if (is_group) continue;
      std::ranges::move(forget_eligible(image, topic.get(), edit.key, rules_),
                        std::back_inserter(outcome.records));
    }
  }
  return outcome;
}

/// The same as to delete every override that is not named, and to set the others.
ControllerOutcome<protocol::AlterConfigsResponse> Controller::replace_configs(
    const MetadataImage& image, const protocol::AlterConfigsRequest& request) const {
  IncrementalAlterConfigsRequest changes;
  changes.validate_only = request.validate_only;
  for (const auto& wanted : request.resources) {
    auto& resource = changes.resources.emplace_back();
    resource.resource_type = wanted.resource_type;
    resource.resource_name = wanted.resource_name;
    for (const auto& config : wanted.configs) {
      resource.configs.push_back({.name = config.name,
                                  .config_operation = std::to_underlying(Operation::set),
                                  .value = config.value});
    }
    for (const auto& [name, value] :
         overrides_of(image, wanted.resource_type, wanted.resource_name)) {
      const bool named = std::ranges::any_of(
          wanted.configs, [&](const auto& config) { return config.name == name; });
      if (named) continue;
      resource.configs.push_back({.name = name,
                                  .config_operation = std::to_underlying(Operation::remove),
                                  .value = std::nullopt});
    }
  }
  auto changed = alter_configs(image, changes);
  ControllerOutcome<protocol::AlterConfigsResponse> outcome;
  outcome.records = std::move(changed.records);
  for (auto& result : changed.response.responses) {
    outcome.response.responses.push_back({.error_code = result.error_code,
                                          .error_message = std::move(result.error_message),
                                          .resource_type = result.resource_type,
                                          .resource_name = std::move(result.resource_name)});
  }
  return outcome;
}

}  // namespace millrace::replication
