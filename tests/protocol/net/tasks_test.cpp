// Events, task groups, timers and posting, which are the same on real and simulated schedulers.
#include <vector>

#include "tests/protocol/net/fixtures.hpp"

namespace millrace::net::testing {
namespace {

Awaitable<void> wait_and_note(Event& event, int number, std::vector<int>& order) {
  co_await event.wait();
  order.push_back(number);
}

Awaitable<void> check_event(Scheduler& s) {
  Event event{s.executor()};
  TaskGroup tasks{s.executor()};
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) tasks.spawn(wait_and_note(event, i, order));
  co_await pass_a_turn(s);
  CHECK(order.empty());
  event.pulse();
  CHECK(order.empty());  // never inside the waker
  co_await tasks.join();
  CHECK(order == std::vector{0, 1, 2});
  CHECK_FALSE(event.is_set());

  tasks.spawn(wait_and_note(event, 3, order));
  co_await pass_a_turn(s);
  CHECK(order.size() == 3);  // a pulse does not stay
  event.set();
  CHECK(event.is_set());
  co_await tasks.join();
  co_await event.wait();  // set stays: returns at once
  event.reset();
  CHECK_FALSE(event.is_set());
  CHECK(order.size() == 4);
}

Awaitable<void> spawn_another(TaskGroup& tasks, Event& gate, int left, int& ended) {
  co_await gate.wait();
  if (left > 0) tasks.spawn(spawn_another(tasks, gate, left - 1, ended));
  ++ended;
}

Awaitable<void> join_and_note(TaskGroup& tasks, const int& ended, int& seen) {
  co_await tasks.join();
  seen = ended;
}

Awaitable<void> check_group(Scheduler& s) {
  Event gate{s.executor()};
  TaskGroup tasks{s.executor()};
  TaskGroup joiners{s.executor()};
  co_await tasks.join();  // nobody inside
  int ended = 0;
  int seen[2] = {-1, -1};
  tasks.spawn(spawn_another(tasks, gate, 5, ended));
  CHECK(tasks.size() == 1);
  for (int& each : seen) joiners.spawn(join_and_note(tasks, ended, each));
  co_await pass_a_turn(s);
  CHECK(ended == 0);
  gate.set();
  co_await joiners.join();
  CHECK(seen[0] == 6);  // those that were spawned by those inside count, too
  CHECK(seen[1] == 6);
  CHECK(tasks.size() == 0);
}

Awaitable<void> note(int number, std::vector<int>& order) {
  order.push_back(number);
  co_return;
}

Awaitable<void> check_spawn_runs_later(Scheduler& s) {
  TaskGroup tasks{s.executor()};
  std::vector<int> order;
  tasks.spawn(note(1, order));
  CHECK(order.empty());
  co_await tasks.join();
  CHECK(order == std::vector{1});
}

Awaitable<void> wait_on(Timer& timer, Instant deadline, std::vector<bool>& outcomes) {
  const bool reached = co_await timer.wait_until(deadline);
  outcomes.push_back(reached);
}

Awaitable<void> check_timer(Scheduler& s) {
  const auto timer = s.make_timer();
  const Instant start = s.clock().now();
  const bool reached = co_await timer->wait_until(start + 3ms);
  CHECK(reached);
  CHECK(s.clock().now() >= start + 3ms);
  const bool past = co_await timer->wait_until(start);
  CHECK(past);

  TaskGroup tasks{s.executor()};
  std::vector<bool> outcomes;
  timer->cancel();  // nobody waits: forgotten
  tasks.spawn(wait_on(*timer, start + 10h, outcomes));
  co_await pass_a_turn(s);
  timer->cancel();
  co_await tasks.join();
  CHECK(outcomes == std::vector{false});

  const bool again = co_await timer->wait_until(s.clock().now() + 1ms);
  CHECK(again);
}

Awaitable<void> check_post(Scheduler& s) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) s.post([i, &order] { order.push_back(i); });
  CHECK(order.empty());
  s.post([&order, &s] { s.post([&order] { order.push_back(-1); }); });
  s.post([&order] { order.push_back(100); });
  co_await pass_a_turn(s);
  co_await pass_a_turn(s);
  REQUIRE(order.size() == 102);
  for (int i = 0; i <= 100; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
  CHECK(order.back() == -1);
}

}  // namespace

TEMPLATE_TEST_CASE("event: wakes those that wait, in order, and only set stays", "[protocol][net]",
                   RealNet, SimNet) {
  TestType net;
  net.run(check_event(net.client()));
}

TEMPLATE_TEST_CASE("task group: join returns when nobody is left, late comers included",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_group(net.client()));
}

TEMPLATE_TEST_CASE("task group: a spawned coroutine starts in a later turn", "[protocol][net]",
                   RealNet, SimNet) {
  TestType net;
  net.run(check_spawn_runs_later(net.client()));
}

TEMPLATE_TEST_CASE("timer: reaches its deadline or is cancelled, and can be used again",
                   "[protocol][net]", RealNet, SimNet) {
  TestType net;
  net.run(check_timer(net.client()));
}

TEMPLATE_TEST_CASE("scheduler: tasks run in the order in which they were posted", "[protocol][net]",
                   RealNet, SimNet) {
  TestType net;
  net.run(check_post(net.client()));
}

}  // namespace millrace::net::testing
