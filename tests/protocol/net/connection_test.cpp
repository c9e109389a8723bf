// What holds for connections and listeners, over real TCP and over the simulated network alike.
#include <array>
#include <boost/system/errc.hpp>
#include <climits>
#include <cstdint>
#include <optional>

#include "tests/protocol/net/fixtures.hpp"

namespace millrace::net::testing {
namespace {

Awaitable<void> echo(Connection& connection) {
  std::array<std::byte, 1000> buffer;
  while (true) {
    const auto got = co_await connection.read_some(buffer);
    if (!got) break;
    const std::array<Piece, 1> pieces{Bytes{buffer}.first(*got)};
    const auto written = co_await connection.write(pieces);
    if (!written) break;
  }
}

Awaitable<void> check_echo(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  CHECK(pair.client->peer() == pair.server->local());
  CHECK(pair.server->peer() == pair.client->local());
  TaskGroup tasks{server.executor()};
  tasks.spawn(echo(*pair.server));
  for (const std::size_t size : {1, 999, 1000, 1001, 30'000}) {
    std::string sent(size, 'x');
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<char>('a' + i % 23);
    const auto written = co_await write_text(*pair.client, sent);
    REQUIRE(written);
    const auto got = co_await read_text(*pair.client, size);
    REQUIRE(got == sent);
  }
  pair.client->close();
  co_await tasks.join();
}

Awaitable<void> write_all(Connection& to, std::span<const Piece> pieces,
                          std::optional<Result<void>>& outcome) {
  outcome = co_await to.write(pieces);
}

Awaitable<void> check_gather(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 5 * IOV_MAX / 2; ++i) {
    texts.push_back(i % 7 == 0 ? "" : std::to_string(i) + ";");  // empty pieces, too
    expected += texts.back();
  }
  std::vector<Piece> pieces;
  for (const auto& text : texts) pieces.emplace_back(as_bytes(text));
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  const auto got = co_await read_text(*pair.server, expected.size());
  co_await tasks.join();
  REQUIRE(*outcome);
  REQUIRE(got == expected);
}

Awaitable<void> check_slow_reader(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  std::vector<std::byte> big(24 << 20);
  std::uint32_t x = 1;
  for (auto& byte : big) byte = static_cast<std::byte>((x = x * 1664525 + 1013904223) >> 24);
  const std::array<Piece, 2> pieces{Bytes{big}.first(big.size() / 3),
                                    Bytes{big}.subspan(big.size() / 3)};
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  for (int i = 0; i < 20; ++i) co_await pass_a_turn(client);
  CHECK_FALSE(outcome.has_value());  // nobody reads, so the writer must wait

  std::vector<std::byte> got;
  std::vector<std::byte> buffer(100'000);
  while (got.size() < big.size()) {
    const auto count = co_await pair.server->read_some(buffer);
    REQUIRE(count);
    got.insert(got.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
    co_await pass_a_turn(server);
  }
  co_await tasks.join();
  REQUIRE(*outcome);
  REQUIRE(got == big);
}

Awaitable<void> read_once(Connection& from, std::optional<Result<std::size_t>>& outcome) {
  std::array<std::byte, 10> buffer;
  outcome = co_await from.read_some(buffer);
}

Awaitable<void> check_close(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  TaskGroup tasks{server.executor()};
  std::optional<Result<std::size_t>> outcome;
  tasks.spawn(read_once(*pair.server, outcome));
  co_await pass_a_turn(server);
  REQUIRE_FALSE(outcome.has_value());
  pair.server->close();
  pair.server->close();
  co_await tasks.join();
  REQUIRE(outcome->error() == Errc::closed);

  std::array<std::byte, 10> buffer;
  const auto read = co_await pair.server->read_some(buffer);
  CHECK(read.error() == Errc::closed);
  const auto write = co_await write_text(*pair.server, "late");
  CHECK(write.error() == Errc::closed);
}

Awaitable<void> check_close_of_writer(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  const std::vector<std::byte> big(64 << 20);
  const std::array<Piece, 1> pieces{Bytes{big}};
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  for (int i = 0; i < 20; ++i) co_await pass_a_turn(client);
  REQUIRE_FALSE(outcome.has_value());
  pair.client->close();
  co_await tasks.join();
  REQUIRE(outcome->error() == Errc::closed);
}

Awaitable<void> check_end(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  const std::string last = "last words";
  const auto written = co_await write_text(*pair.client, last);
  REQUIRE(written);
  pair.client->close();
  const auto got = co_await read_text(*pair.server, last.size());
  CHECK(got == last);
  std::array<std::byte, 10> buffer;
  const auto end = co_await pair.server->read_some(buffer);
  REQUIRE(end.error() == Errc::end_of_stream);
}

Awaitable<void> check_write_to_gone_peer(Scheduler& client, Scheduler& server) {
  auto pair = co_await connected(client, server);
  pair.server.reset();
  // The first write may still go into the buffer; the reset that answers it ends a later one.
  ErrorInfo error;
  for (int i = 0; i < 1000 && !error; ++i) {
    const auto written = co_await write_text(*pair.client, "anybody there?");
    if (!written) error = written.error();
    const auto slept = co_await sleep_until(client, client.clock().now() + 1ms);
    REQUIRE(slept);
  }
  CHECK((error == boost::system::errc::connection_reset ||
         error == boost::system::errc::broken_pipe));
}

Awaitable<void> accept_once(Listener& listener, Scheduler& onto, ErrorInfo& error) {
  const auto accepted = co_await listener.accept(onto);
  if (!accepted) error = accepted.error();
}

Awaitable<void> check_listener_close(Scheduler& client, Scheduler& server) {
  auto listener = server.listen({"127.0.0.1", 0});
  REQUIRE(listener);
  const Endpoint where = (*listener)->local();
  CHECK(where.port != 0);
  TaskGroup tasks{server.executor()};
  ErrorInfo error;
  tasks.spawn(accept_once(**listener, server, error));
  co_await pass_a_turn(server);
  (*listener)->close();
  co_await tasks.join();
  CHECK(error == Errc::closed);
  const auto later = co_await (*listener)->accept(server);
  CHECK(later.error() == Errc::closed);

  const auto refused = co_await client.connect(where, client.clock().now() + 10s);
  CHECK(refused.error() == boost::system::errc::connection_refused);
}

}  // namespace

TEMPLATE_TEST_CASE("connection: what is echoed comes back", "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_echo(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: a gathered write may have more pieces than one system call takes",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_gather(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: a slow reader holds the writer back and loses nothing",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_slow_reader(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: close ends the read under way and all later operations",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_close(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: close ends the write under way", "[protocol][net]", RealNet,
                   SimNet) {
  TestType net;
  net.run(check_close_of_writer(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: the end of the stream comes behind the last byte",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_end(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("connection: writing to a peer that is gone fails", "[protocol][net]", RealNet,
                   SimNet) {
  TestType net;
  net.run(check_write_to_gone_peer(net.client(), net.server()));
}

TEMPLATE_TEST_CASE("listener: close ends the accept under way, and nobody gets in any more",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_listener_close(net.client(), net.server()));
}

}  // namespace millrace::net::testing
