#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/group_work.hpp"

namespace millrace::tools {

void add_group(CLI::App& root, Action& action) {
  auto* const noun = root.add_subcommand("group", "Look at consumer groups, and delete them");
  noun->alias("groups");
  noun->require_subcommand(1);
  using GroupWork =
      net::Awaitable<ExitCode> (*)(const Context&, clients::Client&, std::vector<std::string>);
  const auto add = [&](const std::string& name, const std::string& description, GroupWork work) {
    const auto ids = std::make_shared<std::vector<std::string>>();
    auto* const verb = noun->add_subcommand(name, description);
    verb->callback([&action, ids, work] {
      action = [ids, work](const Context& context) {
        return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
          return work(context, client, *ids);
        });
      };
    });
    if (work != &list_groups) verb->add_option("GROUP,--group", *ids, "The groups")->required();
    return verb;
  };
  add("list", "List all groups", &list_groups)->alias("ls");
  add("describe", "Show state and members", &describe_groups);
  add("lag", "Show how far behind each group is, in records", &show_group_lag);
  add("delete", "Delete groups that have no members, with their offsets", &delete_groups)
      ->alias("rm");
}

}  // namespace millrace::tools
