#pragma once

#include <memory>
#include <vector>

#include "protocol/net/net.hpp"

namespace millrace::clients {

/// Lets one coroutine sleep until a deadline or until somebody calls `wake`, whichever is first. A
/// `wake` while nobody sleeps is remembered for the next wait. Used from one scheduler's thread;
/// outlives the wait.
class Wakeup {
 public:
  explicit Wakeup(net::Scheduler& scheduler) : timer_{scheduler.make_timer()} {}

  net::Awaitable<void> wait_until(Instant deadline) {
    if (!woken_) {
      waiting_ = true;
      co_await timer_->wait_until(deadline);
      waiting_ = false;
    }
    woken_ = false;
  }
  void wake() {
    if (woken_) return;
    woken_ = true;
    if (waiting_) timer_->cancel();
  }

 private:
  std::unique_ptr<net::Timer> timer_;
  bool waiting_ = false;
  bool woken_ = false;
};

/// Lets any number of coroutines sleep until a deadline or until somebody calls `notify`, which
/// wakes those that sleep at the time and is not remembered. Same rules as `Wakeup`.
class WaitList {
 public:
  explicit WaitList(net::Scheduler& scheduler) : scheduler_{scheduler} {}

  net::Awaitable<void> wait_until(Instant deadline) {
    Wakeup wakeup{scheduler_};
    waiting_.push_back(&wakeup);
    co_await wakeup.wait_until(deadline);
    std::erase(waiting_, &wakeup);
  }
  void notify() {
    for (auto* const wakeup : waiting_) wakeup->wake();
  }

 private:
  net::Scheduler& scheduler_;
  std::vector<Wakeup*> waiting_;
};

}  // namespace millrace::clients
