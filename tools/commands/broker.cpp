#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "clients/admin.hpp"
#include "tools/commands/commands.hpp"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using clients::Client;

json::value or_null(std::optional<std::int64_t> number) {
  return number ? json::value(*number) : json::value(nullptr);
}

std::string or_dash(std::optional<std::int64_t> number) {
  return number ? fmt::to_string(*number) : "-";
}

/// One directory: a row for people, all of its partitions for programs.
void add_to(Report& report, Table& table, const clients::LogDirectoryInfo& directory) {
  json::array partitions;
  std::int64_t bytes = 0;
  for (const auto& [at, partition] : directory.partitions) {
    bytes += partition.bytes;
    partitions.push_back({{"topic", at.topic},
                          {"partition", at.partition.value},
                          {"bytes", partition.bytes},
                          {"offset_lag", partition.offset_lag}});
  }
  const bool online = directory.error == protocol::ErrorCode::none;
  report.document.as_array().push_back({{"broker", directory.broker.value},
                                        {"path", directory.path},
                                        {"online", online},
                                        {"total_bytes", or_null(directory.total_bytes)},
                                        {"usable_bytes", or_null(directory.usable_bytes)},
                                        {"partitions", std::move(partitions)}});
  table.rows.push_back({fmt::to_string(directory.broker.value), directory.path,
                        online ? "online" : "offline", or_dash(directory.total_bytes),
                        or_dash(directory.usable_bytes),
                        fmt::to_string(directory.partitions.size()), fmt::to_string(bytes)});
}

net::Awaitable<ExitCode> show_log_directories(const Context& context, Client& client) {
  clients::Admin admin{client};
  const auto deadline = client.now() + context.globals.timeout;
  const auto directories = co_await admin.describe_log_directories(deadline);
  if (!directories) co_return context.fail(directories.error());
  Report report{.document = json::array{}};
  Table table{.header = {"BROKER", "DIRECTORY", "STATE", "TOTAL", "FREE", "PARTITIONS", "BYTES"}};
  for (const auto& directory : *directories) add_to(report, table, directory);
  report.tables.push_back(std::move(table));
  co_return context.show(report);
}

}  // namespace

void add_broker(CLI::App& root, Action& action) {
  auto* const noun = root.add_subcommand("broker", "Look at brokers");
  noun->alias("brokers");
  noun->require_subcommand(1);
  auto* const verb = noun->add_subcommand(
      "logdirs", "Show the data directories: online or not, room, what lies in them");
  verb->callback([&action] {
    action = [](const Context& context) {
      return with_cluster(context, [&](Client& client, net::AsioScheduler&) {
        return show_log_directories(context, client);
      });
    };
  });
}

}  // namespace millrace::tools
