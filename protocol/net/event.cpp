#include "protocol/net/net.hpp"
#include "protocol/net/waiters.hpp"

namespace millrace::net {

struct Event::State {
  explicit State(Executor executor) : waiters{std::move(executor)} {}
  Waiters waiters;
  bool is_set = false;
};

Event::Event(Executor executor) : state_{std::make_unique<State>(std::move(executor))} {}

Event::~Event() = default;

void Event::set() {
  state_->is_set = true;
  state_->waiters.wake();
}

void Event::reset() {
  state_->is_set = false;
}

void Event::pulse() {
  state_->waiters.wake();
}

bool Event::is_set() const {
  return state_->is_set;
}

Awaitable<void> Event::wait() {
  if (state_->is_set) co_return;
  co_await state_->waiters.suspend();
}

Awaitable<bool> sleep_until(Scheduler& scheduler, Instant deadline) {
  const auto timer = scheduler.make_timer();
  const bool reached = co_await timer->wait_until(deadline);
  co_return reached;
}

}  // namespace millrace::net
