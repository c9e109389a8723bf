#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/net/asio_runtime.hpp"
#include "protocol/net/errc.hpp"
#include "protocol/net/net.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

/// The same tests for both forms of the facade: `TEMPLATE_TEST_CASE(..., RealNet, SimNet)`.
namespace millrace::net::testing {

using namespace std::chrono_literals;

struct RealNet {
  Scheduler& client() { return scheduler; }
  Scheduler& server() { return scheduler; }
  template <class T>
  T run(Awaitable<T> coroutine) {
    return run_blocking(scheduler, std::move(coroutine));
  }
  SystemClock clock;
  AsioScheduler scheduler{clock};
};

struct SimNet {
  Scheduler& client() { return client_thread; }
  Scheduler& server() { return server_thread; }
  template <class T>
  T run(Awaitable<T> coroutine) {
    return world.run(client_thread, std::move(coroutine));
  }
  sim::SimWorld world{7};
  sim::SimScheduler& client_thread = world.make_host("client").make_scheduler();
  sim::SimScheduler& server_thread = world.make_host("server").make_scheduler();
};

struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};

inline Awaitable<Pair> connected(Scheduler& client, Scheduler& server) {
  auto listener = server.listen({"127.0.0.1", 0});
  REQUIRE(listener);
  auto dialled = co_await client.connect((*listener)->local(), client.clock().now() + 10s);
  REQUIRE(dialled);
  auto accepted = co_await (*listener)->accept(server);
  REQUIRE(accepted);
  co_return Pair{std::move(*listener), std::move(*dialled), std::move(*accepted)};
}

/// Lets everything run that is ready now.
inline Awaitable<void> pass_a_turn(Scheduler& scheduler) {
  Event passed{scheduler.executor()};
  scheduler.post([&passed] { passed.set(); });
  co_await passed.wait();
}

inline Awaitable<Result<void>> write_text(Connection& to, std::string text) {
  const std::vector<Piece> pieces{as_bytes(text)};
  const auto written = co_await to.write(pieces);
  co_return written;
}

/// Reads `count` bytes, or fewer when the stream ends first.
inline Awaitable<std::string> read_text(Connection& from, std::size_t count) {
  std::string text;
  std::vector<std::byte> buffer(4096);
  while (text.size() < count) {
    const MutableBytes into{buffer.data(), std::min(buffer.size(), count - text.size())};
    const auto got = co_await from.read_some(into);
    if (!got) break;
    text += as_text(Bytes{buffer}.first(*got));
  }
  co_return text;
}

}  // namespace millrace::net::testing
