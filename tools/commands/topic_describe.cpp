#include <fmt/format.h>

#include <algorithm>

#include "clients/admin.hpp"
#include "tools/commands/config_work.hpp"
#include "tools/commands/topic_work.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;
using Lookup = clients::PerItem<TopicPartition, clients::OffsetAtTime>;

std::optional<std::int64_t> offset_of(const Lookup& offsets, const TopicPartition& at) {
  const auto found = std::ranges::find(offsets, at, &Lookup::value_type::first);
  if (found == offsets.end() || !found->second || !found->second->offset) return std::nullopt;
  return found->second->offset->value;
}

json::value or_null(std::optional<std::int64_t> number) {
  return number ? json::value(*number) : json::value(nullptr);
}

std::string or_dash(std::optional<std::int64_t> number) {
  return number ? fmt::to_string(*number) : "-";
}

json::array ids_of(const std::vector<BrokerId>& brokers) {
  json::array ids;
  for (const auto broker : brokers) ids.push_back(broker.value);
  return ids;
}

std::string list_of(const std::vector<BrokerId>& brokers) {
  std::string text;
  for (const auto broker : brokers)
    text += fmt::format("{}{}", text.empty() ? "" : ",", broker.value);
  return text.empty() ? "-" : text;
}

struct Described {
  const clients::TopicInfo& topic;
  const Lookup& earliest;
  const Lookup& latest;
  const std::vector<clients::ConfigEntry>& configs;
};

void add_to(Report& report, const Described& d) {
  json::array partitions;
  Table table{
      .title = fmt::format("{}  (id {})", d.topic.name, d.topic.id.to_string()),
      .header = {"PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN-SYNC", "EARLIEST", "LATEST"}};
  for (const auto& partition : d.topic.partitions) {
    const TopicPartition at{d.topic.name, partition.index};
    std::optional<std::int64_t> leader;
    std::optional<std::int64_t> epoch;
    if (partition.leader) leader = partition.leader->value;
    if (partition.leader_epoch) epoch = partition.leader_epoch->value;
    const auto first = offset_of(d.earliest, at);
    const auto end = offset_of(d.latest, at);
    partitions.push_back({{"partition", partition.index.value},
                          {"leader", or_null(leader)},
                          {"leader_epoch", or_null(epoch)},
                          {"replicas", ids_of(partition.replicas)},
                          {"in_sync", ids_of(partition.in_sync)},
                          {"earliest", or_null(first)},
                          {"latest", or_null(end)}});
    table.rows.push_back({fmt::to_string(partition.index.value), or_dash(leader), or_dash(epoch),
                          list_of(partition.replicas), list_of(partition.in_sync), or_dash(first),
                          or_dash(end)});
  }
  json::array configs;
  Table settings{.header = {"SETTING", "VALUE", "FROM"}};
  for (const auto& entry : d.configs) {
    if (entry.source == clients::ConfigSource::builtin_default) continue;
    configs.push_back({{"name", entry.name},
                       {"value", entry.value ? json::value(*entry.value) : json::value(nullptr)},
                       {"source", source_name(entry.source)}});
    settings.rows.push_back(
        {entry.name, entry.value.value_or("-"), std::string{source_name(entry.source)}});
  }
  report.document.as_array().push_back({{"name", d.topic.name},
                                        {"id", d.topic.id.to_string()},
                                        {"internal", d.topic.internal},
                                        {"partitions", std::move(partitions)},
                                        {"configs", std::move(configs)}});
  report.tables.push_back(std::move(table));
  if (!settings.rows.empty()) report.tables.push_back(std::move(settings));
}

}  // namespace

net::Awaitable<ExitCode> describe_topics(const Context& context, Client& client,
                                         TopicArguments arguments) {
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  const auto topics = co_await admin.describe_topics(std::move(arguments.names), deadline);
  if (!topics) co_return context.fail(topics.error());
  auto code = ExitCode::ok;
  Report report{.document = json::array{}};
  for (const auto& [name, topic] : *topics) {
    if (!topic) {
      const auto failed = context.fail(topic.error());
      if (code == ExitCode::ok) code = failed;
      continue;
    }
    std::map<TopicPartition, clients::StartPosition> first;
    std::map<TopicPartition, clients::StartPosition> end;
    for (const auto& partition : topic->partitions) {
      if (!partition.leader) continue;  // nobody can answer for it
      first[{name, partition.index}] = clients::FromEarliest{};
      end[{name, partition.index}] = clients::FromLatest{};
    }
    const auto earliest = co_await admin.list_offsets(std::move(first), deadline);
    if (!earliest) co_return context.fail(earliest.error());
    const auto latest = co_await admin.list_offsets(std::move(end), deadline);
    if (!latest) co_return context.fail(latest.error());
    std::vector<clients::ConfigResource> resource{{.name = name}};
    const auto configs = co_await admin.describe_configs(std::move(resource), deadline);
    if (!configs) co_return context.fail(configs.error());
    static const std::vector<clients::ConfigEntry> kNone;
    const bool known = !configs->empty() && configs->front().second.has_value();
    add_to(report, {.topic = *topic,
                    .earliest = *earliest,
                    .latest = *latest,
                    .configs = known ? *configs->front().second : kNone});
  }
  const auto shown = context.show(report);
  co_return code == ExitCode::ok ? shown : code;
}

}  // namespace millrace::tools
