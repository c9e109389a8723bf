// Works on the jobs of a topic with several threads, until Ctrl-C:
//
//     worker_pool HOST:PORT TOPIC GROUP THREADS
//
// Every thread is a member of the group with a client of its own, so that nothing is shared and the
// group deals out the work; more threads than partitions have nothing to do. A job is committed
// when it is done: one that is interrupted is done again by whoever gets its partition, so jobs
// must bear to be done twice.
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <functional>
#include <thread>

#include "clients/consumer.hpp"
#include "protocol/net/asio_runtime.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;

namespace {

struct Pool {
  std::vector<net::Endpoint> bootstrap;
  std::string topic;
  std::string group;
  std::atomic<bool> stop_asked = false;
  std::atomic<std::uint64_t> done = 0;
};

/// Stands for work that takes a processor its time.
void work_on(const ConsumedRecord& job) {
  static_cast<void>(std::hash<std::string_view>{}(job.value_text().value_or("")));
}

net::Awaitable<Outcome<void>> work(Consumer& consumer, Client& client, Pool& pool) {
  while (!pool.stop_asked) {
    auto deadline = client.now() + 200ms;
    const auto jobs = co_await consumer.poll(deadline);
    if (!jobs) co_return jobs.error();
    if (jobs->empty()) continue;
    for (const auto& job : *jobs) work_on(job);
    pool.done += jobs->size();
    deadline = client.now() + 30s;
    const auto committed = co_await consumer.commit(deadline);
    // Somebody else has the partitions now, and does these jobs once more.
    if (!committed && !committed.error().retriable && committed.error().code != Errc::fenced)
      co_return committed.error();
  }
  co_return Outcome<void>{};
}

net::Awaitable<void> member(Client& client, Pool& pool) {
  Consumer consumer{client, {.poll_records_max = 100, .auto_commit = false}};
  auto outcome = consumer.subscribe({pool.topic}, pool.group);
  if (outcome) outcome = co_await work(consumer, client, pool);
  if (!outcome) {
    fmt::print(stderr, "{}\n", outcome.error().message);
    pool.stop_asked = true;
  }
  const auto deadline = client.now() + 10s;
  co_await consumer.stop(deadline);
  co_await client.stop();
}

void run_thread(Pool& pool) {
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{scheduler, rng, {.bootstrap = pool.bootstrap}};
  net::run_blocking(scheduler, member(client, pool));
}

net::Awaitable<void> until_stopped(net::Scheduler& scheduler, const Pool& pool) {
  while (!pool.stop_asked) {
    const auto soon = scheduler.clock().now() + 100ms;
    co_await net::sleep_until(scheduler, soon);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  if (argc == 5) {
    const std::string_view text{argv[4]};
    std::from_chars(text.data(), text.data() + text.size(), count);
  }
  const auto bootstrap = parse_bootstrap(count > 0 ? argv[1] : "");
  if (!bootstrap) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC GROUP THREADS\n", argv[0]);
    return 2;
  }
  Pool pool{.bootstrap = *bootstrap, .topic = argv[2], .group = argv[3]};
  const SystemClock clock;
  net::AsioScheduler scheduler{clock};
  const net::SignalWatch signals{scheduler, [&pool](int) { pool.stop_asked = true; }};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&pool] { run_thread(pool); });
    net::run_blocking(scheduler, until_stopped(scheduler, pool));
  }
  fmt::print("{} jobs are done\n", pool.done.load());
}
