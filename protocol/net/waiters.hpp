#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "protocol/base/ensure.hpp"
#include "protocol/net/coroutine_keeper.hpp"

namespace millrace::net {

/// The coroutines that wait in one place, in the order of their coming. Waking posts them, so a
/// waker never runs a waiter's code inside its own. Internal to `protocol/net/`.
class Waiters final : public WaitingRoom {
 public:
  explicit Waiters(Executor executor)
      : executor_{std::move(executor)}, keeper_{keeper_of(executor_)} {
    if (keeper_ != nullptr) keeper_->add(*this);
  }
  ~Waiters() {
    ENSURE(suspended_.empty());
    if (keeper_ != nullptr) keeper_->remove(*this);
  }
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  /// An operation to `co_await`: suspends until the next `wake`.
  auto suspend() {
    return boost::asio::async_initiate<decltype(boost::asio::deferred), void()>(
        [this](auto handler) { suspended_.emplace_back(std::move(handler)); },
        boost::asio::deferred);
  }
  void wake() {
    auto woken = std::exchange(suspended_, {});
    for (auto& resume : woken) boost::asio::post(executor_, std::move(resume));
  }
  void abandon() override { const auto abandoned = std::exchange(suspended_, {}); }
  [[nodiscard]] const Executor& executor() const { return executor_; }
  [[nodiscard]] CoroutineKeeper* keeper() const { return keeper_; }

 private:
  Executor executor_;
  CoroutineKeeper* keeper_;
  std::vector<Task> suspended_;
};

}  // namespace millrace::net
