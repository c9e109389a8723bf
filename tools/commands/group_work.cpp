#include "tools/commands/group_work.hpp"

#include <fmt/format.h>

#include "clients/admin.hpp"
#include "tools/time_text.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

void keep_first(ExitCode& code, ExitCode next) {
  if (code == ExitCode::ok) code = next;
}

/// Old brokers say "Dead" of a group that does not exist, instead of an error.
clients::ClientError no_such_group(const std::string& id) {
  return {.code = clients::Errc::rejected,
          .broker_code = protocol::ErrorCode::group_id_not_found,
          .message = fmt::format(
              "group {} does not exist; `millrace group list` shows those that do", id)};
}

json::object document_of(const clients::GroupDescription& group) {
  json::array members;
  for (const auto& member : group.members) {
    json::array assignment;
    for (const auto& at : member.assignment)
      assignment.push_back({{"topic", at.topic}, {"partition", at.partition.value}});
    members.push_back({{"id", member.id},
                       {"instance_id", member.instance_id ? json::value(*member.instance_id)
                                                          : json::value(nullptr)},
                       {"client_id", member.client_id},
                       {"host", member.client_host},
                       {"assignment", std::move(assignment)}});
  }
  return {{"group", group.id},
          {"state", group.state},
          {"type", group.type},
          {"epoch", group.epoch ? json::value(*group.epoch) : json::value(nullptr)},
          {"protocol_type", group.protocol_type},
          {"assignor", group.assignor},
          {"coordinator", group.coordinator.value},
          {"members", std::move(members)}};
}

Table table_of(const clients::GroupDescription& group) {
  Table table{.title =
                  fmt::format("{}  (state {}, type {}, assignor {}, coordinator {}, {} members)",
                              group.id, group.state, group.type, or_dash(group.assignor),
                              group.coordinator.value, group.members.size())};
  if (group.members.empty()) return table;
  table.header = {"MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"};
  for (const auto& member : group.members) {
    std::string partitions;
    for (const auto& at : member.assignment)
      partitions +=
          fmt::format("{}{}-{}", partitions.empty() ? "" : " ", at.topic, at.partition.value);
    table.rows.push_back({member.id, member.instance_id.value_or("-"), or_dash(member.client_id),
                          or_dash(member.client_host), or_dash(partitions)});
  }
  return table;
}

double seconds_of(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

void add_lag(Report& report, const std::string& id,
             const std::vector<clients::PartitionLag>& partitions, Timestamp now) {
  std::int64_t total = 0;
  std::optional<std::chrono::milliseconds> longest;
  json::array document;
  Table table{.header = {"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND"}};
  for (const auto& lag : partitions) {
    total += lag.lag.value_or(0);
    const auto& [topic, partition] = lag.partition;
    json::object entry{{"topic", topic}, {"partition", partition.value}};
    entry["committed"] = lag.committed ? json::value(lag.committed->value) : nullptr;
    entry["end"] = lag.end.value;
    entry["lag"] = lag.lag ? json::value(*lag.lag) : nullptr;
    // How long the next record has been waiting; a clock that is ahead of this one makes it 0.
    std::optional<std::chrono::milliseconds> behind;
    if (lag.waiting_since) behind = std::max(now - *lag.waiting_since, {});
    if (lag.lag == 0) behind = std::chrono::milliseconds{0};
    if (behind) longest = std::max(longest.value_or(*behind), *behind);
    entry["waiting_since_ms"] = lag.waiting_since ? json::value(lag.waiting_since->value) : nullptr;
    entry["lag_seconds"] = behind ? json::value(seconds_of(*behind)) : nullptr;
    document.push_back(std::move(entry));
    table.rows.push_back({topic, fmt::to_string(partition.value),
                          lag.committed ? fmt::to_string(lag.committed->value) : "-",
                          fmt::to_string(lag.end.value), lag.lag ? fmt::to_string(*lag.lag) : "-",
                          behind ? duration_text(*behind) : "-"});
  }
  table.title = fmt::format("{}  (lag {} in all, {} behind)", id, total,
                            longest ? duration_text(*longest) : "-");
  report.document.as_array().push_back(
      {{"group", id},
       {"total_lag", total},
       {"lag_seconds", longest ? json::value(seconds_of(*longest)) : json::value(nullptr)},
       {"partitions", std::move(document)}});
  report.tables.push_back(std::move(table));
}

}  // namespace

net::Awaitable<ExitCode> list_groups(const Context& context, Client& client,
                                     std::vector<std::string>) {
  Admin admin{client};
  const auto groups = co_await admin.list_groups(client.now() + context.globals.timeout);
  if (!groups) co_return context.fail(groups.error());
  json::array document;
  Table table{.header = {"GROUP", "STATE", "TYPE", "COORDINATOR"}};
  for (const auto& group : *groups) {
    document.push_back({{"group", group.id},
                        {"state", group.state},
                        {"type", group.type},
                        {"protocol_type", group.protocol_type},
                        {"coordinator", group.coordinator.value}});
    table.rows.push_back({group.id, or_dash(group.state), or_dash(group.type),
                          fmt::to_string(group.coordinator.value)});
  }
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

net::Awaitable<ExitCode> describe_groups(const Context& context, Client& client,
                                         std::vector<std::string> ids) {
  Admin admin{client};
  const auto groups =
      co_await admin.describe_groups(std::move(ids), client.now() + context.globals.timeout);
  if (!groups) co_return context.fail(groups.error());
  auto code = ExitCode::ok;
  Report report{.document = json::array{}};
  for (const auto& [id, group] : *groups) {
    if (!group) {
      keep_first(code, context.fail(group.error()));
    } else if (group->state == "Dead") {
      keep_first(code, context.fail(no_such_group(id)));
    } else {
      report.document.as_array().push_back(document_of(*group));
      report.tables.push_back(table_of(*group));
    }
  }
  keep_first(code, context.show(report));
  co_return code;
}

net::Awaitable<ExitCode> show_group_lag(const Context& context, Client& client,
                                        std::vector<std::string> ids) {
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  auto code = ExitCode::ok;
  Report report{.document = json::array{}};
  for (const auto& id : ids) {
    const auto partitions = co_await admin.group_lag(id, deadline);
    if (!partitions) {
      keep_first(code, context.fail(partitions.error()));
      continue;
    }
    if (partitions->empty()) {
      // Nothing committed looks the same for a group without offsets and for no group at all.
      std::vector<std::string> one{id};
      const auto found = co_await admin.describe_groups(std::move(one), deadline);
      const bool missing = !found || found->empty() || !found->front().second ||
                           found->front().second->state == "Dead";
      if (missing) {
        keep_first(code, context.fail(no_such_group(id)));
        continue;
      }
    }
    add_lag(report, id, *partitions, SystemClock{}.wall());
  }
  keep_first(code, context.show(report));
  co_return code;
}

net::Awaitable<ExitCode> delete_groups(const Context& context, Client& client,
                                       std::vector<std::string> ids) {
  Admin admin{client};
  const auto results =
      co_await admin.delete_groups(std::move(ids), client.now() + context.globals.timeout);
  if (!results) co_return context.fail(results.error());
  auto code = ExitCode::ok;
  json::array document;
  Table table;
  for (const auto& [id, outcome] : *results) {
    if (!outcome) {
      keep_first(code, context.fail(outcome.error()));
      continue;
    }
    document.push_back({{"group", id}, {"deleted", true}});
    table.rows.push_back({fmt::format("deleted {}", id)});
  }
  keep_first(code, context.show({.document = std::move(document), .tables = {std::move(table)}}));
  co_return code;
}

}  // namespace millrace::tools
