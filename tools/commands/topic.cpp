#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/topic_work.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  TopicArguments arguments;
  std::vector<std::string> configs;
};
using GivenPtr = std::shared_ptr<Given>;
using TopicWork = net::Awaitable<ExitCode> (*)(const Context&, clients::Client&, TopicArguments);

/// What all these commands do once their arguments are understood.
Action action_of(const GivenPtr& given, TopicWork work) {
  return [given, work](const Context& context) {
    auto configs = parse_topic_configs(given->configs);
    if (!configs) return context.fail(configs.error());
    given->arguments.configs = std::move(*configs);
    return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
      return work(context, client, given->arguments);
    });
  };
}

CLI::App& add_verb(CLI::App& noun, Action& action, const GivenPtr& given, TopicWork work,
                   const std::string& name, const std::string& description) {
  auto* const verb = noun.add_subcommand(name, description);
  verb->callback([&action, given, work] { action = action_of(given, work); });
  return *verb;
}

void add_names(CLI::App& verb, Given& given) {
  verb.add_option("NAME,--topic", given.arguments.names, "The topics")->required();
}

void add_configs(CLI::App& verb, Given& given) {
  add_many(verb, "-c,--config", given.configs,
           "A setting, as in retention.ms=7d or segment.bytes=64MiB; again for more")
      ->type_name("KEY=VALUE");
}

}  // namespace

void add_topic(CLI::App& root, Action& action) {
  auto* const topic = root.add_subcommand("topic", "Create, look at, change and delete topics");
  topic->alias("topics");
  topic->require_subcommand(1);

  auto given = std::make_shared<Given>();
  auto& create = add_verb(*topic, action, given, create_topics, "create", "Create topics");
  add_names(create, *given);
  create
      .add_option("-p,--partitions", given->arguments.partitions,
                  "How many partitions (the broker's default when left out)")
      ->check(whole_number_from(1))
      ->type_name("N");
  create
      .add_option("-r,--replication-factor,--replicas", given->arguments.replication_factor,
                  "On how many brokers each partition is (the broker's default when left out)")
      ->check(whole_number_from(1))
      ->type_name("N");
  add_configs(create, *given);
  create.add_flag("--if-not-exists", given->arguments.if_not_exists,
                  "A topic that is there already is no error");

  given = std::make_shared<Given>();
  auto& list = add_verb(*topic, action, given, list_topics, "list", "List all topics");
  list.alias("ls");
  list.add_flag("-i,--internal", given->arguments.internal, "With the brokers' own topics");

  given = std::make_shared<Given>();
  auto& describe = add_verb(*topic, action, given, describe_topics, "describe",
                            "Show partitions, leaders, offsets and settings");
  add_names(describe, *given);

  given = std::make_shared<Given>();
  auto& remove = add_verb(*topic, action, given, delete_topics, "delete",
                          "Delete topics with everything in them");
  remove.alias("rm");
  add_names(remove, *given);

  given = std::make_shared<Given>();
  auto& alter = add_verb(*topic, action, given, alter_topics, "alter", "Change settings of topics");
  add_names(alter, *given);
  add_configs(alter, *given);
  add_many(alter, "--unset", given->arguments.unset, "A setting to set back to the default")
      ->type_name("KEY");

  given = std::make_shared<Given>();
  auto& grow = add_verb(*topic, action, given, add_partitions, "add-partitions",
                        "Raise the number of partitions; keys may then go elsewhere");
  add_names(grow, *given);
  grow.add_option("-p,--partitions", given->arguments.partitions, "How many there shall be in all")
      ->required()
      ->check(whole_number_from(1))
      ->type_name("TOTAL");
}

}  // namespace millrace::tools
