#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>

#include "config/catalogue.hpp"
#include "config/check.hpp"
#include "tools/commands/commands.hpp"
#include "tools/commands/config_work.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::string file;
  std::vector<std::string> sets;
  std::string key;
  std::string topic;
  std::string group;
  std::string broker;
  ConfigArguments arguments;
};
using GivenPtr = std::shared_ptr<Given>;

/// The settings of what: one of the three, or of all brokers.
clients::ConfigResource resource_of(const Given& given) {
  using clients::ConfigResourceType;
  if (!given.topic.empty()) return {ConfigResourceType::topic, given.topic};
  if (!given.group.empty()) return {ConfigResourceType::group, given.group};
  return {ConfigResourceType::broker, given.broker == "all" ? std::string{} : given.broker};
}

ExitCode show(const Context& context, const Given& given) {
  auto arguments = given.arguments;
  arguments.resource = resource_of(given);
  return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
    return show_configs(context, client, arguments);
  });
}

ExitCode set(const Context& context, const Given& given) {
  auto arguments = given.arguments;
  arguments.resource = resource_of(given);
  auto configs =
      given.group.empty() ? parse_topic_configs(given.sets) : parse_group_configs(given.sets);
  if (!configs) return context.fail(configs.error());
  arguments.configs = std::move(*configs);
  return with_cluster(context, [&](clients::Client& client, net::AsioScheduler&) {
    return set_configs(context, client, arguments);
  });
}

void add_resource(CLI::App& verb, Given& given) {
  auto* const what = verb.add_option_group("what", "Whose settings");
  what->add_option("-t,--topic", given.topic, "Those of a topic");
  what->add_option("-g,--group", given.group, "Those of a group of the consumer protocol");
  what->add_option("--broker", given.broker, "Those of a broker, by its id, or of all")
      ->type_name("ID|all");
  what->require_option(1);
}

ExitCode check(const Context& context, const Given& given) {
  auto text = read_file(given.file);
  if (!text) return context.fail(text.error());
  const auto problems =
      config::check_file(std::move(*text), context.terminal.environment, given.sets, given.file);
  boost::json::array document;
  Table table;
  for (const auto& problem : problems) {
    document.push_back({{"severity", fmt::to_string(fmt::streamed(problem.severity))},
                        {"where", problem.where},
                        {"key", problem.key},
                        {"message", problem.message},
                        {"hint", problem.hint}});
    table.rows.push_back({fmt::to_string(fmt::streamed(problem))});
  }
  if (problems.empty()) table.rows.push_back({fmt::format("{} is fine", given.file)});
  const auto shown = context.show({.document = std::move(document), .tables = {std::move(table)}});
  return config::has_errors(problems) ? ExitCode::usage : shown;
}

ExitCode explain(const Context& context, const Given& given) {
  const auto text = config::explain(given.key);
  const bool known = config::find_broker_setting(given.key) != nullptr ||
                     config::find_topic_setting(given.key) != nullptr ||
                     config::find_group_setting(given.key) != nullptr ||
                     config::find_listener_setting(given.key) != nullptr;
  const auto failure = (known ? context.terminal.out : context.terminal.err).write(text);
  if (!known) return ExitCode::not_found;
  return failure ? ExitCode::failed : ExitCode::ok;
}

ExitCode sample(const Context& context, const Given&) {
  const auto failure = context.terminal.out.write(config::sample_properties());
  return failure ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

void add_config(CLI::App& root, Action& action) {
  auto* const noun = root.add_subcommand("config", "Check, explain, show and change settings");
  noun->require_subcommand(1);
  const auto given = std::make_shared<Given>();
  const auto add = [&](const std::string& name, const std::string& description, auto work) {
    auto* const verb = noun->add_subcommand(name, description);
    verb->callback([&action, given, work] {
      action = [given, work](const Context& context) { return work(context, *given); };
    });
    return verb;
  };
  auto* const check_verb = add("check", "Say everything that is wrong with a settings file", check);
  check_verb->add_option("FILE,--config", given->file, "In server.properties form")->required();
  add_many(*check_verb, "--set", given->sets, "A setting, as start would be given it")
      ->type_name("KEY=VALUE");
  auto* const explain_verb = add("explain", "Say what a setting does and what it takes", explain);
  explain_verb->add_option("KEY", given->key, "Its name, as in log.retention.ms")->required();
  auto* const show_verb = add("show", "Show the settings of a topic, a group or a broker", show);
  add_resource(*show_verb, *given);
  show_verb->add_flag("--all", given->arguments.all, "Also those at their default");
  auto* const set_verb = add("set", "Change settings of a topic or a group", set);
  add_resource(*set_verb, *given);
  set_verb->add_option("SETTING,-c,--config", given->sets, "As in consumer.session.timeout.ms=50s")
      ->type_name("KEY=VALUE");
  add_many(*set_verb, "--unset", given->arguments.unset, "Back to the default; again for more")
      ->type_name("KEY");
  add("sample", "Print a settings file with every setting at its default", sample);
}

}  // namespace millrace::tools
