#include "broker/deadlines.hpp"

namespace millrace::broker {
namespace {

/// How long the timer sleeps when nothing is due; an earlier task wakes it.
constexpr auto kIdle = std::chrono::hours{1};

}  // namespace

Deadlines::Key Deadlines::at(Instant when, net::Task task) {
  const Key key{when, next_id_++};
  const bool is_first = tasks_.empty() || key < tasks_.begin()->first;
  tasks_.emplace(key, std::move(task));
  if (is_first) timer_->cancel();  // it sleeps towards a later one
  return key;
}

void Deadlines::stop() {
  stopping_ = true;
  tasks_.clear();
  timer_->cancel();
}

net::Awaitable<void> Deadlines::run() {
  while (!stopping_) {
    const Instant now = scheduler_.clock().now();
    while (!tasks_.empty() && tasks_.begin()->first.first <= now) {
      auto due = tasks_.extract(tasks_.begin());
      due.mapped()();
    }
    if (stopping_) co_return;
    const Instant next = tasks_.empty() ? now + kIdle : tasks_.begin()->first.first;
    if (next > now) co_await timer_->wait_until(next);
  }
}

}  // namespace millrace::broker
