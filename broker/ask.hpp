#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "broker/shard.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

/// The way back from another shard: called once, on the thread of the shard that was asked, it
/// resumes whoever asked with the value. Every answer must be given.
template <class T>
class Answer {
 public:
  struct State {
    explicit State(net::Executor executor) : arrived{std::move(executor)} {}
    std::optional<T> value;
    net::Event arrived;
  };

  /// `home` is null when asker and asked are the same shard.
  Answer(net::Scheduler* home, std::shared_ptr<State> state)
      : home_{home}, state_{std::move(state)} {}

  void operator()(T value) {
    if (home_ == nullptr) return arrive(*state_, std::move(value));
    home_->post([state = std::move(state_), value = std::move(value)]() mutable {
      arrive(*state, std::move(value));
    });
  }

 private:
  static void arrive(State& state, T value) {
    state.value.emplace(std::move(value));
    state.arrived.set();
  }

  net::Scheduler* home_;
  std::shared_ptr<State> state_;
};

/// Runs `work(answer)` on `target`'s thread and returns here, on `home`, with what is answered. On
/// the same shard nothing is posted.
template <class T, class Work>
net::Awaitable<T> ask(Shard& home, Shard& target, Work work) {
  auto state = std::make_shared<typename Answer<T>::State>(home.scheduler().executor());
  const bool same = &home == &target;
  Answer<T> answer{same ? nullptr : &home.scheduler(), state};
  if (same) {
    work(std::move(answer));
  } else {
    target.scheduler().post([work = std::move(work), answer = std::move(answer)]() mutable {
      work(std::move(answer));
    });
  }
  if (!state->value) co_await state->arrived.wait();
  co_return std::move(*state->value);
}

}  // namespace millrace::broker
