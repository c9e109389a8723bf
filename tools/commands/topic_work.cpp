#include "tools/commands/topic_work.hpp"

#include <fmt/format.h>

#include "clients/admin.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;

Instant deadline_of(const Context& context, const Client& client) {
  return client.now() + context.globals.timeout;
}

void keep_first(ExitCode& code, ExitCode next) {
  if (code == ExitCode::ok) code = next;
}

/// A change to several topics that gives nothing but success: `verb` is "deleted", "changed".
ExitCode show_changes(const Context& context, std::string_view verb,
                      const clients::PerItem<std::string, void>& results) {
  auto code = ExitCode::ok;
  json::array document;
  Table table;
  for (const auto& [name, outcome] : results) {
    if (!outcome) {
      keep_first(code, context.fail(outcome.error()));
      continue;
    }
    document.push_back({{"name", name}, {verb, true}});
    table.rows.push_back({fmt::format("{} {}", verb, name)});
  }
  table.header = {};
  keep_first(code, context.show({.document = std::move(document), .tables = {std::move(table)}}));
  return code;
}

}  // namespace

net::Awaitable<ExitCode> create_topics(const Context& context, Client& client,
                                       TopicArguments arguments) {
  Admin admin{client};
  std::vector<clients::NewTopic> topics;
  for (const auto& name : arguments.names) {
    topics.push_back({.name = name,
                      .partitions = arguments.partitions,
                      .replication_factor = arguments.replication_factor,
                      .configs = arguments.configs});
  }
  const auto results =
      co_await admin.create_topics(std::move(topics), deadline_of(context, client));
  if (!results) co_return context.fail(results.error());
  auto code = ExitCode::ok;
  json::array document;
  Table table;
  for (const auto& [name, outcome] : *results) {
    if (outcome) {
      json::object entry{{"name", name}, {"created", true}};
      entry["partitions"] = outcome->partitions ? json::value(*outcome->partitions) : nullptr;
      entry["replication_factor"] =
          outcome->replication_factor ? json::value(*outcome->replication_factor) : nullptr;
      document.push_back(std::move(entry));
      const auto partitions = outcome->partitions.value_or(0);
      table.rows.push_back({partitions > 0
                                ? fmt::format("created {} with {} {}", name, partitions,
                                              partitions == 1 ? "partition" : "partitions")
                                : fmt::format("created {}", name)});
    } else if (arguments.if_not_exists &&
               outcome.error().broker_code == protocol::ErrorCode::topic_already_exists) {
      document.push_back({{"name", name}, {"created", false}});
      table.rows.push_back({fmt::format("{} is there already", name)});
    } else {
      keep_first(code, context.fail(outcome.error()));
    }
  }
  keep_first(code, context.show({.document = std::move(document), .tables = {std::move(table)}}));
  co_return code;
}

net::Awaitable<ExitCode> list_topics(const Context& context, Client& client,
                                     TopicArguments arguments) {
  Admin admin{client};
  const auto topics = co_await admin.list_topics(deadline_of(context, client), arguments.internal);
  if (!topics) co_return context.fail(topics.error());
  json::array document;
  Table table{.header = {"NAME", "PARTITIONS"}};
  if (arguments.internal) table.header.emplace_back("INTERNAL");
  for (const auto& topic : *topics) {
    document.push_back({{"name", topic.name},
                        {"id", topic.id.to_string()},
                        {"internal", topic.internal},
                        {"partitions", topic.partitions}});
    table.rows.push_back({topic.name, fmt::to_string(topic.partitions)});
    if (arguments.internal) table.rows.back().emplace_back(topic.internal ? "yes" : "no");
  }
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

net::Awaitable<ExitCode> delete_topics(const Context& context, Client& client,
                                       TopicArguments arguments) {
  Admin admin{client};
  const auto results =
      co_await admin.delete_topics(std::move(arguments.names), deadline_of(context, client));
  if (!results) co_return context.fail(results.error());
  co_return show_changes(context, "deleted", *results);
}

net::Awaitable<ExitCode> alter_topics(const Context& context, Client& client,
                                      TopicArguments arguments) {
  if (arguments.configs.empty() && arguments.unset.empty())
    co_return context.fail(usage_error("nothing to change: give -c KEY=VALUE or --unset KEY"));
  Admin admin{client};
  std::vector<clients::ConfigChange> changes;
  for (const auto& [name, value] : arguments.configs)
    changes.push_back({.name = name, .value = value});
  for (const auto& name : arguments.unset)
    changes.push_back({.name = name, .operation = clients::ConfigOperation::remove});
  std::map<clients::ConfigResource, std::vector<clients::ConfigChange>> all;
  for (const auto& name : arguments.names) all[{.name = name}] = changes;
  const auto results = co_await admin.alter_configs(std::move(all), deadline_of(context, client));
  if (!results) co_return context.fail(results.error());
  clients::PerItem<std::string, void> by_name;
  for (const auto& [resource, outcome] : *results) by_name.emplace_back(resource.name, outcome);
  co_return show_changes(context, "changed", by_name);
}

net::Awaitable<ExitCode> add_partitions(const Context& context, Client& client,
                                        TopicArguments arguments) {
  Admin admin{client};
  std::map<std::string, std::int32_t> totals;
  for (const auto& name : arguments.names) totals[name] = *arguments.partitions;
  const auto results =
      co_await admin.create_partitions(std::move(totals), deadline_of(context, client));
  if (!results) co_return context.fail(results.error());
  co_return show_changes(context, "changed", *results);
}

}  // namespace millrace::tools
