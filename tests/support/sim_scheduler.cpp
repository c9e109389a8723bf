#include "tests/support/sim_scheduler.hpp"

#include "protocol/base/ensure.hpp"
#include "tests/support/sim_network.hpp"

namespace millrace::sim {
namespace {

class SimTimer final : public net::Timer {
 public:
  explicit SimTimer(SimScheduler& scheduler)
      : scheduler_{scheduler}, state_{std::make_shared<State>(scheduler.executor())} {}

  net::Awaitable<bool> wait_until(Instant deadline) override {
    // Events cannot be taken back, so one that comes too late must find that it is not wanted.
    const std::uint64_t wait = ++state_->wait;
    state_->ended.reset();
    state_->cancelled = false;
    scheduler_.host().at(deadline, [state = state_, wait] {
      if (state->wait == wait) state->ended.set();
    });
    co_await state_->ended.wait();
    co_return !state_->cancelled;
  }
  void cancel() override {
    state_->cancelled = true;
    ++state_->wait;
    state_->ended.set();
  }

 private:
  struct State {
    explicit State(const net::Executor& executor) : ended{executor} {}
    net::Event ended;
    std::uint64_t wait = 0;
    bool cancelled = false;
  };
  SimScheduler& scheduler_;
  std::shared_ptr<State> state_;
};

}  // namespace

const Clock& SimScheduler::clock() const {
  return host_.world().clock();
}

net::Executor SimScheduler::executor() {
  return SimExecutor{*this};
}

void SimScheduler::post(net::Task task) {
  if (host_.alive()) ready_.push_back(std::move(task));
}

std::unique_ptr<net::Timer> SimScheduler::make_timer() {
  return std::make_unique<SimTimer>(*this);
}

Result<std::unique_ptr<net::Listener>> SimScheduler::listen(const net::Endpoint& at) {
  return host_.world().network().listen(*this, at);
}

net::Awaitable<Result<std::unique_ptr<net::Connection>>> SimScheduler::connect(net::Endpoint to,
                                                                               Instant deadline) {
  return host_.world().network().connect(*this, std::move(to), deadline);
}

void SimPool::submit(net::Task work) {
  if (!host_.alive()) return;
  auto& world = host_.world();
  const auto spread = static_cast<std::uint64_t>((longest_ - shortest_).count());
  const std::chrono::nanoseconds duration =
      shortest_ + std::chrono::nanoseconds{world.rng().below(spread + 1)};
  host_.at(world.clock().now() + duration, std::move(work));
}

void SimPool::set_delays(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest) {
  ENSURE(shortest <= longest);
  shortest_ = shortest;
  longest_ = longest;
}

}  // namespace millrace::sim
