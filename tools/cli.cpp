#include "tools/cli.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "tools/options.hpp"
#include "tools/version.hpp"

namespace millrace::tools {
namespace {

/// The innermost command that was given.
const CLI::App& innermost(const CLI::App& root) {
  const CLI::App* app = &root;
  for (;;) {
    const auto given = app->get_subcommands();
    if (given.empty()) return *app;
    app = given.front();
  }
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : full_name(*app.get_parent()) + ' ' + app.get_name();
}

std::string help_of(const CLI::App& app) {
  auto text = app.get_parent() == nullptr ? app.help() : app.help(full_name(*app.get_parent()));
  if (app.get_parent() != nullptr)
    text += "\nOptions of every command, such as -b HOST:PORT: see millrace --help\n";
  return text;
}

/// CLI11 says that a command is missing, also where one was given that does not exist.
std::string which_command(const CLI::App& root) {
  std::vector<std::string> names;
  for (const auto* sub : innermost(root).get_subcommands({})) names.push_back(sub->get_name());
  const auto rest = root.remaining(true);
  return rest.empty() ? fmt::format("a command is missing; there are {}", fmt::join(names, ", "))
                      : fmt::format("'{}' is no command; there are {}", rest.front(),
                                    fmt::join(names, ", "));
}

/// The same in the words of the usage line, where CLI11 prefers an option's long name.
std::optional<std::string> what_is_missing(const CLI::App& root) {
  const auto& app = innermost(root);
  if (!app.get_subcommands({}).empty()) return which_command(root);
  for (const auto* option : app.get_options()) {
    if (option->get_required() && option->count() == 0 && option->get_positional())
      return fmt::format("{} is missing", option->get_name(true));
  }
  return std::nullopt;
}

void add_globals(CLI::App& root, Globals& globals, std::string& timeout) {
  root.add_option("-b,--brokers,--bootstrap-server", globals.brokers,
                  "Addresses to reach the cluster by, separated by commas (else the variable "
                  "MILLRACE_BROKERS, else localhost:9092)")
      ->type_name("HOST:PORT");
  root.add_option("-O,--output", globals.form, "table for people, json or yaml for programs")
      ->transform(one_of({{"table", std::to_underlying(OutputForm::table)},
                          {"json", std::to_underlying(OutputForm::json)},
                          {"yaml", std::to_underlying(OutputForm::yaml)}}))
      ->type_name("FORM");
  root.add_option("--timeout", timeout, "How long to try, as in 500ms or 1m (default 10s)")
      ->type_name("TIME");
  root.add_flag("-v,--verbose", globals.verbose, "Say more");
  root.set_version_flag("-V,--version", fmt::format("millrace {} ({})", version(), commit()));
}

void add_all(CLI::App& root, Parsed& parsed, std::string& timeout) {
  root.name("millrace");
  root.description("A log broker that speaks Kafka's protocol, and the tools for it");
  root.require_subcommand(1);
  root.fallthrough();  // inherited: global options may stand anywhere
  add_globals(root, parsed.globals, timeout);
  add_start(root, parsed.action);
  add_dev(root, parsed.action);
  add_topic(root, parsed.action);
  add_produce(root, parsed.action);
  add_consume(root, parsed.action);
  add_group(root, parsed.action);
  add_transaction(root, parsed.action);
  add_broker(root, parsed.action);
  add_config(root, parsed.action);
  add_debug(root, parsed.action);
  add_version(root, parsed.action);
  add_completion(root, parsed.action);
}

}  // namespace

Parsed parse(std::vector<std::string> arguments) {
  Parsed parsed;
  std::string timeout;
  CLI::App root;
  add_all(root, parsed, timeout);
  const auto complain = [&](std::string_view what) {
    parsed.action = nullptr;
    parsed.code = ExitCode::usage;
    parsed.text =
        fmt::format("{}; `{} --help` tells what it takes", what, full_name(innermost(root)));
  };
  std::ranges::reverse(arguments);  // as CLI11 takes a vector
  try {
    root.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    parsed.action = nullptr;
    parsed.text = help_of(innermost(root));
    return parsed;
  } catch (const CLI::CallForVersion& version_text) {
    parsed.action = nullptr;
    parsed.text = fmt::format("{}\n", version_text.what());
    return parsed;
  } catch (const CLI::RequiredError& error) {
    complain(what_is_missing(root).value_or(error.what()));
    return parsed;
  } catch (const CLI::ParseError& error) {
    complain(error.what());
    return parsed;
  }
  if (!timeout.empty()) {
    const auto ms = parse_time(timeout);
    if (!ms || ms->count() <= 0) {
      complain(fmt::format("--timeout cannot be '{}': a time is a sum of terms such as 30s or 2m",
                           timeout));
      return parsed;
    }
    parsed.globals.timeout = *ms;
    parsed.globals.timeout_given = true;
  }
  parsed.globals.form_given = root.count("--output") > 0;
  return parsed;
}

ExitCode run(std::vector<std::string> arguments, Terminal& terminal) {
  const auto parsed = parse(std::move(arguments));
  if (parsed.code != ExitCode::ok) {
    terminal.error(parsed.text);
    return parsed.code;
  }
  if (!parsed.action) {
    const auto failure = terminal.out.write(parsed.text);
    return failure ? ExitCode::failed : ExitCode::ok;
  }
  return parsed.action(Context{.terminal = terminal, .globals = parsed.globals});
}

}  // namespace millrace::tools
