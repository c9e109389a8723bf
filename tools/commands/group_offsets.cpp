#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>

#include "clients/admin.hpp"
#include "tools/commands/consume_start.hpp"
#include "tools/commands/group_work.hpp"
#include "tools/options.hpp"

/// `group seek` and `group delete-offsets`: what a group has committed, changed by hand.
namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;
using clients::Outcome;
using Committed = std::map<TopicPartition, clients::CommittedOffset>;

std::string text_of(const TopicPartition& at) {
  return fmt::format("{}-{}", at.topic, at.partition.value);
}

/// The partitions that the arguments name, or that the group has committed something for.
bool is_meant(const TopicPartition& at, const GroupOffsetArguments& arguments) {
  const auto has = [](const auto& list, const auto& item) {
    return list.empty() || std::ranges::find(list, item) != list.end();
  };
  return has(arguments.topics, at.topic) && has(arguments.partitions, at.partition.value);
}

/// Where each partition is to go. Partitions of topics that are named need no commit yet.
net::Awaitable<Outcome<clients::PartitionOffsets>> targets_of(Client& client,
                                                              const GroupOffsetArguments& arguments,
                                                              const Committed& committed,
                                                              Instant deadline) {
  ConsumePlan plan{.topics = arguments.topics,
                   .partitions = arguments.partitions,
                   .range = {.from = arguments.to, .to = std::nullopt},
                   .records_max = {},
                   .exit_at_end = false,
                   .group = {},
                   .options = {},
                   .print = {}};
  if (plan.topics.empty()) {
    for (const auto& [at, offset] : committed) {
      if (plan.topics.empty() || plan.topics.back() != at.topic) plan.topics.push_back(at.topic);
    }
    plan.partitions.clear();  // only what is committed is meant, and found below
  }
  const auto spans = co_await spans_of(client, plan, deadline);
  if (!spans) co_return spans.error();
  clients::PartitionOffsets targets;
  for (const auto& [at, span] : *spans) {
    const bool meant = arguments.topics.empty() ? committed.contains(at) && is_meant(at, arguments)
                                                : is_meant(at, arguments);
    // A place behind the end would be read as none at all.
    if (meant) targets.emplace(at, span.fetch_from);
  }
  co_return targets;
}

/// Offsets of a group whose members run are theirs: whatever is put there, they commit over it.
net::Awaitable<Outcome<void>> check_is_empty(Client& client, const std::string& group,
                                             Instant deadline) {
  Admin admin{client};
  const auto found = co_await admin.describe_groups({group}, deadline);
  if (!found) co_return found.error();
  const auto& description = found->front().second;
  // One that does not exist has no members: its first offsets may be set before it starts.
  if (!description || description->members.empty()) co_return Outcome<void>{};
  co_return clients::ClientError{
      .code = clients::Errc::rejected,
      .broker_code = protocol::ErrorCode::non_empty_group,
      .message = fmt::format("group {} has {} members, which would commit over it: stop them "
                             "first; `millrace group describe {}` shows them",
                             group, description->members.size(), group)};
}

Report report_of(const std::string& group, const Committed& committed,
                 const clients::PartitionOffsets& targets, bool done) {
  json::array partitions;
  Table table{.title = {}, .header = {"TOPIC", "PARTITION", "FROM", "TO", "BY"}, .rows = {}};
  for (const auto& [at, to] : targets) {
    const auto known = committed.find(at);
    const bool has = known != committed.end();
    const auto from = has ? known->second.offset : Offset{0};
    partitions.push_back({{"topic", at.topic},
                          {"partition", at.partition.value},
                          {"from", has ? json::value(from.value) : json::value(nullptr)},
                          {"to", to.value}});
    table.rows.push_back({at.topic, fmt::to_string(at.partition.value),
                          has ? fmt::to_string(from.value) : "-", fmt::to_string(to.value),
                          has ? fmt::format("{:+}", (to - from).value) : "-"});
  }
  return {
      .document =
          json::object{{"group", group}, {"executed", done}, {"partitions", std::move(partitions)}},
      .tables = {std::move(table)}};
}

}  // namespace

net::Awaitable<ExitCode> seek_group(const Context& context, Client& client,
                                    GroupOffsetArguments arguments) {
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  const auto empty = co_await check_is_empty(client, arguments.group, deadline);
  if (!empty) co_return context.fail(empty.error());
  const auto committed = co_await admin.group_offsets(arguments.group, deadline);
  if (!committed) co_return context.fail(committed.error());
  const auto targets = co_await targets_of(client, arguments, *committed, deadline);
  if (!targets) co_return context.fail(targets.error());
  if (targets->empty()) {
    co_return context.fail(
        {.code = clients::Errc::rejected,
         .broker_code = protocol::ErrorCode::group_id_not_found,
         .message =
             fmt::format("group {} has committed nothing that is meant here; name the topics "
                         "with --topic to give it offsets",
                         arguments.group)});
  }
  if (!arguments.execute) {
    const auto shown =
        context.show(report_of(arguments.group, *committed, *targets, /*done=*/false));
    context.terminal.notice("nothing was changed yet; the same with --execute does it");
    co_return shown;
  }
  const auto results = co_await admin.alter_group_offsets(arguments.group, *targets, deadline);
  if (!results) co_return context.fail(results.error());
  auto code = ExitCode::ok;
  auto moved = *targets;
  for (const auto& [at, outcome] : *results) {
    if (outcome) continue;
    moved.erase(at);
    const auto failed = context.fail(outcome.error());
    if (code == ExitCode::ok) code = failed;
  }
  const auto shown = context.show(report_of(arguments.group, *committed, moved, /*done=*/true));
  co_return code == ExitCode::ok ? shown : code;
}

net::Awaitable<ExitCode> delete_group_offsets(const Context& context, Client& client,
                                              GroupOffsetArguments arguments) {
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  const auto committed = co_await admin.group_offsets(arguments.group, deadline);
  if (!committed) co_return context.fail(committed.error());
  std::vector<TopicPartition> partitions;
  for (const auto& [at, offset] : *committed) {
    if (is_meant(at, arguments)) partitions.push_back(at);
  }
  if (partitions.empty()) {
    co_return context.fail(
        {.code = clients::Errc::rejected,
         .broker_code = protocol::ErrorCode::group_id_not_found,
         .message = fmt::format("group {} has committed nothing there; `millrace group lag {}` "
                                "shows what it has",
                                arguments.group, arguments.group)});
  }
  const auto results =
      co_await admin.delete_group_offsets(arguments.group, std::move(partitions), deadline);
  if (!results) co_return context.fail(results.error());
  auto code = ExitCode::ok;
  json::array document;
  Table table;
  for (const auto& [at, outcome] : *results) {
    if (!outcome) {
      const auto failed = context.fail(outcome.error());
      if (code == ExitCode::ok) code = failed;
      continue;
    }
    document.push_back({{"group", arguments.group},
                        {"topic", at.topic},
                        {"partition", at.partition.value},
                        {"deleted", true}});
    table.rows.push_back({fmt::format("deleted the offset of {}", text_of(at))});
  }
  const auto shown = context.show({.document = std::move(document), .tables = {std::move(table)}});
  co_return code == ExitCode::ok ? shown : code;
}

}  // namespace millrace::tools
