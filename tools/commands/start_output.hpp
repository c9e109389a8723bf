#pragma once

#include <string>
#include <vector>

#include "broker/server.hpp"
#include "tools/session.hpp"

/// What `start` and `dev` have in common.
namespace millrace::tools {

/// From here on the broker's log goes to stderr, debug lines too with --verbose.
void log_to_stderr(const Context& context);

/// Where a client on this machine reaches the first listener, as host:port.
[[nodiscard]] std::string address_of(const std::vector<broker::Server::Bound>& bound);

}  // namespace millrace::tools
