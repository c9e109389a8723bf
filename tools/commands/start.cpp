#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"
#include "tools/commands/start_output.hpp"
#include "tools/options.hpp"
#include "tools/serve.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::string file;
  std::vector<std::string> sets;
  std::vector<std::string> join;
};

ExitCode start(const Context& context, const Given& given) {
  config::Inputs inputs{.environment = context.terminal.environment, .sets = given.sets};
  if (!given.join.empty())
    inputs.sets.push_back(
        fmt::format("controller.quorum.bootstrap.servers={}", fmt::join(given.join, ",")));
  if (!given.file.empty()) {
    auto text = read_file(given.file);
    if (!text) return context.fail(text.error());
    inputs.file_name = given.file;
    inputs.file_text = std::move(*text);
  }
  const auto loaded = config::BrokerConfig::load(inputs);
  for (const auto& problem : loaded.problems)
    context.terminal.notice(fmt::format("{}", fmt::streamed(problem)));
  if (!loaded.ok()) {
    context.terminal.error("the broker does not start on these settings");
    return ExitCode::usage;
  }
  log_to_stderr(context);
  const auto directory = loaded.config.get_list("log.dirs").empty()
                             ? std::string{}
                             : loaded.config.get_list("log.dirs").front();
  const auto failure = serve(loaded.config, [&](const std::vector<broker::Server::Bound>& bound) {
    const auto at = address_of(bound);
    // A reader that has gone is no reason to stop serving.
    static_cast<void>(context.terminal.print(
        fmt::format("millrace is ready on {}, data in {}; try: millrace topic create first -b {}",
                    at, directory, at)));
  });
  if (!failure) return ExitCode::ok;
  context.terminal.error(*failure);
  return ExitCode::failed;
}

}  // namespace

void log_to_stderr(const Context& context) {
  const auto mode =
      context.terminal.colour ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto logger = spdlog::stderr_color_mt("millrace", mode);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(context.globals.verbose ? spdlog::level::debug : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

std::string address_of(const std::vector<broker::Server::Bound>& bound) {
  if (bound.empty()) return "no listener";
  auto host = bound.front().at.host;
  // Where everybody is listened to, the reader of this line gets through by the name of home.
  if (host.empty() || host == "0.0.0.0" || host == "::" || host == "127.0.0.1") host = "localhost";
  if (host.contains(':')) host = '[' + host + ']';
  return fmt::format("{}:{}", host, bound.front().at.port);
}

void add_start(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand("start", "Run a broker until SIGINT or SIGTERM");
  const auto given = std::make_shared<Given>();
  verb->add_option("FILE,--config", given->file,
                   "Settings in Kafka's server.properties form (none: defaults, KAFKA_* variables "
                   "and --set)");
  add_many(*verb, "--set", given->sets, "A setting, over those of file and environment")
      ->type_name("KEY=VALUE");
  verb->add_option("--join", given->join,
                   "Take part in the cluster of this node: with an empty data directory this one "
                   "becomes a part of it (controller.quorum.bootstrap.servers)")
      ->type_name("HOST:PORT")
      ->delimiter(',');
  verb->callback([&action, given] {
    action = [given](const Context& context) { return start(context, *given); };
  });
}

}  // namespace millrace::tools
