#include <fmt/format.h>

#include <algorithm>

#include "broker/handlers/handlers.hpp"
#include "broker/shard.hpp"
#include "config/describe.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Result = protocol::DescribeConfigsResponse::DescribeConfigsResult;

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kBroker = 4;
constexpr std::int8_t kGroup = 32;

void fill(const std::vector<config::ConfigEntry>& entries,
          const protocol::DescribeConfigsRequest::DescribeConfigsResource& wanted,
          const protocol::DescribeConfigsRequest& request, Result& result) {
  for (const auto& entry : entries) {
    const auto& keys = wanted.configuration_keys;
    if (keys && std::ranges::find(*keys, entry.name) == keys->end()) continue;
    auto& config = result.configs.emplace_back();
    config.name = entry.name;
    config.value = entry.value;
    config.read_only = entry.read_only;
    config.config_source = static_cast<std::int8_t>(entry.source);
    config.is_sensitive = entry.sensitive;
    config.config_type = static_cast<std::int8_t>(entry.type);
    config.documentation = std::nullopt;
    if (request.include_documentation) config.documentation = entry.doc;
    if (!request.include_synonyms) continue;
    for (const auto& synonym : entry.synonyms) {
      auto& told = config.synonyms.emplace_back();
      told.name = synonym.name;
      told.value = synonym.value;
      told.source = static_cast<std::int8_t>(synonym.source);
    }
  }
}

}  // namespace

net::Awaitable<DescribeConfigs::Response> DescribeConfigs::handle(Request request,
                                                                  RequestContext& context) {
  Response response;
  const replication::ImagePtr image = context.shard.image();
  const auto& config = context.node.config;
  const std::string own_id = fmt::format("{}", context.node.settings.node_id.value);
  for (const auto& wanted : request.resources) {
    auto& result = response.results.emplace_back();
    result.resource_type = wanted.resource_type;
    result.resource_name = wanted.resource_name;
    result.error_message = std::nullopt;
    if (wanted.resource_type == kTopic) {
      const auto topic = image->topic(std::string_view{wanted.resource_name});
      if (!topic) {
        result.error_code = ErrorCode::unknown_topic_or_partition;
        result.error_message = "there is no such topic";
        continue;
      }
      fill(config::describe_topic(topic->configs, config), wanted, request, result);
    } else if (wanted.resource_type == kBroker && wanted.resource_name == own_id) {
      fill(config::describe_broker(config), wanted, request, result);
    } else if (wanted.resource_type == kBroker && wanted.resource_name.empty()) {
      // Dynamic settings of all brokers: none can be set here, so there is nothing to list.
    } else if (wanted.resource_type == kGroup && !wanted.resource_name.empty()) {
      const auto& overrides = image->group_configs(wanted.resource_name);
      fill(config::describe_group(overrides, config), wanted, request, result);
    } else {
      result.error_code = ErrorCode::invalid_request;
      result.error_message = fmt::format(
          "settings of resource type {} named '{}' are not kept here: topics are type {}, this "
          "broker is type {} named '{}', groups are type {} and have a name",
          wanted.resource_type, wanted.resource_name, kTopic, kBroker, own_id, kGroup);
    }
  }
  co_return response;
}

}  // namespace millrace::broker
