#include "tests/support/sim_world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <stdexcept>
#include <string>

#include "protocol/base/ensure.hpp"
#include "tests/support/sim_host.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"

namespace millrace::sim {
namespace {

constexpr std::uint64_t kStepsWithoutTimeMax = 1'000'000;

}  // namespace

SimWorld::SimWorld(std::uint64_t seed)
    : seed_{seed}, rng_{seed}, network_{std::make_unique<SimNetwork>(*this)} {}

SimWorld::~SimWorld() {
  crash_all();
}

SimHost& SimWorld::make_host(const std::string& name) {
  ENSURE(find_host(name) == nullptr);
  return *hosts_.emplace_back(std::make_unique<SimHost>(*this, name));
}

SimHost* SimWorld::find_host(const std::string& name) {
  for (const auto& host : hosts_)
    if (host->alive() && host->name() == name) return host.get();
  return nullptr;
}

bool SimWorld::run_until(const std::function<bool()>& done, std::chrono::nanoseconds limit) {
  const Instant end = clock_.now() + limit;
  while (true) {
    if (done()) return true;
    if (!step(end)) {
      clock_.advance_to(end);
      steps_at_now_ = 0;
      return done();
    }
  }
}

void SimWorld::run_for(std::chrono::nanoseconds duration) {
  run_until([] { return false; }, duration);
}

void SimWorld::at(Instant when, net::Task task) {
  schedule(nullptr, when, std::move(task));
}

void SimWorld::note(std::uint64_t value) {
  digest_ ^= value + 0x9e3779b97f4a7c15ULL + (digest_ << 6) + (digest_ >> 2);
  digest_ *= 0xff51afd7ed558ccdULL;
}

SimWorld::EventKey SimWorld::schedule(SimHost* host, Instant when, net::Task task) {
  const EventKey key{std::max(when, clock_.now()), ++scheduled_};
  events_.emplace(key, Due{host, std::move(task)});
  return key;
}

bool SimWorld::step(Instant limit) {
  std::vector<SimScheduler*> ready;
  for (const auto& host : hosts_) {
    if (!host->alive()) continue;
    for (const auto& scheduler : host->schedulers())
      if (!scheduler->ready_.empty()) ready.push_back(scheduler.get());
  }
  if (++steps_at_now_ > kStepsWithoutTimeMax) fail("something runs for ever in no time");

  if (!ready.empty()) {
    auto& next = *ready[ready.size() == 1 ? 0 : rng_.below(ready.size())];
    note(next.number_);
    net::Task task = std::move(next.ready_.front());
    next.ready_.pop_front();
    running_ = &next.host();
    task();
    task = nullptr;
    running_ = nullptr;
    return true;
  }
  if (events_.empty() || events_.begin()->first.first > limit) return false;
  auto event = events_.extract(events_.begin());
  if (event.key().first > clock_.now()) {
    clock_.advance_to(event.key().first);
    steps_at_now_ = 0;
  }
  note(static_cast<std::uint64_t>(event.key().first.time_since_epoch().count()));
  running_ = event.mapped().host;
  event.mapped().task();
  event.mapped().task = nullptr;
  running_ = nullptr;
  return true;
}

void SimWorld::drive(SimScheduler& scheduler, net::Awaitable<void> coroutine,
                     std::chrono::nanoseconds limit) {
  std::optional<std::exception_ptr> ended;
  const auto executor = scheduler.host().fork(scheduler.executor());
  boost::asio::co_spawn(executor, std::move(coroutine),
                        [&ended](std::exception_ptr e) { ended = std::move(e); });
  try {
    const bool in_time = run_until([&ended] { return ended.has_value(); }, limit);
    if (!in_time) {
      const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
      fail("not done after " + std::to_string(waited) + " ms of virtual time");
    }
    if (*ended) std::rethrow_exception(*ended);
  } catch (...) {
    crash_all();
    throw;
  }
}

void SimWorld::fail(const std::string& what) const {
  throw std::runtime_error{"seed " + std::to_string(seed_) + ": " + what};
}

void SimWorld::crash_all() {
  running_ = nullptr;  // a task may have ended by an exception
  for (const auto& host : hosts_)
    if (host->alive()) host->crash();
}

}  // namespace millrace::sim
