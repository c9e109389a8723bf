#include "protocol/net/asio_runtime.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "protocol/base/ensure.hpp"
#include "protocol/net/asio_scheduler_impl.hpp"
#include "protocol/net/tcp.hpp"
#include "protocol/net/tokens.hpp"

namespace millrace::net {
namespace {

class AsioTimer final : public Timer {
 public:
  explicit AsioTimer(asio::io_context& io) : timer_{io} {}

  Awaitable<bool> wait_until(Instant deadline) override {
    cancelled_ = false;
    timer_.expires_at(deadline);
    co_await timer_.async_wait(kResult);
    // Not the error code: a cancel that comes after the expiry was queued must win too, because its
    // caller relies on nothing happening any more.
    co_return !cancelled_;
  }
  void cancel() override {
    cancelled_ = true;
    timer_.cancel();
  }

 private:
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer_;
  bool cancelled_ = false;
};

}  // namespace

AsioScheduler::AsioScheduler(const Clock& clock) : impl_{std::make_unique<Impl>(clock)} {}

AsioScheduler::~AsioScheduler() = default;

void AsioScheduler::run() {
  impl_->io.run();
}

void AsioScheduler::stop() {
  impl_->io.stop();
}

const Clock& AsioScheduler::clock() const {
  return impl_->clock;
}

Executor AsioScheduler::executor() {
  return impl_->io.get_executor();
}

void AsioScheduler::post(Task task) {
  const bool was_empty = impl_->inbox.push(std::move(task));
  if (was_empty) asio::post(impl_->io, [impl = impl_.get()] { impl->inbox.run_all(); });
}

std::unique_ptr<Timer> AsioScheduler::make_timer() {
  return std::make_unique<AsioTimer>(impl_->io);
}

Result<std::unique_ptr<Listener>> AsioScheduler::listen(const Endpoint& at) {
  return tcp_listen(impl_->io, at);
}

Awaitable<Result<std::unique_ptr<Connection>>> AsioScheduler::connect(Endpoint to,
                                                                      Instant deadline) {
  return tcp_connect(impl_->io, impl_->clock, std::move(to), deadline);
}

void AsioScheduler::drive(Awaitable<void> coroutine) {
  std::optional<std::exception_ptr> ended;
  asio::co_spawn(impl_->io, std::move(coroutine), [&ended](std::exception_ptr e) { ended = e; });
  while (!ended) ENSURE(impl_->io.run_one() == 1);  // else somebody stopped it meanwhile
  if (*ended) std::rethrow_exception(*ended);
}

ThreadPool::ThreadPool(std::size_t threads) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work_loop(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::scoped_lock lock{mutex_};
    ending_ = true;
  }
  work_or_end_.notify_all();
  threads_.clear();  // joins
}

void ThreadPool::submit(Task work) {
  {
    const std::scoped_lock lock{mutex_};
    queue_.push_back(std::move(work));
  }
  work_or_end_.notify_one();
}

void ThreadPool::work_loop() {
  std::unique_lock lock{mutex_};
  while (true) {
    work_or_end_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Task work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds may be expensive to destroy: not under the lock
    lock.lock();
  }
}

struct SignalWatch::State {
  State(asio::io_context& io, std::function<void(int)> callback)
      : signals{io, SIGINT, SIGTERM}, on_signal{std::move(callback)} {}

  static void watch(std::shared_ptr<State> self) {
    auto& signals = self->signals;
    signals.async_wait([self = std::move(self)](const ErrorInfo& error, int signal) mutable {
      if (error || self->ended) return;
      self->on_signal(signal);
      if (!self->ended) watch(std::move(self));
    });
  }

  asio::signal_set signals;
  std::function<void(int)> on_signal;
  bool ended = false;
};

SignalWatch::SignalWatch(AsioScheduler& scheduler, std::function<void(int signal)> on_signal)
    : state_{std::make_shared<State>(scheduler.impl().io, std::move(on_signal))} {
  State::watch(state_);
}

SignalWatch::~SignalWatch() {
  state_->ended = true;
  state_->signals.clear();  // gives the signals back at once, although the state may linger
  state_->signals.cancel();
}

}  // namespace millrace::net
