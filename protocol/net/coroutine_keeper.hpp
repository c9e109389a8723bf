#pragma once

#include <boost/asio/execution_context.hpp>

#include "protocol/net/net.hpp"

namespace millrace::net {

/// Something in which coroutines are suspended: an event, a task group.
class WaitingRoom {
 public:
  /// Destroys every suspended coroutine in here without resuming it.
  virtual void abandon() = 0;

 protected:
  ~WaitingRoom() = default;
};

/// Can end all coroutines of a context in the middle of what they do, as the death of a process
/// would. The simulated machines have one; Asio's own contexts do not, and pay one comparison for
/// it.
///
/// To destroy coroutines soundly it must find them all, wherever they wait, and end the younger
/// before the older, because a coroutine may hold references to what its parent's frame owns.
class CoroutineKeeper {
 public:
  virtual ~CoroutineKeeper() = default;
  /// An executor for one more coroutine, equal in what it does, by which the keeper recognises it.
  virtual Executor fork(const Executor& parent) = 0;
  virtual void add(WaitingRoom& room) = 0;
  virtual void remove(WaitingRoom& room) = 0;
};

/// Makes a keeper known to those who have only an executor:
/// `asio::make_service<CoroutineKeeperService>(context, keeper)`.
class CoroutineKeeperService final : public boost::asio::execution_context::service {
 public:
  using key_type = CoroutineKeeperService;
  explicit CoroutineKeeperService(boost::asio::execution_context& context) : service{context} {}
  CoroutineKeeperService(boost::asio::execution_context& context, CoroutineKeeper& keeper)
      : service{context}, keeper_{&keeper} {}
  [[nodiscard]] CoroutineKeeper* keeper() const { return keeper_; }

 private:
  void shutdown() override {}

  CoroutineKeeper* keeper_ = nullptr;
};

/// The keeper of the executor's context, or nothing.
[[nodiscard]] CoroutineKeeper* keeper_of(const Executor& executor);

}  // namespace millrace::net
