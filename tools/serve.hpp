#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "config/broker_config.hpp"

namespace millrace::tools {

/// Runs a broker on this machine's clock, files, network and chance until SIGINT or SIGTERM, or
/// until it cannot start. `ready` is called once it serves, with where it listens.
/// Gives nothing after an orderly stop, or the reason why it did not start.
std::optional<std::string> serve(
    const config::BrokerConfig& config,
    const std::function<void(const std::vector<broker::Server::Bound>&)>& ready);

}  // namespace millrace::tools
