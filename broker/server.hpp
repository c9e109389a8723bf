#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/node.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

class Shard;
class Session;

/// Accepts connections on all listeners and deals them out to the shards in turn. Lives on the
/// first shard.
class Server {
 public:
  Server(Node& node, Shard& shard);

  struct Bound {
    std::string listener;
    net::Endpoint at;  // with the port that was given
  };
  /// Binds every listener; on an error those bound so far are closed again and `culprit` names the
  /// one that could not be.
  Result<std::vector<Bound>> bind(net::Endpoint& culprit);
  /// Begins to accept.
  void start();
  /// Accepts nobody any more. Sessions go on.
  net::Awaitable<void> stop();

 private:
  struct Door {
    std::string name;
    std::unique_ptr<net::Listener> listener;
  };

  net::Awaitable<void> accept_loop(Door& door);
  bool admit(const net::Connection& connection);
  void count_out(const std::string& host);

  Node& node_;
  Shard& shard_;
  std::vector<std::unique_ptr<Door>> doors_;
  net::TaskGroup tasks_;
  std::size_t next_shard_ = 0;
  std::int64_t connections_ = 0;                  // on all shards
  std::map<std::string, std::int64_t> per_host_;  // the same, by the peer's address
  bool stopping_ = false;
};

}  // namespace millrace::broker
