#include "broker/deadlines.hpp"

#include <catch2/catch.hpp>

#include "tests/support/sim_host.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::broker {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  sim::SimWorld world{1};
  sim::SimScheduler& scheduler = world.make_host("a").make_scheduler();
  Deadlines deadlines{scheduler};
  net::TaskGroup tasks{scheduler.executor()};
  Instant start = scheduler.clock().now();
  std::vector<std::pair<int, std::chrono::nanoseconds>> ran;

  Fixture() { tasks.spawn(deadlines.run()); }
  ~Fixture() {
    deadlines.stop();
    world.run(scheduler, tasks.join());
  }
  net::Task note(int what) {
    return [this, what] { ran.emplace_back(what, scheduler.clock().now() - start); };
  }
};

TEST_CASE("deadlines: tasks run at their time, whatever the order in which they came",
          "[broker][deadlines]") {
  Fixture f;
  f.deadlines.after(300ms, f.note(3));
  f.deadlines.after(100ms, f.note(1));
  f.world.run_for(50ms);
  f.deadlines.after(150ms, f.note(2));
  f.world.run_for(1s);
  const std::vector<std::pair<int, std::chrono::nanoseconds>> expected{
      {1, 100ms}, {2, 200ms}, {3, 300ms}};
  CHECK(f.ran == expected);
}

TEST_CASE("deadlines: a task that was forgotten does not run", "[broker][deadlines]") {
  Fixture f;
  const auto key = f.deadlines.after(100ms, f.note(1));
  f.deadlines.after(200ms, f.note(2));
  f.deadlines.forget(key);
  f.world.run_for(1s);
  CHECK(f.ran.size() == 1);
  f.deadlines.forget(key);
}

TEST_CASE("deadlines: a task may set the next one", "[broker][deadlines]") {
  Fixture f;
  f.deadlines.after(10ms, [&f] {
    f.note(1)();
    f.deadlines.after(10ms, f.note(2));
  });
  f.world.run_for(1s);
  REQUIRE(f.ran.size() == 2);
  CHECK(f.ran[1].second == 20ms);
}

}  // namespace
}  // namespace millrace::broker
