#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "replication/controller/controller.hpp"
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
                                   const ConfigRules& rules, bool is_topic, Edit& edit) {
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
      edit.value = edited_list(rules.effective(change.name, current), *change.value,
                               operation == Operation::append);
      break;
    default:
      return fmt::format("unknown operation {} on setting '{}'", change.config_operation,
                         change.name);
  }
  return is_topic ? rules.check_topic(edit.key, *edit.value)
                  : rules.check_broker(edit.key, *edit.value);
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
    if (!is_topic && resource.resource_type != kBrokerResource) {
      refuse(ErrorCode::invalid_request,
             fmt::format("settings of resource type {} cannot be changed here; topics are type {}, "
                         "brokers {}",
                         resource.resource_type, kTopicResource, kBrokerResource));
      continue;
    }
    const auto topic = is_topic ? image.topic(std::string_view{resource.resource_name}) : nullptr;
    if (is_topic && !topic) {
      refuse(ErrorCode::unknown_topic_or_partition, "there is no such topic");
      continue;
    }
    const ConfigOverrides& current =
        topic ? topic->configs : image.broker_configs(resource.resource_name);
    std::vector<Edit> edits;
    std::set<std::string> seen;
    for (const Change& change : resource.configs) {
      Edit edit;
      auto why = resolve(change, current, rules_, is_topic, edit);
      if (!why && !seen.insert(change.name).second) {
        why = fmt::format("setting '{}' is given twice", change.name);
      }
      if (why) {
        refuse(ErrorCode::invalid_config, std::move(*why));
        break;
      }
      edits.push_back(std::move(edit));
    }
    if (result.error_code != ErrorCode::none || request.validate_only) continue;
    for (const Edit& edit : edits) {
      outcome.records.push_back(
          is_topic ? topic_config_record(resource.resource_name, edit.key, edit.value)
                   : broker_config_record(resource.resource_name, edit.key, edit.value));
    }
  }
  return outcome;
}

}  // namespace millrace::replication
