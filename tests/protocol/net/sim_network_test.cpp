// The faults of the simulated network, and that a seed decides everything.
#include <array>
#include <boost/system/errc.hpp>
#include <optional>

#include "tests/protocol/net/fixtures.hpp"
#include "tests/support/memory_net.hpp"

namespace millrace::net::testing {
namespace {

using boost::system::errc::connection_refused;
using boost::system::errc::connection_reset;

Awaitable<ErrorInfo> connect_error(Scheduler& from, Endpoint to,
                                   std::chrono::nanoseconds patience) {
  const auto connection = co_await from.connect(std::move(to), from.clock().now() + patience);
  co_return connection ? ErrorInfo{} : connection.error();
}

Awaitable<ErrorInfo> read_error(Connection& from) {
  std::array<std::byte, 100> buffer;
  while (true) {
    const auto got = co_await from.read_some(buffer);
    if (!got) co_return got.error();
  }
}

/// Reads for as long as anything comes, in the background.
struct Reader {
  Reader(Scheduler& s, Connection& from) : tasks{s.executor()} { tasks.spawn(read(from, *this)); }
  static Awaitable<void> read(Connection& from, Reader& self) {
    std::array<std::byte, 100> buffer;
    while (!self.error) {
      const auto got = co_await from.read_some(buffer);
      if (got) {
        self.text += as_text(Bytes{buffer}.first(*got));
      } else {
        self.error = got.error();
      }
    }
  }
  std::string text;
  ErrorInfo error;
  TaskGroup tasks;
};

struct Wired : SimNet {
  Wired() : pair{sim::connected_pair(world, client_thread, server_thread)} {}
  void write(Connection& to, const std::string& text) { REQUIRE(run(write_text(to, text))); }
  sim::ConnectedPair pair;
};

/// What happened, as far as anybody can see, in a small busy world.
std::uint64_t digest_of_a_run(std::uint64_t seed) {
  sim::SimWorld world{seed};
  auto& a = world.make_host("a").make_scheduler();
  auto& b = world.make_host("b").make_scheduler();
  auto pair = sim::connected_pair(world, a, b);
  const std::string text(100'000, 'x');
  for (int i = 0; i < 3; ++i) {
    Reader reader{b, *pair.server};
    const auto written = world.run(a, write_text(*pair.client, text));
    REQUIRE(written);
    world.run_until([&] { return reader.text.size() == text.size(); }, 10s);
    pair.server->close();
    world.run(b, reader.tasks.join());
    pair = sim::connected_pair(world, a, b);
  }
  return world.digest();
}

}  // namespace

TEST_CASE("simulation: a seed decides every step", "[protocol][net][sim]") {
  CHECK(digest_of_a_run(1) == digest_of_a_run(1));
  CHECK(digest_of_a_run(1) != digest_of_a_run(2));
}

TEST_CASE("simulation: which of two schedulers goes first is chance", "[protocol][net][sim]") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    sim::SimWorld world{seed};
    auto& host = world.make_host("a");
    auto& one = host.make_scheduler();
    auto& two = host.make_scheduler();
    std::string order;
    for (int i = 0; i < 2; ++i) {
      one.post([&order] { order += '1'; });
      two.post([&order] { order += '2'; });
    }
    world.run_for(1ms);
    orders.insert(order);
  }
  CHECK(orders.size() == 6);
}

TEST_CASE("simulation: pieces of pool work overtake one another", "[protocol][net][sim]") {
  sim::SimWorld world{3};
  auto& pool = world.make_host("a").make_pool();
  std::vector<int> order;
  for (int i = 0; i < 20; ++i) pool.submit([i, &order] { order.push_back(i); });
  CHECK(order.empty());
  world.run_for(1s);
  CHECK(order.size() == 20);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("simulation: a run that takes no time is caught", "[protocol][net][sim]") {
  sim::SimWorld world{1};
  auto& s = world.make_host("a").make_scheduler();
  std::function<void()> again = [&] { s.post([&] { again(); }); };
  again();
  CHECK_THROWS_WITH(world.run_for(1s), Catch::Contains("seed 1") && Catch::Contains("for ever"));
}

TEST_CASE("sim network: what a cut holds arrives when it is healed", "[protocol][net][sim]") {
  Wired net;
  auto& network = net.world.network();
  Reader at_server{net.server_thread, *net.pair.server};
  Reader at_client{net.client_thread, *net.pair.client};
  network.cut_one_way("client", "server");
  net.write(*net.pair.client, "held");
  net.write(*net.pair.server, "through");
  net.world.run_for(1h);
  CHECK(at_server.text.empty());
  CHECK(at_client.text == "through");
  network.heal("client", "server");
  net.world.run_for(1s);
  CHECK(at_server.text == "held");

  network.isolate("server");
  net.write(*net.pair.client, " again");
  net.pair.client->close();
  net.world.run_for(1h);
  CHECK(at_server.text == "held");
  CHECK_FALSE(at_server.error);
  network.heal_all();
  net.world.run_for(1s);
  CHECK(at_server.text == "held again");
  CHECK(at_server.error == Errc::end_of_stream);
  CHECK(at_client.error == Errc::closed);
}

TEST_CASE("sim network: a reset breaks both ends and they may connect again",
          "[protocol][net][sim]") {
  Wired net;
  net.world.network().reset("server", "client");
  CHECK(net.run(read_error(*net.pair.client)) == connection_reset);
  CHECK(net.run(read_error(*net.pair.server)) == connection_reset);
  CHECK(net.run(write_text(*net.pair.client, "x")).error() == connection_reset);
  const auto again = sim::connected_pair(net.world, net.client_thread, net.server_thread);
  REQUIRE(net.run(write_text(*again.client, "x")));
}

TEST_CASE("sim network: connecting across a cut succeeds once healed, or times out",
          "[protocol][net][sim]") {
  SimNet net;
  const auto listener = net.server_thread.listen({"", 9092});
  REQUIRE(listener);
  auto& network = net.world.network();
  network.cut_one_way("server", "client");
  const Endpoint to{"server", 9092};
  CHECK(net.run(connect_error(net.client_thread, to, 30s)) == Errc::timed_out);
  net.world.at(net.world.clock().now() + 10s, [&] { network.heal_all(); });
  CHECK_FALSE(net.run(connect_error(net.client_thread, to, 30s)));
}

TEST_CASE("sim network: connecting is refused without a listener and on demand",
          "[protocol][net][sim]") {
  SimNet net;
  const Endpoint to{"server", 9092};
  CHECK(net.run(connect_error(net.client_thread, to, 30s)) == connection_refused);
  const auto listener = net.server_thread.listen(to);
  REQUIRE(listener);
  CHECK(net.server_thread.listen(to).error() == boost::system::errc::address_in_use);
  CHECK_FALSE(net.run(connect_error(net.client_thread, to, 30s)));
  net.world.network().refuse("server", true);
  CHECK(net.run(connect_error(net.client_thread, to, 30s)) == connection_refused);
  net.world.network().refuse("server", false);
  CHECK_FALSE(net.run(connect_error(net.client_thread, to, 30s)));
}

TEST_CASE("sim network: closing with unread data resets the peer", "[protocol][net][sim]") {
  Wired net;
  net.write(*net.pair.client, "never read");
  net.world.run_for(1s);
  net.pair.server->close();
  CHECK(net.run(read_error(*net.pair.client)) == connection_reset);
}

TEST_CASE("failing connection: works the given number of times", "[protocol][net][sim]") {
  Wired net;
  const ErrorInfo broken = make_error_code(connection_reset);
  sim::FailingConnection failing{std::move(net.pair.client), 2, broken};
  REQUIRE(net.run(write_text(failing, "ab")));
  REQUIRE(net.run(write_text(failing, "cd")));
  CHECK(net.run(write_text(failing, "ef")).error() == broken);
  CHECK(net.run(read_error(failing)) == broken);
  failing.close();
  CHECK(net.run(read_text(*net.pair.server, 100)) == "abcd");
}

}  // namespace millrace::net::testing
