#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>

#include "config/catalogue.hpp"
#include "config/check.hpp"
#include "tools/commands/commands.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::string file;
  std::vector<std::string> sets;
  std::string key;
};

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
  auto* const noun = root.add_subcommand("config", "Check and explain the broker's settings");
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
  add("sample", "Print a settings file with every setting at its default", sample);
}

}  // namespace millrace::tools
