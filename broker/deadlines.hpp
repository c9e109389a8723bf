#pragma once

#include <map>
#include <memory>
#include <utility>

#include "protocol/net/net.hpp"

namespace millrace::broker {

/// Tasks to run at a time, on one scheduler; one timer serves them all. Used from that scheduler's
/// thread. `run` is the coroutine behind it; its owner spawns it, and it ends after `stop`.
class Deadlines {
 public:
  using Key = std::pair<Instant, std::uint64_t>;

  explicit Deadlines(net::Scheduler& scheduler)
      : scheduler_{scheduler}, timer_{scheduler.make_timer()} {}

  /// Runs `task` once `at` has been reached.
  Key at(Instant when, net::Task task);
  Key after(std::chrono::nanoseconds delay, net::Task task) {
    return at(scheduler_.clock().now() + delay, std::move(task));
  }
  /// Forgets a task; one that ran already or was forgotten is no error.
  void forget(const Key& key) { tasks_.erase(key); }
  /// Forgets all tasks and ends `run`.
  void stop();
  net::Awaitable<void> run();

 private:
  net::Scheduler& scheduler_;
  std::unique_ptr<net::Timer> timer_;
  std::map<Key, net::Task> tasks_;
  std::uint64_t next_id_ = 0;
  bool stopping_ = false;
};

}  // namespace millrace::broker
