#include "tools/commands/transaction_work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "clients/admin.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Admin;
using clients::Client;

void keep_first(ExitCode& code, ExitCode next) {
  if (code == ExitCode::ok) code = next;
}

std::string text_of(const TopicPartition& partition) {
  return fmt::format("{}-{}", partition.topic, partition.partition.value);
}

json::value or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(time->value) : json::value(nullptr);
}

std::string or_dash(const std::optional<Timestamp>& time) {
  return time ? fmt::to_string(time->value) : "-";
}

json::object document_of(const clients::TransactionDescription& transaction) {
  json::array partitions;
  for (const auto& at : transaction.partitions)
    partitions.push_back({{"topic", at.topic}, {"partition", at.partition.value}});
  return {{"transactional_id", transaction.id},        {"state", transaction.state},
          {"producer_id", transaction.producer.value}, {"producer_epoch", transaction.epoch.value},
          {"timeout_ms", transaction.timeout.count()}, {"started_ms", or_null(transaction.started)},
          {"partitions", std::move(partitions)}};
}

Table table_of(const clients::TransactionDescription& transaction) {
  Table table{.title = fmt::format("{}  (state {}, producer {} in epoch {}, timeout {} ms, "
                                   "started {})",
                                   transaction.id, transaction.state, transaction.producer.value,
                                   transaction.epoch.value, transaction.timeout.count(),
                                   or_dash(transaction.started))};
  if (transaction.partitions.empty()) return table;
  table.header = {"PARTITION"};
  for (const auto& at : transaction.partitions) table.rows.push_back({text_of(at)});
  return table;
}

/// All partitions of the topics, or of all topics when none is named.
net::Awaitable<clients::Outcome<std::vector<TopicPartition>>> partitions_of(
    const Context& context, Client& client, std::vector<std::string> topics) {
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  if (topics.empty()) {
    const auto listed = co_await admin.list_topics(deadline, true);
    if (!listed) co_return listed.error();
    for (const auto& topic : *listed) topics.push_back(topic.name);
  }
  const auto described = co_await admin.describe_topics(std::move(topics), deadline);
  if (!described) co_return described.error();
  std::vector<TopicPartition> partitions;
  for (const auto& [name, topic] : *described) {
    if (!topic) co_return topic.error();
    for (const auto& partition : topic->partitions) partitions.push_back({name, partition.index});
  }
  co_return partitions;
}

}  // namespace

net::Awaitable<ExitCode> list_transactions(const Context& context, Client& client,
                                           TransactionArguments) {
  Admin admin{client};
  const auto found = co_await admin.list_transactions(client.now() + context.globals.timeout);
  if (!found) co_return context.fail(found.error());
  json::array document;
  Table table{.header = {"TRANSACTIONAL-ID", "STATE", "PRODUCER", "COORDINATOR"}};
  for (const auto& each : *found) {
    document.push_back({{"transactional_id", each.id},
                        {"state", each.state},
                        {"producer_id", each.producer.value},
                        {"coordinator", each.coordinator.value}});
    table.rows.push_back({each.id, each.state, fmt::to_string(each.producer.value),
                          fmt::to_string(each.coordinator.value)});
  }
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

net::Awaitable<ExitCode> describe_transactions(const Context& context, Client& client,
                                               TransactionArguments arguments) {
  Admin admin{client};
  const auto found = co_await admin.describe_transactions(std::move(arguments.names),
                                                          client.now() + context.globals.timeout);
  if (!found) co_return context.fail(found.error());
  auto code = ExitCode::ok;
  Report report{.document = json::array{}, .tables = {}};
  for (const auto& [id, transaction] : *found) {
    if (!transaction) {
      keep_first(code, context.fail(transaction.error()));
      continue;
    }
    report.document.as_array().push_back(document_of(*transaction));
    report.tables.push_back(table_of(*transaction));
  }
  keep_first(code, context.show(report));
  co_return code;
}

net::Awaitable<ExitCode> show_hanging_transactions(const Context& context, Client& client,
                                                   TransactionArguments arguments) {
  const auto partitions = co_await partitions_of(context, client, std::move(arguments.names));
  if (!partitions) co_return context.fail(partitions.error());
  Admin admin{client};
  const auto found =
      co_await admin.hanging_transactions(*partitions, client.now() + context.globals.timeout);
  if (!found) co_return context.fail(found.error());
  json::array document;
  Table table{.header = {"TOPIC", "PARTITION", "PRODUCER", "EPOCH", "START", "LAST-WRITTEN"}};
  for (const auto& [partition, producer] : *found) {
    document.push_back({{"topic", partition.topic},
                        {"partition", partition.partition.value},
                        {"producer_id", producer.producer.value},
                        {"producer_epoch", producer.epoch},
                        {"coordinator_epoch", producer.coordinator_epoch},
                        {"start_offset", producer.transaction_start->value},
                        {"last_written_ms", or_null(producer.last_written)}});
    table.rows.push_back({partition.topic, fmt::to_string(partition.partition.value),
                          fmt::to_string(producer.producer.value), fmt::to_string(producer.epoch),
                          fmt::to_string(producer.transaction_start->value),
                          or_dash(producer.last_written)});
  }
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

net::Awaitable<ExitCode> abort_transaction(const Context& context, Client& client,
                                           TransactionArguments arguments) {
  const TopicPartition partition{arguments.names.front(), PartitionIndex{arguments.partition}};
  Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  const auto found = co_await admin.hanging_transactions({partition}, deadline);
  if (!found) co_return context.fail(found.error());
  const auto hanging = std::ranges::find(*found, ProducerId{arguments.producer},
                                         [](const auto& each) { return each.producer.producer; });
  if (hanging == found->end()) {
    co_return context.fail(usage_error(fmt::format(
        "no transaction of producer {} hangs at {}: either none is open there, or its coordinator "
        "will end it; `millrace txn hanging --topic {}` shows those that hang",
        arguments.producer, text_of(partition), partition.topic)));
  }
  const auto aborted = co_await admin.abort_transaction(*hanging, deadline);
  if (!aborted) co_return context.fail(aborted.error());
  json::object document{{"topic", partition.topic},
                        {"partition", partition.partition.value},
                        {"producer_id", arguments.producer},
                        {"aborted", true}};
  Table table{.rows = {{fmt::format("aborted the transaction of producer {} at {}",
                                    arguments.producer, text_of(partition))}}};
  co_return context.show({.document = std::move(document), .tables = {std::move(table)}});
}

}  // namespace millrace::tools
