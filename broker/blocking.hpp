#pragma once

#include <type_traits>

#include "broker/ask.hpp"

namespace millrace::broker {

/// Runs `work` on a pool thread and returns its result here, on `shard`.
template <class Work>
net::Awaitable<std::invoke_result_t<Work&>> blocking(Shard& shard, Work work) {
  using Value = std::invoke_result_t<Work&>;
  auto state = std::make_shared<typename Answer<Value>::State>(shard.scheduler().executor());
  Answer<Value> answer{&shard.scheduler(), state};
  shard.node().world.pool.submit(
      [work = std::move(work), answer = std::move(answer)]() mutable { answer(work()); });
  if (!state->value) co_await state->arrived.wait();
  co_return std::move(*state->value);
}

}  // namespace millrace::broker
