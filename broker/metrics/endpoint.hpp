#pragma once

#include <memory>
#include <string>

#include "broker/node.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

class Shard;

/// Serves `/metrics` and `/ready` over HTTP to whoever watches the broker: GET only, one request a
/// connection, a few connections at a time, each with a deadline. Lives on the first shard.
class MetricsEndpoint {
 public:
  MetricsEndpoint(Node& node, Shard& shard);

  /// Listens and serves, from before recovery on.
  Result<net::Endpoint> start(const net::Endpoint& at);
  /// From now on `/ready` says so.
  void set_ready() { ready_ = true; }
  /// Returns when nothing of it runs any more.
  net::Awaitable<void> stop();

 private:
  net::Awaitable<void> accept_loop();
  net::Awaitable<void> serve(std::shared_ptr<net::Connection> connection);
  net::Awaitable<std::string> metrics();
  [[nodiscard]] std::string ready() const;

  Node& node_;
  Shard& shard_;
  std::unique_ptr<net::Listener> listener_;
  net::TaskGroup tasks_;
  std::size_t connections_ = 0;
  bool ready_ = false;
  bool stopping_ = false;
};

}  // namespace millrace::broker
