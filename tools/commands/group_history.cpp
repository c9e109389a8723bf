#include <fmt/format.h>

#include <boost/json/value.hpp>

#include "clients/admin.hpp"
#include "tools/commands/group_work.hpp"
#include "tools/time_text.hpp"

/// `group history`: why a group rebalanced.
namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using protocol::GroupRebalance;

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : printable(text);
}

json::object document_of(const GroupRebalance& rebalance) {
  json::array causes;
  for (const auto& each : rebalance.triggers) {
    causes.push_back({{"cause", each.cause},
                      {"at_ms", each.at_ms},
                      {"member", or_null(each.member_id)},
                      {"instance_id", or_null(each.instance_id)},
                      {"client_id", or_null(each.client_id)},
                      {"host", or_null(each.host)},
                      {"reason", or_null(each.reason)}});
  }
  json::array members;
  for (const auto& each : rebalance.shares) {
    members.push_back({{"member", each.member},
                       {"partitions_before", each.before},
                       {"partitions_after", each.after}});
  }
  json::array moved;
  for (const auto& each : rebalance.moved) {
    moved.push_back({{"topic", each.topic},
                     {"partition", each.partition},
                     {"from", or_null(each.from_member)},
                     {"to", or_null(each.to_member)}});
  }
  return {
      {"began_ms", rebalance.began_ms},
      {"took_ms", rebalance.took_ms < 0 ? json::value(nullptr) : json::value(rebalance.took_ms)},
      {"protocol", rebalance.protocol},
      {"state", or_null(rebalance.state)},
      {"epoch_before", rebalance.epoch_before},
      {"epoch_after", rebalance.epoch_after},
      {"members_before", rebalance.members_before},
      {"members_after", rebalance.members_after},
      {"causes", std::move(causes)},
      {"causes_left_out", rebalance.triggers_left_out},
      {"members", std::move(members)},
      {"members_left_out", rebalance.shares_left_out},
      {"moved", std::move(moved)},
      {"moved_left_out", rebalance.moved_left_out}};
}

std::string took(const GroupRebalance& rebalance) {
  if (rebalance.took_ms < 0) return "running";
  const auto text = duration_text(std::chrono::milliseconds{rebalance.took_ms});
  return rebalance.state.empty() ? text + ", taken back" : text;
}

std::string words(std::string cause) {
  for (char& c : cause) c = c == '_' ? ' ' : c;
  return printable(cause);
}

/// A line for each cause; what concerns the whole rebalance stands in the first.
void add_rows(const GroupRebalance& rebalance, Table& table) {
  const auto moved = rebalance.moved.size() + static_cast<std::size_t>(rebalance.moved_left_out);
  std::vector<std::string> whole{
      utc_text(Timestamp{rebalance.began_ms}), took(rebalance),
      fmt::format("{}>{}", rebalance.epoch_before, rebalance.epoch_after),
      fmt::format("{}>{}", rebalance.members_before, rebalance.members_after),
      fmt::to_string(moved)};
  for (const auto& each : rebalance.triggers) {
    auto row = whole;
    row.insert(row.end(),
               {words(each.cause), or_dash(each.member_id), or_dash(each.instance_id.value_or("")),
                or_dash(each.client_id), or_dash(each.host), or_dash(each.reason)});
    table.rows.push_back(std::move(row));
    for (auto& cell : whole) cell.clear();
  }
  if (rebalance.triggers_left_out > 0) {
    auto row = whole;
    row.insert(row.end(),
               {fmt::format("and {} more", rebalance.triggers_left_out), "", "", "", "", ""});
    table.rows.push_back(std::move(row));
  }
}

/// What the newest one moved: who asks has most likely come because of that.
Table moved_by(const GroupRebalance& rebalance) {
  Table table{.title = fmt::format("moved by the newest, begun {}",
                                   utc_text(Timestamp{rebalance.began_ms})),
              .header = {"TOPIC", "PARTITION", "FROM", "TO"},
              .rows = {}};
  for (const auto& each : rebalance.moved) {
    table.rows.push_back({printable(each.topic), fmt::to_string(each.partition),
                          or_dash(each.from_member), or_dash(each.to_member)});
  }
  if (rebalance.moved_left_out > 0)
    table.rows.push_back({fmt::format("and {} more", rebalance.moved_left_out), "", "", ""});
  return table;
}

}  // namespace

net::Awaitable<ExitCode> show_group_history(const Context& context, clients::Client& client,
                                            std::vector<std::string> ids) {
  Admin admin{client};
  const auto histories =
      co_await admin.group_history(std::move(ids), client.now() + context.globals.timeout);
  if (!histories) co_return context.fail(histories.error());
  auto code = ExitCode::ok;
  Report report{.document = json::array{}, .tables = {}};
  for (const auto& [id, history] : *histories) {
    if (!history) {
      const auto failed = context.fail(history.error());
      if (code == ExitCode::ok) code = failed;
      continue;
    }
    json::array rebalances;
    Table table{.title = fmt::format("{}  ({} rebalances since {})", printable(id),
                                     history->rebalances.size(), utc_text(history->since)),
                .header = {"BEGAN", "TOOK", "EPOCH", "MEMBERS", "MOVED", "CAUSE", "MEMBER",
                           "INSTANCE", "CLIENT", "HOST", "REASON"},
                .rows = {}};
    for (const auto& each : history->rebalances) {
      rebalances.push_back(document_of(each));
      add_rows(each, table);
    }
    if (history->rebalances.empty()) table.header.clear();
    report.tables.push_back(std::move(table));
    if (!history->rebalances.empty() && !history->rebalances.back().moved.empty())
      report.tables.push_back(moved_by(history->rebalances.back()));
    report.document.as_array().push_back(
        {{"group", id}, {"since_ms", history->since.value}, {"rebalances", std::move(rebalances)}});
  }
  const auto shown = context.show(report);
  co_return code == ExitCode::ok ? shown : code;
}

}  // namespace millrace::tools
