#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "tools/commands/commands.hpp"
#include "tools/commands/start_output.hpp"
#include "tools/options.hpp"
#include "tools/serve.hpp"

namespace millrace::tools {
namespace {

struct Given {
  std::uint16_t port = 0;
  std::string directory;
  std::vector<std::string> sets;
};

/// A new directory, removed with everything in it at the end.
class TemporaryDirectory {
 public:
  /// In memory where the system has a place for that, because nothing here is meant to last.
  TemporaryDirectory() {
    for (const std::string parent : {"/dev/shm", "/tmp"}) {
      std::string path = parent + "/millrace-dev-XXXXXX";
      if (::mkdtemp(path.data()) == nullptr) continue;
      path_ = std::move(path);
      return;
    }
  }
  ~TemporaryDirectory() {
    std::error_code ignored;  // what cannot be removed is in a temporary place
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  /// Empty when none could be made.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

config::Inputs inputs_of(const Given& given, std::string_view directory) {
  config::Inputs inputs;
  inputs.sets = {fmt::format("log.dirs={}", directory),
                 fmt::format("listeners=PLAINTEXT://127.0.0.1:{}", given.port),
                 "auto.create.topics.enable=true",
                 "group.initial.rebalance.delay.ms=0",
                 "log.flush.mode=async",
                 "shards=1"};
  inputs.sets.insert(inputs.sets.end(), given.sets.begin(), given.sets.end());
  return inputs;
}

ExitCode dev(const Context& context, const Given& given) {
  std::optional<TemporaryDirectory> temporary;
  std::string directory = given.directory;
  if (directory.empty()) {
    directory = temporary.emplace().path();
    if (directory.empty()) {
      context.terminal.error("cannot make a directory in /dev/shm or /tmp: name one by --dir");
      return ExitCode::failed;
    }
  }
  const auto loaded = config::BrokerConfig::load(inputs_of(given, directory));
  for (const auto& problem : loaded.problems)
    context.terminal.notice(fmt::format("{}", fmt::streamed(problem)));
  if (!loaded.ok()) return ExitCode::usage;
  log_to_stderr(context);
  if (!context.globals.verbose) spdlog::set_level(spdlog::level::warn);
  const auto failure = serve(loaded.config, [&](const std::vector<broker::Server::Bound>& bound) {
    static_cast<void>(context.terminal.print(address_of(bound)));
    if (context.terminal.progress)
      context.terminal.notice(
          "a broker for trying things out: topics appear when they are used, "
          "and nothing is kept; Ctrl-C ends it");
  });
  if (!failure) return ExitCode::ok;
  context.terminal.error(*failure);
  return ExitCode::failed;
}

}  // namespace

void add_dev(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand(
      "dev", "Run a throw-away broker for tests; its first line on stdout is its address");
  const auto given = std::make_shared<Given>();
  verb->add_option("--port", given->port, "Which port of 127.0.0.1 (any free one when left out)")
      ->type_name("N");
  verb->add_option("--dir", given->directory,
                   "Where to keep the data (a temporary directory, removed at the end)")
      ->type_name("DIR");
  add_many(*verb, "--set", given->sets, "A setting of the broker")->type_name("KEY=VALUE");
  verb->callback([&action, given] {
    action = [given](const Context& context) { return dev(context, *given); };
  });
}

}  // namespace millrace::tools
