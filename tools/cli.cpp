#include "tools/cli.hpp"

#include <fmt/format.h>

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

void add_globals(CLI::App& root, Globals& globals, std::string& timeout) {
  root.add_option("-b,--brokers,--bootstrap-server", globals.brokers,
                  "Addresses to reach the cluster by, separated by commas (else the variable "
                  "MILLRACE_BROKERS, else localhost:9092)")
      ->type_name("HOST:PORT");
  const std::map<std::string, OutputForm> forms{
      {"table", OutputForm::table}, {"json", OutputForm::json}, {"yaml", OutputForm::yaml}};
  root.add_option("-O,--output", globals.form, "table for people, json or yaml for programs")
      ->transform(CLI::CheckedTransformer(forms, CLI::ignore_case).description(""))
      ->type_name("FORM");
  root.add_option("--timeout", timeout, "How long to try, as in 500ms or 1m (default 10s)")
      ->type_name("TIME");
  root.add_flag("-v,--verbose", globals.verbose, "Say more");
  root.set_version_flag("-V,--version", fmt::format("millrace {} ({})", version(), commit()));
}

}  // namespace

void build(CLI::App& root, Parsed& parsed, std::string& timeout) {
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
  add_config(root, parsed.action);
  add_version(root, parsed.action);
  add_completion(root, parsed.action);
}

Parsed parse(std::vector<std::string> arguments) {
  Parsed parsed;
  std::string timeout;
  CLI::App root;
  build(root, parsed, timeout);
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
