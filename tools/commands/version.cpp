#include "tools/version.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/commands/commands.hpp"

namespace millrace::tools {

void add_version(CLI::App& root, Action& action) {
  auto* const verb = root.add_subcommand("version", "Show the release and the commit");
  verb->callback([&action] {
    action = [](const Context& context) {
      return context.show(
          {.document = {{"version", version()}, {"commit", commit()}},
           .tables = {{.rows = {{fmt::format("millrace {} ({})", version(), commit())}}}}});
    };
  });
}

}  // namespace millrace::tools
