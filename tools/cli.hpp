#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/commands/commands.hpp"

namespace millrace::tools {

/// What a command line says, before anything is done about it.
struct Parsed {
  Globals globals;
  Action action;     ///< empty: there is nothing to do but to say `text`
  std::string text;  ///< help or version for `out`; with `code` usage, a complaint for `err`
  ExitCode code = ExitCode::ok;
};

/// `arguments` are without the program's name.
[[nodiscard]] Parsed parse(std::vector<std::string> arguments);

/// Parses and does it.
[[nodiscard]] ExitCode run(std::vector<std::string> arguments, Terminal& terminal);

}  // namespace millrace::tools
