// What only the real form has: threads, the system's own queues, name lookup, signals.
#include "protocol/net/asio_runtime.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/protocol/net/fixtures.hpp"

namespace millrace::net::testing {
namespace {

/// A scheduler on a thread of its own.
struct Shard {
  explicit Shard(const Clock& clock) : scheduler{clock}, thread{[this] { scheduler.run(); }} {}
  ~Shard() { scheduler.stop(); }
  AsioScheduler scheduler;
  std::jthread thread;
};

/// A listening socket whose queue of connections is full, so that connecting to it gets no answer.
class DeafListener {
 public:
  DeafListener() : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    socklen_t size = sizeof at;
    REQUIRE(::bind(socket_, address, size) == 0);
    REQUIRE(::listen(socket_, 0) == 0);
    REQUIRE(::getsockname(socket_, address, &size) == 0);
    where_ = {"127.0.0.1", ntohs(at.sin_port)};
    for (int& filler : fillers_) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      (void)::connect(filler, address, size);
    }
  }
  ~DeafListener() {
    for (const int filler : fillers_) ::close(filler);
    ::close(socket_);
  }
  DeafListener(const DeafListener&) = delete;
  DeafListener& operator=(const DeafListener&) = delete;
  [[nodiscard]] const Endpoint& where() const { return where_; }

 private:
  int socket_;
  std::array<int, 4> fillers_{};
  Endpoint where_;
};

Awaitable<ErrorInfo> connect_error(Scheduler& s, Endpoint to) {
  const auto connection = co_await s.connect(std::move(to), s.clock().now() + 50ms);
  co_return connection ? ErrorInfo{} : connection.error();
}

Awaitable<Endpoint> connect_by_name(Scheduler& s) {
  auto listener = s.listen({"", 0});
  REQUIRE(listener);
  const Endpoint by_name{"localhost", (*listener)->local().port};
  auto client = co_await s.connect(by_name, s.clock().now() + 10s);
  REQUIRE(client);
  auto server = co_await (*listener)->accept(s);
  REQUIRE(server);
  CHECK((*server)->local() == (*client)->peer());
  co_return (*client)->peer();
}

/// What a connection needs on the thread it was accepted onto.
struct Session {
  Session(Scheduler& s, std::unique_ptr<Connection> c)
      : connection{std::move(c)}, tasks{s.executor()} {}
  std::unique_ptr<Connection> connection;
  TaskGroup tasks;
};

Awaitable<void> serve(Session& session, std::thread::id& thread) {
  const std::string text = co_await read_text(*session.connection, 5);
  thread = std::this_thread::get_id();
  // No check here: assertions belong to the test's own thread, which finds out by the answer.
  (void)co_await write_text(*session.connection, text + "!");
}

Awaitable<void> end_session(std::unique_ptr<Session> session, std::atomic<bool>& ended) {
  co_await session->tasks.join();
  session.reset();
  ended = true;
  ended.notify_one();
}

Awaitable<void> check_accept_onto(Scheduler& here, Shard& shard) {
  auto listener = here.listen({"127.0.0.1", 0});
  REQUIRE(listener);
  auto client = co_await here.connect((*listener)->local(), here.clock().now() + 10s);
  REQUIRE(client);
  auto accepted = co_await (*listener)->accept(shard.scheduler);
  REQUIRE(accepted);

  TaskGroup group{shard.scheduler.executor()};  // outlives its one coroutine: see the wait below
  std::thread::id served_by;
  std::atomic<bool> ended = false;
  shard.scheduler.post([&, connection = std::move(*accepted)]() mutable {
    auto session = std::make_unique<Session>(shard.scheduler, std::move(connection));
    session->tasks.spawn(serve(*session, served_by));
    group.spawn(end_session(std::move(session), ended));
  });
  const auto written = co_await write_text(**client, "hello");
  REQUIRE(written);
  const std::string answer = co_await read_text(**client, 100);
  CHECK(answer == "hello!");
  ended.wait(false);
  CHECK(served_by == shard.thread.get_id());
  std::atomic<bool> empty = false;
  while (!empty) {
    std::atomic<bool> asked = false;
    shard.scheduler.post([&] {
      empty = group.size() == 0;
      asked = true;
      asked.notify_one();
    });
    asked.wait(false);
  }
}

}  // namespace

TEST_CASE("asio: what blocks until a coroutine is done can be done again when nothing is left",
          "[protocol][net]") {
  const SystemClock clock;
  AsioScheduler scheduler{clock};
  const auto number = [](int n) -> Awaitable<int> { co_return n; };
  CHECK(run_blocking(scheduler, number(1)) == 1);
  CHECK(run_blocking(scheduler, number(2)) == 2);
}

TEST_CASE("tcp: connecting gives up at the deadline", "[protocol][net]") {
  RealNet net;
  const DeafListener deaf;
  const Instant start = net.clock.now();
  const ErrorInfo error = net.run(connect_error(net.scheduler, deaf.where()));
  CHECK(error == Errc::timed_out);
  CHECK(net.clock.now() - start >= 50ms);
}

TEST_CASE("tcp: a name is looked up, and the addresses are plain", "[protocol][net]") {
  RealNet net;
  const Endpoint peer = net.run(connect_by_name(net.scheduler));
  CHECK((peer.host == "127.0.0.1" || peer.host == "::1"));
}

TEST_CASE("tcp: an address in use or not ours cannot be listened on", "[protocol][net]") {
  RealNet net;
  const auto first = net.scheduler.listen({"127.0.0.1", 0});
  REQUIRE(first);
  const auto second = net.scheduler.listen((*first)->local());
  REQUIRE_FALSE(second);
  CHECK(second.error() == boost::system::errc::address_in_use);
  const auto foreign = net.scheduler.listen({"192.0.2.1", 0});
  REQUIRE_FALSE(foreign);
}

TEST_CASE("scheduler: tasks from many threads all run, each thread's in its order",
          "[protocol][net]") {
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  const SystemClock clock;
  std::array<std::vector<int>, kThreads> seen;
  std::atomic<int> left{kThreads * kPosts};
  {
    Shard shard{clock};
    std::vector<std::jthread> posters;
    for (int t = 0; t < kThreads; ++t) {
      posters.emplace_back([&, t] {
        for (int i = 0; i < kPosts; ++i) {
          shard.scheduler.post([&, t, i] {
            seen[static_cast<std::size_t>(t)].push_back(i);
            left.fetch_sub(1);
            left.notify_one();
          });
        }
      });
    }
    for (int now = left; now != 0; now = left) left.wait(now);
  }
  for (const auto& numbers : seen) {
    REQUIRE(numbers.size() == kPosts);
    for (int i = 0; i < kPosts; ++i) REQUIRE(numbers[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("scheduler: tasks that never ran are destroyed with it", "[protocol][net]") {
  const auto held = std::make_shared<int>(1);
  {
    const SystemClock clock;
    AsioScheduler scheduler{clock};
    scheduler.post([held] {});
    scheduler.post([held] {});
    scheduler.stop();
    scheduler.run();
    CHECK(held.use_count() == 3);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("tcp: a connection can be accepted onto another scheduler's thread", "[protocol][net]") {
  RealNet net;
  Shard shard{net.clock};
  net.run(check_accept_onto(net.scheduler, shard));
}

TEST_CASE("thread pool: finishes what was submitted before it ends", "[protocol][net]") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool{3};
    for (int i = 0; i < 1000; ++i) pool.submit([&done] { ++done; });
  }
  CHECK(done == 1000);
}

TEST_CASE("thread pool: its threads work at the same time", "[protocol][net]") {
  ThreadPool pool{2};
  std::atomic<int> present = 0;
  std::atomic<int> left = 2;
  for (int i = 0; i < 2; ++i) {
    pool.submit([&] {  // each waits for the other
      ++present;
      present.notify_all();
      for (int now = present; now < 2; now = present) present.wait(now);
      --left;
      left.notify_all();
    });
  }
  for (int now = left; now != 0; now = left) left.wait(now);
  CHECK(left == 0);
}

TEST_CASE("signal watch: tells of each signal, and gives them back", "[protocol][net]") {
  RealNet net;
  std::vector<int> seen;
  {
    Event told{net.scheduler.executor()};
    const SignalWatch watch{net.scheduler, [&](int signal) {
                              seen.push_back(signal);
                              told.pulse();
                            }};
    for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
      REQUIRE(::raise(signal) == 0);
      net.run(told.wait());
    }
  }
  CHECK(seen == std::vector{SIGTERM, SIGINT, SIGTERM});
  struct sigaction action{};
  REQUIRE(::sigaction(SIGTERM, nullptr, &action) == 0);
  CHECK(action.sa_handler == SIG_DFL);
}

}  // namespace millrace::net::testing
