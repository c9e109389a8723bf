#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "protocol/net/net.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::sim {

/// Two ends of one connection between schedulers of a world.
struct ConnectedPair {
  std::unique_ptr<net::Connection> client;
  std::unique_ptr<net::Connection> server;
};

/// Connects `client` to `server`, running the world for it.
ConnectedPair connected_pair(SimWorld& world, SimScheduler& client, SimScheduler& server);

/// A connection that works for a number of reads and writes, and then breaks. To visit every way in
/// which a piece of code can be let down, count upwards from 0 until it succeeds.
class FailingConnection final : public net::Connection {
 public:
  /// Once `operations` reads and writes were begun, every further one ends with `error` at once,
  /// and nothing of it reaches the peer.
  FailingConnection(std::unique_ptr<net::Connection> inner, std::size_t operations, ErrorInfo error)
      : inner_{std::move(inner)}, left_{operations}, error_{error} {}

  net::Awaitable<Result<std::size_t>> read_some(MutableBytes into) override;
  net::Awaitable<Result<void>> write(std::span<const Piece> pieces) override;
  void shutdown_send() override { inner_->shutdown_send(); }
  void close() override { inner_->close(); }
  [[nodiscard]] const net::Endpoint& local() const override { return inner_->local(); }
  [[nodiscard]] const net::Endpoint& peer() const override { return inner_->peer(); }

 private:
  /// Counts one operation; false when it must fail.
  [[nodiscard]] bool admit();

  std::unique_ptr<net::Connection> inner_;
  std::size_t left_;
  ErrorInfo error_;
};

}  // namespace millrace::sim
