#include "tests/support/testing/broker.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <future>
#include <stdexcept>
#include <thread>

#include "broker/broker.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "tests/support/memory_files.hpp"
#include "tests/support/testing/faults.hpp"
#include "tests/support/testing/watched_net.hpp"

namespace millrace::testing {
namespace {

config::BrokerConfig config_of(const std::vector<std::string>& settings, std::uint16_t port) {
  config::Inputs inputs;
  inputs.sets = {"log.dirs=/data",
                 fmt::format("listeners=PLAINTEXT://127.0.0.1:{}", port),
                 "auto.create.topics.enable=true",
                 "group.initial.rebalance.delay.ms=0",
                 "offsets.topic.num.partitions=4",
                 "transaction.state.log.num.partitions=4",
                 "log.flush.mode=async",
                 "journal.bytes=0",
                 "storage.reserve.bytes=0"};
  inputs.sets.insert(inputs.sets.end(), settings.begin(), settings.end());
  auto loaded = config::BrokerConfig::load(inputs);
  if (!loaded.ok()) {
    std::string text = "the broker cannot start:";
    for (const auto& problem : loaded.problems) text += fmt::format(" {};", fmt::streamed(problem));
    throw std::runtime_error{text};
  }
  return std::move(loaded.config);
}

/// From one start to the stop after it, on a thread of its own.
class Life {
 public:
  /// Returns when the broker serves.
  Life(const config::BrokerConfig& config, log::Files& files, Faults& faults)
      : inner_{clock_},
        scheduler_{inner_, faults},
        broker_{world(files), config},
        stop_asked_{scheduler_.executor()} {
    auto started = started_.get_future();
    thread_ = std::jthread{[this] { net::run_blocking(inner_, whole()); }};
    const auto failure = started.get();
    if (failure) throw std::runtime_error{*failure};
  }
  ~Life() {
    scheduler_.post([this] { stop_asked_.set(); });
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  broker::World world(log::Files& files) {
    return {.clock = clock_,
            .rng = rng_,
            .files = files,
            .pool = pool_,
            .read_pool = pool_,
            .journal_pool = pool_,
            .quorum_pool = pool_,
            .schedulers = {&scheduler_}};
  }

  net::Awaitable<void> whole() {
    auto failure = co_await broker_.start();
    if (failure) {
      started_.set_value(std::move(failure->message));
      co_return;
    }
    port_ = broker_.listeners().front().at.port;
    started_.set_value(std::nullopt);
    co_await stop_asked_.wait();
    co_await broker_.stop();
  }

  const SystemClock clock_;
  SystemRng rng_;
  net::AsioScheduler inner_;
  WatchedScheduler scheduler_;
  net::ThreadPool pool_{2};
  broker::Broker broker_;
  net::Event stop_asked_;
  std::promise<std::optional<std::string>> started_;
  std::uint16_t port_ = 0;
  std::jthread thread_;  // the last member: ends before everything that it uses
};

}  // namespace

struct Broker::State {
  std::vector<std::string> settings;
  sim::MemoryFiles files;
  Faults faults;
  std::optional<Life> life;
  std::uint16_t port = 0;
  std::string address;

  void start() {
    const auto config = config_of(settings, port);
    if (config.get_int("shards") > 1)
      throw std::runtime_error{
          "the broker cannot start: it has one shard here, so leave out shards"};
    life.emplace(config, files, faults);
    port = life->port();
    address = fmt::format("127.0.0.1:{}", port);
  }
};

Broker::Broker(std::vector<std::string> settings) : state_{std::make_unique<State>()} {
  spdlog::set_level(spdlog::level::warn);
  state_->settings = std::move(settings);
  state_->start();
}

Broker::~Broker() = default;

const std::string& Broker::address() const {
  return state_->address;
}

void Broker::stop() {
  state_->life.reset();
}

void Broker::start() {
  if (!state_->life) state_->start();
}

void Broker::fail_next(protocol::ApiKey api, protocol::ErrorCode error, int times) {
  state_->faults.add(api, error, times);
}

void Broker::delay_next(protocol::ApiKey api, std::chrono::milliseconds delay, int times) {
  state_->faults.add(api, delay, times);
}

void Broker::disconnect_next(protocol::ApiKey api, Disconnect when, int times) {
  state_->faults.add(api, when, times);
}

void Broker::clear_faults() {
  state_->faults.clear();
}

std::size_t Broker::requests(protocol::ApiKey api) const {
  return state_->faults.came(api);
}

}  // namespace millrace::testing
