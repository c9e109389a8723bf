#pragma once

#include <memory>

#include "protocol/net/net.hpp"
#include "tests/support/testing/faults.hpp"

namespace millrace::testing {

/// A scheduler whose listeners give connections that meet faults before they meet the broker, so
/// that the broker needs to know nothing of it. Everything else is the inner one's.
class WatchedScheduler final : public net::Scheduler {
 public:
  /// Both outlive it.
  WatchedScheduler(net::Scheduler& inner, Faults& faults) : inner_{inner}, faults_{faults} {}

  [[nodiscard]] net::Scheduler& inner() { return inner_; }
  [[nodiscard]] const Clock& clock() const override { return inner_.clock(); }
  [[nodiscard]] net::Executor executor() override { return inner_.executor(); }
  void post(net::Task task) override { inner_.post(std::move(task)); }
  std::unique_ptr<net::Timer> make_timer() override { return inner_.make_timer(); }
  Result<std::unique_ptr<net::Listener>> listen(const net::Endpoint& at) override;
  net::Awaitable<Result<std::unique_ptr<net::Connection>>> connect(net::Endpoint to,
                                                                   Instant deadline) override {
    return inner_.connect(std::move(to), deadline);
  }

 private:
  net::Scheduler& inner_;
  Faults& faults_;
};

}  // namespace millrace::testing
