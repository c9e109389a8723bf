#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/net/net.hpp"

/// The real form of the network facade: threads, sockets and timers of this machine, on Asio.
namespace millrace::net {

/// A thread's loop. It does not start a thread: whoever calls `run` becomes its thread. Only `post`
/// and `stop` may be called from other threads.
///
/// Before it is destroyed, everything that runs on it must have been closed and joined, or be
/// unable to run any more because `run` has returned for good; tasks that are still in the inbox
/// are destroyed unrun. The destructor may wait for a name lookup under way.
class AsioScheduler final : public Scheduler {
 public:
  /// `clock` must outlive this, and its `now` must be the machine's steady clock (`SystemClock`),
  /// because that is what the timers sleep by.
  explicit AsioScheduler(const Clock& clock);
  ~AsioScheduler() override;
  AsioScheduler(const AsioScheduler&) = delete;
  AsioScheduler& operator=(const AsioScheduler&) = delete;

  /// Makes the calling thread this scheduler's thread until `stop`. Returns at once when stopped
  /// before. An exception that comes out of it is a broken invariant.
  void run();
  /// Makes `run` return after the turn under way. Thread-safe, final, may be repeated.
  void stop();

  [[nodiscard]] const Clock& clock() const override;
  [[nodiscard]] Executor executor() override;
  void post(Task task) override;
  std::unique_ptr<Timer> make_timer() override;
  Result<std::unique_ptr<Listener>> listen(const Endpoint& at) override;
  Awaitable<Result<std::unique_ptr<Connection>>> connect(Endpoint to, Instant deadline) override;

  /// Runs `coroutine` and whatever else is ready until it is done, on the calling thread, instead
  /// of `run`. Its exception, if it ends with one, comes out. See `run_blocking`.
  void drive(Awaitable<void> coroutine);

  struct Impl;
  /// For the other files of the Asio form.
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

namespace detail {

template <class T>
Awaitable<void> keep_result(Awaitable<T> from, std::optional<T>& into) {
  into.emplace(co_await std::move(from));
}

}  // namespace detail

/// Drives `scheduler` on the calling thread until `coroutine` is done; for tools and tests. Nobody
/// else may run the scheduler meanwhile. An exception of the coroutine comes out here.
template <class T>
T run_blocking(AsioScheduler& scheduler, Awaitable<T> coroutine) {
  if constexpr (std::is_void_v<T>) {
    scheduler.drive(std::move(coroutine));
  } else {
    std::optional<T> result;
    scheduler.drive(detail::keep_result(std::move(coroutine), result));
    return std::move(*result);
  }
}

/// A fixed number of threads that take work in the order of `submit`. The queue has no bound of its
/// own: who submits holds the bound (one sync per disk, one read per fetch, ...).
class ThreadPool final : public BlockingPool {
 public:
  explicit ThreadPool(std::size_t threads);
  /// Finishes the work that was submitted, then joins the threads.
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  void submit(Task work) override;

 private:
  void work_loop();

  std::mutex mutex_;
  std::condition_variable work_or_end_;
  std::deque<Task> queue_;  // guarded by mutex_
  bool ending_ = false;     // guarded by mutex_
  std::vector<std::jthread> threads_;
};

/// Calls `on_signal` on the scheduler's thread for each SIGINT or SIGTERM, until it is destroyed.
/// While one exists these signals do not end the process. Create and destroy it on the scheduler's
/// thread, or while nobody runs the scheduler.
class SignalWatch {
 public:
  SignalWatch(AsioScheduler& scheduler, std::function<void(int signal)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
