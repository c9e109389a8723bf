#include "tools/serve.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "log/bounded_files.hpp"
#include "log/journal/journal.hpp"
#include "log/posix_files.hpp"
#include "protocol/net/asio_runtime.hpp"

namespace millrace::tools {
namespace {

constexpr std::size_t kJournalThreadsMax = 16;  // as many writes as a disk takes at a time

std::size_t shard_count(const config::BrokerConfig& config) {
  const auto asked = config.get_int("shards");
  if (asked > 0) return static_cast<std::size_t>(asked);
  return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

/// How many descriptors connections and files may take: half of the process's limit each. Raises
/// the limit as far as it goes first.
std::int64_t descriptors_each() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::int64_t>::max();
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(limit.rlim_cur / 2);
}

/// A quarter of the half is left for files that are pinned or not synced, which count on top, and
/// for what is open only for a moment.
std::size_t open_files_max(const config::BrokerConfig& config, std::int64_t descriptors) {
  const std::int64_t possible = std::max<std::int64_t>(descriptors - descriptors / 4, 16);
  const std::int64_t asked = config.get_int("log.open.files.max");
  return static_cast<std::size_t>(asked > 0 ? std::min(asked, possible) : possible);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

/// The first shard's side of a run: start, wait for a signal, stop.
class Run {
 public:
  Run(broker::Broker& broker, net::AsioScheduler& scheduler)
      : broker_{broker}, stop_asked_{scheduler.executor()} {}

  void ask_to_stop() {
    stop_asked_.set();
    if (!started_) broker_.cancel_start();
  }
  void give_up(const std::string& why) {
    failure_ = why;
    stop_asked_.set();
  }

  net::Awaitable<std::optional<std::string>> whole(
      const std::function<void(const std::vector<broker::Server::Bound>&)>& ready) {
    auto failure = co_await broker_.start();
    started_ = true;
    if (failure) co_return failure_.value_or(std::move(failure->message));
    ready(broker_.listeners());
    co_await stop_asked_.wait();
    spdlog::info("stopping: answering what was taken, then syncing");
    co_await broker_.stop();
    co_return failure_;
  }

 private:
  broker::Broker& broker_;
  net::Event stop_asked_;
  bool started_ = false;
  std::optional<std::string> failure_;  // that ends the run
};

}  // namespace

std::optional<std::string> serve(
    const config::BrokerConfig& config,
    const std::function<void(const std::vector<broker::Server::Bound>&)>& ready) {
  const SystemClock clock;
  SystemRng rng;
  const std::int64_t descriptors = descriptors_each();
  log::PosixFiles machine;
  const std::size_t open_max = open_files_max(config, descriptors);
  log::BoundedFiles files{machine, open_max};
  std::vector<std::unique_ptr<net::AsioScheduler>> schedulers;
  for (std::size_t i = 0; i < shard_count(config); ++i) {
    schedulers.push_back(std::make_unique<net::AsioScheduler>(clock));
  }
  std::optional<std::string> failure;
  {
    net::ThreadPool pool{static_cast<std::size_t>(config.get_int("disk.threads"))};
    net::ThreadPool read_pool{static_cast<std::size_t>(config.get_int("disk.read.threads"))};
    net::ThreadPool journal_pool{
        std::min(kJournalThreadsMax, schedulers.size() * log::Journal::kInFlightMax)};
    net::ThreadPool quorum_pool{1};
    broker::World world{.clock = clock,
                        .rng = rng,
                        .files = files,
                        .pool = pool,
                        .read_pool = read_pool,
                        .journal_pool = journal_pool,
                        .quorum_pool = quorum_pool,
                        .unsynced_files_max = open_max / 4,
                        .schedulers = {},
                        .connections_max = descriptors,
                        .host_name = host_name(),
                        .give_up = {}};
    Run* the_run = nullptr;
    world.give_up = [&the_run](const std::string& why) { the_run->give_up(why); };
    for (const auto& scheduler : schedulers) world.schedulers.push_back(scheduler.get());
    broker::Broker broker{std::move(world), config};
    net::AsioScheduler& first = *schedulers.front();
    Run run{broker, first};
    the_run = &run;
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
