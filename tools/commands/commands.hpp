#pragma once

#include <functional>

#include "tools/session.hpp"

namespace CLI {
class App;
}

/// Each adds a noun to the command line. Parsing runs nothing: it leaves in `action` what the
/// command that was given does, and the options it was given live in there.
namespace millrace::tools {

using Action = std::function<ExitCode(const Context&)>;

void add_start(CLI::App& root, Action& action);
void add_dev(CLI::App& root, Action& action);
void add_broker(CLI::App& root, Action& action);
void add_topic(CLI::App& root, Action& action);
void add_produce(CLI::App& root, Action& action);
void add_consume(CLI::App& root, Action& action);
void add_group(CLI::App& root, Action& action);
void add_transaction(CLI::App& root, Action& action);
void add_config(CLI::App& root, Action& action);
void add_debug(CLI::App& root, Action& action);
void add_version(CLI::App& root, Action& action);
void add_completion(CLI::App& root, Action& action);

}  // namespace millrace::tools
