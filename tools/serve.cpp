#include "tools/serve.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "log/posix_files.hpp"
#include "protocol/net/asio_runtime.hpp"

namespace millrace::tools {
namespace {

std::size_t shard_count(const config::BrokerConfig& config) {
  const auto asked = config.get_int("shards");
  if (asked > 0) return static_cast<std::size_t>(asked);
  return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

/// Raises the process's limit on open files as far as it goes, because each connection and each
/// segment takes some, and keeps half of them for files.
std::int64_t connections_max() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::int64_t>::max();
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(limit.rlim_cur / 2);
}

/// The first shard's side of a run: start, wait for a signal, stop.
class Run {
 public:
  Run(broker::Broker& broker, net::AsioScheduler& scheduler)
      : broker_{broker}, stop_asked_{scheduler.executor()} {}

  void ask_to_stop() { stop_asked_.set(); }

  net::Awaitable<std::optional<std::string>> whole(
      const std::function<void(const std::vector<broker::Server::Bound>&)>& ready) {
    auto failure = co_await broker_.start();
    if (failure) co_return std::move(failure->message);
    ready(broker_.listeners());
    co_await stop_asked_.wait();
    spdlog::info("stopping: answering what was taken, then syncing");
    co_await broker_.stop();
    co_return std::nullopt;
  }

 private:
  broker::Broker& broker_;
  net::Event stop_asked_;
};

}  // namespace

std::optional<std::string> serve(
    const config::BrokerConfig& config,
    const std::function<void(const std::vector<broker::Server::Bound>&)>& ready) {
  const SystemClock clock;
  SystemRng rng;
  log::PosixFiles files;
  std::vector<std::unique_ptr<net::AsioScheduler>> schedulers;
  for (std::size_t i = 0; i < shard_count(config); ++i) {
    schedulers.push_back(std::make_unique<net::AsioScheduler>(clock));
  }
  std::optional<std::string> failure;
  {
    net::ThreadPool pool{static_cast<std::size_t>(config.get_int("disk.threads"))};
    broker::World world{.clock = clock,
                        .rng = rng,
                        .files = files,
                        .pool = pool,
                        .schedulers = {},
                        .connections_max = connections_max()};
    for (const auto& scheduler : schedulers) world.schedulers.push_back(scheduler.get());
    broker::Broker broker{std::move(world), config};
    net::AsioScheduler& first = *schedulers.front();
    Run run{broker, first};
    const net::SignalWatch signals{first, [&run](int) { run.ask_to_stop(); }};
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < schedulers.size(); ++i) {
      threads.emplace_back([scheduler = schedulers[i].get()] { scheduler->run(); });
    }
    failure = net::run_blocking(first, run.whole(ready));
    for (const auto& scheduler : schedulers) scheduler->stop();
  }
  return failure;
}

}  // namespace millrace::tools
