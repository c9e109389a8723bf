// A simulated machine dies in the middle of everything, and what ran on it can be destroyed.
#include <array>
#include <memory>
#include <optional>

#include "protocol/base/ensure.hpp"
#include "tests/protocol/net/fixtures.hpp"
#include "tests/support/memory_net.hpp"

namespace millrace::net::testing {
namespace {

/// A server as a broker is one: an acceptor, a session per connection that lives on a coroutine's
/// frame and has coroutines of its own, blocking work that posts back, and timers.
class Server {
 public:
  Server(sim::SimScheduler& shard, sim::SimScheduler& other, sim::SimPool& pool)
      : shard_{shard}, other_{other}, pool_{pool} {}

  void start() {
    auto listening = shard_.listen({"", 9092});
    REQUIRE(listening);
    listener_ = std::move(*listening);
    tasks_.spawn(accept_loop(*this));
    tasks_.spawn(tick(*this));
  }
  [[nodiscard]] std::size_t served() const { return served_; }
  [[nodiscard]] std::size_t inside() const { return inside_; }

  Awaitable<void> stop() {
    stopping_ = true;
    listener_->close();
    timer_->cancel();
    for (Connection* const each : open_) each->close();
    co_await tasks_.join();
  }

 private:
  /// Touches the server and the frame that it was made in when it dies, so that an order of
  /// destruction in which either is gone by then is an error that the sanitizers see.
  class Visit {
   public:
    Visit(Server& server, std::vector<int>& of_frame) : server_{server}, of_frame_{of_frame} {
      ++server_.inside_;
      of_frame_.push_back(1);
    }
    ~Visit() {
      ENSURE(!of_frame_.empty());
      of_frame_.pop_back();
      --server_.inside_;
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Server& server_;
    std::vector<int>& of_frame_;
  };

  static Awaitable<void> accept_loop(Server& self) {
    while (true) {
      auto accepted = co_await self.listener_->accept(self.shard_);
      if (!accepted) break;
      self.tasks_.spawn(session(self, std::move(*accepted)));
    }
  }

  static Awaitable<void> session(Server& self, std::unique_ptr<Connection> connection) {
    std::vector<int> visits;
    const Visit visit{self, visits};
    self.open_.push_back(connection.get());
    Event answered{self.shard_.executor()};
    TaskGroup helpers{self.shard_.executor()};
    helpers.spawn(answer(self, *connection, visits, answered));
    helpers.spawn(answer(self, *connection, visits, answered));  // the second mostly waits
    while (helpers.size() > 0) {
      co_await answered.wait();
      answered.reset();
      ++self.served_;
    }
    co_await helpers.join();
    std::erase(self.open_, connection.get());
  }

  static Awaitable<void> answer(Server& self, Connection& connection, std::vector<int>& visits,
                                Event& answered) {
    const Visit visit{self, visits};
    std::array<std::byte, 64> buffer;
    while (true) {
      // One reads at a time; the other waits for its turn on the server's own event.
      while (self.reading_) co_await self.turn_.wait();
      self.reading_ = true;
      const auto got = co_await connection.read_some(buffer);
      self.reading_ = false;
      self.turn_.pulse();
      if (!got) break;
      Event worked{self.shard_.executor()};
      auto& shard = self.shard_;
      self.pool_.submit([&shard, &other = self.other_, &worked] {
        other.post([&shard, &worked] { shard.post([&worked] { worked.set(); }); });
      });
      co_await worked.wait();
      const std::array<Piece, 1> pieces{Bytes{buffer}.first(*got)};
      const auto written = co_await connection.write(pieces);
      if (!written) break;
      answered.set();
    }
    answered.set();
  }

  static Awaitable<void> tick(Server& self) {
    while (!self.stopping_) {
      const bool reached = co_await self.timer_->wait_until(self.shard_.clock().now() + 5ms);
      if (reached) self.turn_.pulse();
    }
  }

  sim::SimScheduler& shard_;
  sim::SimScheduler& other_;
  sim::SimPool& pool_;
  std::unique_ptr<Timer> timer_ = shard_.make_timer();
  std::unique_ptr<Listener> listener_;
  std::vector<Connection*> open_;
  bool stopping_ = false;
  bool reading_ = false;
  std::size_t served_ = 0;
  std::size_t inside_ = 0;
  Event turn_{shard_.executor()};
  TaskGroup tasks_{shard_.executor()};
};

Awaitable<void> keep_asking(sim::SimScheduler& s, Rng& rng, const bool& enough) {
  while (!enough) {
    auto connection = co_await s.connect({"server", 9092}, s.clock().now() + 1s);
    while (connection && !enough) {
      const auto written = co_await write_text(**connection, std::string(1 + rng.below(60), 'q'));
      if (!written) break;
      std::array<std::byte, 64> buffer;
      const auto got = co_await (*connection)->read_some(buffer);
      if (!got) break;
    }
    const auto slept = co_await sleep_until(s, s.clock().now() + 1ms);
    REQUIRE(slept);
  }
}

struct Life {
  explicit Life(sim::SimWorld& world)
      : host{world.make_host("server")},
        server{host.make_scheduler(), host.make_scheduler(), host.make_pool()} {
    server.start();
  }
  sim::SimHost& host;
  Server server;
};

}  // namespace

TEST_CASE("crash: a server dies at any moment and leaves nothing behind", "[protocol][net][sim]") {
  std::size_t died_inside = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    sim::SimWorld world{seed};
    auto& asker = world.make_host("client").make_scheduler();
    bool enough = false;
    TaskGroup clients{asker.executor()};
    for (int i = 0; i < 3; ++i) clients.spawn(keep_asking(asker, world.rng(), enough));

    auto life = std::make_optional<Life>(world);
    std::size_t steps_left = 50 + world.rng().below(2000);
    const bool reached = world.run_until([&] { return --steps_left == 0; }, 10s);
    REQUIRE(reached);
    if (life->server.inside() > 0) ++died_inside;
    life->host.crash();
    REQUIRE(life->server.inside() == 0);  // all frames are gone, while the server is still there
    life.reset();

    life.emplace(world);  // the next life serves again
    const bool serves = world.run_until([&] { return life->server.served() >= 10; }, 10s);
    REQUIRE(serves);
    enough = true;
    world.run(asker, clients.join());
    world.run(asker, sleep_until(asker, world.clock().now() + 10ms));
    if (seed % 2 == 0) {
      world.run(asker, life->server.stop());
      REQUIRE(life->server.inside() == 0);
    } else {
      life->host.crash();
    }
    life.reset();
  }
  CHECK(died_inside > 500);
}

TEST_CASE("crash: the peer is reset behind what was sent, and refused afterwards",
          "[protocol][net][sim]") {
  SimNet net;
  const auto pair = sim::connected_pair(net.world, net.client_thread, net.server_thread);
  REQUIRE(net.run(write_text(*pair.server, "last")));
  net.server_thread.host().crash();
  CHECK(net.run(read_text(*pair.client, 4)) == "last");
  std::array<std::byte, 10> buffer;
  const auto after = net.run(pair.client->read_some(buffer));
  CHECK(after.error() == boost::system::errc::connection_reset);
}

TEST_CASE("crash: what is posted to a dead machine is dropped", "[protocol][net][sim]") {
  SimNet net;
  auto& host = net.server_thread.host();
  auto& pool = host.make_pool();
  const auto held = std::make_shared<int>(1);
  pool.submit([held] {});
  net.server_thread.post([held] {});
  CHECK(held.use_count() == 3);
  host.crash();
  CHECK(held.use_count() == 1);
  net.server_thread.post([held] { FAIL("ran on a dead machine"); });
  pool.submit([held] { FAIL("ran on a dead machine"); });
  CHECK(held.use_count() == 1);
  net.world.run_for(1s);
}

TEST_CASE("crash: a failed requirement in a coroutine comes out and the test may unwind",
          "[protocol][net][sim]") {
  SimNet net;
  auto& shard = net.server_thread;
  Server server{shard, shard.host().make_scheduler(), shard.host().make_pool()};
  server.start();
  struct Expected {};
  const auto fails = [](Scheduler& s) -> Awaitable<void> {
    const auto slept = co_await sleep_until(s, s.clock().now() + 100ms);
    if (slept) throw Expected{};
  };
  CHECK_THROWS_AS(net.run(fails(net.client_thread)), Expected);
  CHECK_FALSE(shard.host().alive());
}

}  // namespace millrace::net::testing
