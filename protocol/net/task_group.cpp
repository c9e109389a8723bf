#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "protocol/net/net.hpp"
#include "protocol/net/waiters.hpp"

namespace millrace::net {
namespace {

[[noreturn]] void report_escaped_exception(const char* what) noexcept {
  std::fprintf(stderr, "broken invariant: an exception escaped a coroutine of a task group: %s\n",
               what);
  std::abort();
}

}  // namespace

struct TaskGroup::State {
  explicit State(Executor executor) : joiners{std::move(executor)} {}

  /// One coroutine's membership. It lives among the parameters of the coroutine's outermost frame,
  /// so that it also ends when the coroutine is destroyed without having run to its end.
  class Member {
   public:
    explicit Member(std::shared_ptr<State> group) : group_{std::move(group)} { ++group_->size; }
    Member(Member&&) = default;
    Member& operator=(Member&&) = delete;
    ~Member() {
      if (group_ && --group_->size == 0) group_->joiners.wake();
    }

   private:
    std::shared_ptr<State> group_;
  };

  static Awaitable<void> run([[maybe_unused]] Member member, Awaitable<void> coroutine) {
    try {
      co_await std::move(coroutine);
    } catch (const std::exception& e) {
      report_escaped_exception(e.what());
    } catch (...) {
      report_escaped_exception("of an unknown type");
    }
  }

  Waiters joiners;
  std::size_t size = 0;
};

TaskGroup::TaskGroup(Executor executor) : state_{std::make_shared<State>(std::move(executor))} {}

TaskGroup::~TaskGroup() {
  ENSURE(state_->size == 0);
}

void TaskGroup::spawn(Awaitable<void> coroutine) {
  const Executor& own = state_->joiners.executor();
  CoroutineKeeper* const keeper = state_->joiners.keeper();
  const Executor executor = keeper != nullptr ? keeper->fork(own) : own;
  // Posted, because co_spawn would run the coroutine at once when called on the executor's thread.
  boost::asio::post(executor, [executor, body = State::run(State::Member{state_},
                                                           std::move(coroutine))]() mutable {
    boost::asio::co_spawn(executor, std::move(body), [](std::exception_ptr) {});
  });
}

std::size_t TaskGroup::size() const {
  return state_->size;
}

Awaitable<void> TaskGroup::join() {
  // Others may spawn between the wake-up and the turn in which it arrives.
  while (state_->size > 0) co_await state_->joiners.suspend();
}

}  // namespace millrace::net
