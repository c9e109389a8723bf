#include "tools/commands/config_work.hpp"

#include <fmt/format.h>

#include "tools/options.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;

std::string name_of(const clients::ConfigResource& resource) {
  switch (resource.type) {
    case clients::ConfigResourceType::topic:
      return fmt::format("topic {}", resource.name);
    case clients::ConfigResourceType::group:
      return fmt::format("group {}", resource.name);
    case clients::ConfigResourceType::broker:
      return resource.name.empty() ? "all brokers" : fmt::format("broker {}", resource.name);
  }
  return resource.name;
}

}  // namespace

std::string_view source_name(clients::ConfigSource source) {
  using clients::ConfigSource;
  switch (source) {
    case ConfigSource::topic:
      return "topic";
    case ConfigSource::group:
      return "group";
    case ConfigSource::dynamic_broker:
    case ConfigSource::dynamic_default_broker:
      return "cluster";
    case ConfigSource::static_broker:
      return "broker";
    case ConfigSource::builtin_default:
      return "default";
    default:
      return "other";
  }
}

net::Awaitable<ExitCode> show_configs(const Context& context, Client& client,
                                      ConfigArguments arguments) {
  Admin admin{client};
  const auto described =
      co_await admin.describe_configs({arguments.resource}, client.now() + context.globals.timeout);
  if (!described) co_return context.fail(described.error());
  const auto& entries = described->front().second;
  if (!entries) co_return context.fail(entries.error());
  json::array document;
  Table table{.title = {}, .header = {"NAME", "VALUE", "SOURCE"}, .rows = {}};
  for (const auto& entry : *entries) {
    const bool is_default = entry.source == clients::ConfigSource::builtin_default;
    if (is_default && !arguments.all) continue;
    document.push_back({{"name", entry.name},
                        {"value", entry.value ? json::value(*entry.value) : json::value(nullptr)},
                        {"source", source_name(entry.source)},
                        {"read_only", entry.read_only}});
    table.rows.push_back(
        {entry.name, entry.value.value_or("-"), std::string{source_name(entry.source)}});
  }
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

net::Awaitable<ExitCode> set_configs(const Context& context, Client& client,
                                     ConfigArguments arguments) {
  if (arguments.configs.empty() && arguments.unset.empty())
    co_return context.fail(usage_error("nothing to change: give KEY=VALUE or --unset KEY"));
  Admin admin{client};
  std::vector<clients::ConfigChange> changes;
  for (const auto& [name, value] : arguments.configs)
    changes.push_back({.name = name, .value = value});
  for (const auto& name : arguments.unset)
    changes.push_back({.name = name, .operation = clients::ConfigOperation::remove});
  std::map<clients::ConfigResource, std::vector<clients::ConfigChange>> all;
  all.emplace(arguments.resource, std::move(changes));
  const auto results =
      co_await admin.alter_configs(std::move(all), client.now() + context.globals.timeout);
  if (!results) co_return context.fail(results.error());
  const auto& outcome = results->front().second;
  if (!outcome) co_return context.fail(outcome.error());
  const auto name = name_of(arguments.resource);
  Table table{.title = {}, .header = {}, .rows = {{fmt::format("changed {}", name)}}};
  co_return context.show({.document = json::object{{"resource", name}, {"changed", true}},
                          .tables = {std::move(table)}});
}

}  // namespace millrace::tools
