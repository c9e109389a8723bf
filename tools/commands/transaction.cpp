#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/transaction_work.hpp"
#include "tools/options.hpp"

namespace millrace::tools {

void add_transaction(CLI::App& root, Action& action) {
  auto* const noun =
      root.add_subcommand("txn", "Look at transactions, and end those that nobody else will");
  noun->alias("transaction");
  noun->require_subcommand(1);
  using TransactionWork =
      net::Awaitable<ExitCode> (*)(const Context&, clients::Client&, TransactionArguments);
  const auto add = [&](const std::string& name, const std::string& description,
                       TransactionWork work) {
    const auto given = std::make_shared<TransactionArguments>();
    auto* const verb = noun->add_subcommand(name, description);
    verb->callback([&action, given, work] {
      action = [given, work](const Context& context) {
        return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
          return work(context, client, *given);
        });
      };
    });
    return std::pair{verb, given};
  };
  add("list", "List all transactional ids", &list_transactions).first->alias("ls");
  const auto [describe, described] =
      add("describe", "Show state, producer and partitions", &describe_transactions);
  describe->add_option("ID,--id", described->names, "The transactional ids")->required();
  const auto [hanging, searched] =
      add("hanging", "Show transactions that are open at a partition and known to no coordinator",
          &show_hanging_transactions);
  add_many(*hanging, "--topic", searched->names, "Look at this topic only; again for more");
  const auto [abort, aborted] =
      add("abort", "Abort a transaction that hangs, at one partition", &abort_transaction);
  abort->add_option("--topic", aborted->names, "The topic")->required()->expected(1);
  abort->add_option("--partition", aborted->partition, "The partition")->required();
  abort->add_option("--producer", aborted->producer, "The producer id")->required();
}

}  // namespace millrace::tools
