#pragma once

#include <boost/asio/execution.hpp>
#include <deque>
#include <utility>

#include "protocol/net/net.hpp"
#include "tests/support/sim_host.hpp"

namespace millrace::sim {

/// A thread of a simulated machine. Made by `SimHost::make_scheduler`.
class SimScheduler final : public net::Scheduler {
 public:
  SimScheduler(SimHost& host, std::uint64_t number) : host_{host}, number_{number} {}
  SimScheduler(const SimScheduler&) = delete;
  SimScheduler& operator=(const SimScheduler&) = delete;

  [[nodiscard]] SimHost& host() { return host_; }
  [[nodiscard]] const Clock& clock() const override;
  [[nodiscard]] net::Executor executor() override;
  /// Dropped when the host is dead.
  void post(net::Task task) override;
  std::unique_ptr<net::Timer> make_timer() override;
  Result<std::unique_ptr<net::Listener>> listen(const net::Endpoint& at) override;
  net::Awaitable<Result<std::unique_ptr<net::Connection>>> connect(net::Endpoint to,
                                                                   Instant deadline) override;

 private:
  friend class SimWorld;
  friend class SimHost;

  SimHost& host_;
  std::uint64_t number_;
  std::deque<net::Task> ready_;
};

/// What Asio's coroutines run through. Two of them are equal when they run on the same scheduler;
/// the number only tells a dying host whose coroutine's frames it is given.
class SimExecutor {
 public:
  explicit SimExecutor(SimScheduler& scheduler, std::uint64_t coroutine = 0) noexcept
      : scheduler_{&scheduler}, coroutine_{coroutine} {}

  [[nodiscard]] SimScheduler& scheduler() const noexcept { return *scheduler_; }
  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t) const noexcept {
    return scheduler_->host().context();
  }
  static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  template <class Function>
  void execute(Function&& function) const {
    net::Task task{std::forward<Function>(function)};
    if (scheduler_->host().alive()) {
      scheduler_->post(std::move(task));
    } else {
      scheduler_->host().bury(coroutine_, std::move(task));
    }
  }
  friend bool operator==(const SimExecutor& a, const SimExecutor& b) noexcept {
    return a.scheduler_ == b.scheduler_;
  }

 private:
  SimScheduler* scheduler_;
  std::uint64_t coroutine_;
};

/// Runs each piece of work at some later virtual time of its own, so that pieces overtake one
/// another as they do on several threads. Made by `SimHost::make_pool`.
class SimPool final : public net::BlockingPool {
 public:
  explicit SimPool(SimHost& host) : host_{host} {}
  SimPool(const SimPool&) = delete;
  SimPool& operator=(const SimPool&) = delete;

  /// Dropped when the host is dead.
  void submit(net::Task work) override;
  /// Each piece of work takes between these two.
  void set_delays(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest);

 private:
  SimHost& host_;
  std::chrono::nanoseconds shortest_ = std::chrono::microseconds{20};
  std::chrono::nanoseconds longest_ = std::chrono::milliseconds{2};
};

}  // namespace millrace::sim
