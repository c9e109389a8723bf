#include "broker/cleaner_budget.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("cleaner budget: no more passes than threads", "[broker][cleaner]") {
  CleanerBudget budget{{.passes_max = 2}};
  CHECK(budget.take_pass());
  CHECK(budget.take_pass());
  CHECK_FALSE(budget.take_pass());
  budget.give_pass();
  CHECK(budget.take_pass());
  CHECK_FALSE(CleanerBudget{{.passes_max = 0}}.take_pass());
}

TEST_CASE("cleaner budget: passes share the rate and rest for what they moved",
          "[broker][cleaner]") {
  CleanerBudget budget{{.bytes_per_second = 1000}};
  const Instant start{seconds{100}};
  CHECK(budget.spend(500, start) == milliseconds{500});
  CHECK(budget.spend(500, start) == seconds{1});  // another pass, at the same time
  CHECK(budget.spend(100, start + seconds{1}) == milliseconds{100});
  // Time in which nothing was moved is not saved up.
  CHECK(budget.spend(100, start + seconds{60}) == milliseconds{100});
}

TEST_CASE("cleaner budget: without a rate nobody rests", "[broker][cleaner]") {
  CleanerBudget budget{{}};
  CHECK(budget.spend(std::uint64_t{1} << 40, Instant{seconds{1}}).count() == 0);
}

TEST_CASE("cleaner budget: the slowest rate still comes to an end", "[broker][cleaner]") {
  CleanerBudget budget{{.bytes_per_second = 0}};
  CHECK(budget.spend(std::uint64_t{1} << 60, Instant{seconds{1}}) == std::chrono::hours{1});
}

}  // namespace
}  // namespace millrace::broker
