#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/group_work.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

using ArgumentsPtr = std::shared_ptr<GroupOffsetArguments>;

void add_partitions(CLI::App& verb, GroupOffsetArguments& given, const std::string& topics) {
  verb.add_option("GROUP,--group", given.group, "The group")->required();
  add_many(verb, "-t,--topic", given.topics, topics)->type_name("TOPIC");
  verb.add_option("-p,--partition", given.partitions, "Only these partitions of each topic")
      ->check(CLI::NonNegativeNumber)
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

void add_seek(CLI::App& noun, Action& action) {
  const auto given = std::make_shared<GroupOffsetArguments>();
  const auto place = std::make_shared<std::string>();
  auto* const verb = noun.add_subcommand(
      "seek", "Say where a group without members goes on, and with --execute put it there");
  verb->alias("reset");
  add_partitions(*verb, *given, "Move it there, committed or not; again for more");
  verb->add_option("--to", *place, "start, end, 5, +5, -5, @TIME, @-24h: as consume -o takes it")
      ->required();
  verb->add_flag("--execute,-y,--yes", given->execute, "Do it");
  verb->callback([&action, given, place] {
    action = [given, place](const Context& context) {
      const auto range = parse_offset_range(*place, SystemClock{}.wall());
      if (!range) return context.fail(range.error());
      if (range->to) return context.fail(usage_error("--to takes one place, not a range"));
      given->to = range->from;
      return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
        return seek_group(context, client, *given);
      });
    };
  });
}

void add_delete_offsets(CLI::App& noun, Action& action) {
  const auto given = std::make_shared<GroupOffsetArguments>();
  auto* const verb = noun.add_subcommand(
      "delete-offsets", "Delete what a group has committed for topics that it does not read");
  add_partitions(*verb, *given, "Its offsets go; again for more");
  verb->get_option("--topic")->required();
  verb->callback([&action, given] {
    action = [given](const Context& context) {
      return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
        return delete_group_offsets(context, client, *given);
      });
    };
  });
}

}  // namespace

void add_group(CLI::App& root, Action& action) {
  auto* const noun =
      root.add_subcommand("group", "Look at consumer groups, move and delete their offsets");
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
  add("lag", "Show how far behind each group is, in records and in time", &show_group_lag);
  add("history", "Show why each group rebalanced, and what that moved", &show_group_history);
  add_seek(*noun, action);
  add_delete_offsets(*noun, action);
  add("delete", "Delete groups that have no members, with their offsets", &delete_groups)
      ->alias("rm");
}

}  // namespace millrace::tools
