#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <variant>

#include "protocol/error_code.hpp"
#include "protocol/messages/api_key.hpp"
#include "tests/support/testing/broker.hpp"

namespace millrace::testing {

/// What is done to one request instead of serving it.
using Fault = std::variant<protocol::ErrorCode, std::chrono::milliseconds, Disconnect>;

/// The faults that are to strike, and what came so far. Safe from any thread.
class Faults {
 public:
  void add(protocol::ApiKey api, Fault fault, int times) {
    const std::scoped_lock lock{mutex_};
    for (int i = 0; i < times; ++i) waiting_[api].push_back(fault);
  }
  void clear() {
    const std::scoped_lock lock{mutex_};
    waiting_.clear();
  }
  /// Counts a request; gives the fault that strikes it.
  std::optional<Fault> meet(protocol::ApiKey api) {
    const std::scoped_lock lock{mutex_};
    ++came_[api];
    auto& waiting = waiting_[api];
    if (waiting.empty()) return std::nullopt;
    const auto fault = waiting.front();
    waiting.pop_front();
    return fault;
  }
  [[nodiscard]] std::size_t came(protocol::ApiKey api) const {
    const std::scoped_lock lock{mutex_};
    const auto found = came_.find(api);
    return found == came_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<protocol::ApiKey, std::deque<Fault>> waiting_;
  std::map<protocol::ApiKey, std::size_t> came_;
};

}  // namespace millrace::testing
