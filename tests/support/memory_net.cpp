#include "tests/support/memory_net.hpp"

#include "protocol/base/ensure.hpp"

namespace millrace::sim {
namespace {

net::Awaitable<ConnectedPair> connect(SimScheduler& client, SimScheduler& server) {
  auto listener = server.listen({"", 0});
  ENSURE(listener.has_value());
  const Instant deadline = client.clock().now() + std::chrono::hours{1};
  auto dialled = co_await client.connect((*listener)->local(), deadline);
  ENSURE(dialled.has_value());
  auto accepted = co_await (*listener)->accept(server);
  ENSURE(accepted.has_value());
  co_return ConnectedPair{std::move(*dialled), std::move(*accepted)};
}

}  // namespace

ConnectedPair connected_pair(SimWorld& world, SimScheduler& client, SimScheduler& server) {
  return world.run(client, connect(client, server));
}

bool FailingConnection::admit() {
  if (left_ == 0) return false;
  --left_;
  return true;
}

net::Awaitable<Result<std::size_t>> FailingConnection::read_some(MutableBytes into) {
  if (!admit()) co_return error_;
  const auto result = co_await inner_->read_some(into);
  co_return result;
}

net::Awaitable<Result<void>> FailingConnection::write(std::span<const Piece> pieces) {
  if (!admit()) co_return error_;
  const auto result = co_await inner_->write(pieces);
  co_return result;
}

}  // namespace millrace::sim
