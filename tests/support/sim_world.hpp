#pragma once

#include <boost/asio/execution_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/rng.hpp"
#include "protocol/net/net.hpp"
#include "tests/support/clock.hpp"

namespace millrace::sim {

class SimHost;
class SimNetwork;
class SimPool;
class SimScheduler;

/// A whole cluster's world in one thread: virtual time, one seeded source of chance, machines, and
/// the network between them. Code under test gets it through the ordinary seams and cannot tell.
///
/// Time stands still while anything can run, and then jumps to the next thing that is due. Each
/// scheduler runs its tasks in order; which scheduler goes next is chance, so that what would be
/// threads of a real machine interleave differently from seed to seed. The same seed and the same
/// calls give the same run, to the last step: `digest` tells.
///
/// Declare the world before what runs in it, so that it is destroyed last; and stop or crash what
/// runs before it is destroyed:
///
///     SimWorld world{seed};
///     SimHost& host = world.make_host("broker1");
///     auto broker = std::make_unique<Broker>(host.make_scheduler(), host.make_pool(), ...);
///     world.run(scheduler, broker->start());
///     ...
///     host.crash();      // 1. nothing of it runs any more, all its coroutines are destroyed
///     broker.reset();    // 2. now its objects can go; nothing refers to them
///     SimHost& again = world.make_host("broker1");   // 3. the machine starts anew
class SimWorld {
 public:
  explicit SimWorld(std::uint64_t seed);
  /// Crashes the hosts that are still alive.
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] SimClock& clock() { return clock_; }
  [[nodiscard]] Rng& rng() { return rng_; }
  [[nodiscard]] SimNetwork& network() { return *network_; }
  /// A machine, or a new life of one that crashed. The world owns it, and keeps the dead ones too.
  SimHost& make_host(const std::string& name);
  /// The living host of that name, or null.
  [[nodiscard]] SimHost* find_host(const std::string& name);

  /// Runs until `done` (asked before every step) or until `limit` of virtual time has passed.
  /// Returns what `done` says in the end. Throws when a million steps in a row took no time.
  bool run_until(const std::function<bool()>& done, std::chrono::nanoseconds limit);
  void run_for(std::chrono::nanoseconds duration);
  /// Runs `coroutine` on `scheduler`, and the world with it, until it is done. Its exception comes
  /// out here, also that of a failed REQUIRE; so does a `std::runtime_error` that names the seed
  /// when it has not ended within `limit`. Before either, all hosts are crashed, so that the test
  /// may simply unwind.
  template <class T>
  T run(SimScheduler& scheduler, net::Awaitable<T> coroutine,
        std::chrono::nanoseconds limit = std::chrono::minutes{10}) {
    if constexpr (std::is_void_v<T>) {
      drive(scheduler, std::move(coroutine), limit);
    } else {
      std::optional<T> result;
      drive(scheduler, keep(std::move(coroutine), result), limit);
      return std::move(*result);
    }
  }

  /// Runs `task` at `when` (now, if that has passed), for faults and scripts of a test.
  void at(Instant when, net::Task task);
  /// A number that differs, in all likelihood, between two runs that differ in any step.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  /// Makes a value part of the digest.
  void note(std::uint64_t value);

 private:
  friend class SimHost;
  friend class SimScheduler;
  friend class SimNetwork;
  using EventKey = std::pair<Instant, std::uint64_t>;  // due, then order of scheduling
  struct Due {
    SimHost* host;  // null: the world's own
    net::Task task;
  };

  template <class T>
  static net::Awaitable<void> keep(net::Awaitable<T> from, std::optional<T>& into) {
    into.emplace(co_await std::move(from));
  }
  void drive(SimScheduler& scheduler, net::Awaitable<void> coroutine,
             std::chrono::nanoseconds limit);
  EventKey schedule(SimHost* host, Instant when, net::Task task);
  /// One task of one scheduler, or else what is due next by `limit`; false when there is neither.
  bool step(Instant limit);
  [[noreturn]] void fail(const std::string& what) const;
  void crash_all();

  std::uint64_t seed_;
  SimClock clock_;
  SeededRng rng_;
  std::uint64_t digest_ = 0;
  std::uint64_t scheduled_ = 0;  // events so far; the second part of the next key
  std::uint64_t steps_at_now_ = 0;
  SimHost* running_ = nullptr;  // whose task is being run
  std::unique_ptr<SimNetwork> network_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::map<EventKey, Due> events_;  // destroyed first: tasks may refer to all of the above
};

}  // namespace millrace::sim
