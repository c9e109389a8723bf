#pragma once

#include <type_traits>

#include "broker/ask.hpp"

namespace millrace::broker {

/// Runs `work` on a thread of `pool` and returns its result here, on `home`'s thread.
template <class Work>
net::Awaitable<std::invoke_result_t<Work&>> blocking(net::Scheduler& home, net::BlockingPool& pool,
                                                     Work work) {
  using Value = std::invoke_result_t<Work&>;
  auto state = std::make_shared<typename Answer<Value>::State>(home.executor());
  Answer<Value> answer{&home, state};
  pool.submit([work = std::move(work), answer = std::move(answer)]() mutable { answer(work()); });
  if (!state->value) co_await state->arrived.wait();
  co_return std::move(*state->value);
}

}  // namespace millrace::broker
