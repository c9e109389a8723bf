#include "broker/error_reports.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace millrace::broker {
namespace {

using namespace std::chrono_literals;

const Instant kStart{1h};

TEST_CASE("error reports: an error is told at once, and then once per interval with its number",
          "[broker][errors]") {
  ErrorReports reports{{.interval = 10s, .lines_max = 100, .keys_max = 100}};
  CHECK(reports.ask("a", kStart) == ErrorReports::Verdict{true, 0, 0});
  CHECK(reports.ask("b", kStart) == ErrorReports::Verdict{true, 0, 0});
  CHECK_FALSE(reports.ask("a", kStart + 1s).told);
  CHECK_FALSE(reports.ask("a", kStart + 9s).told);
  CHECK(reports.ask("a", kStart + 10s) == ErrorReports::Verdict{true, 2, 0});
  CHECK(reports.ask("a", kStart + 20s) == ErrorReports::Verdict{true, 0, 0});
}

TEST_CASE("error reports: names that are made up do not flood the log, and none is lost",
          "[broker][errors]") {
  ErrorReports reports{{.interval = 10s, .lines_max = 5, .keys_max = 100}};
  int lines = 0;
  for (int i = 0; i < 50; ++i) lines += reports.ask(std::to_string(i), kStart).told ? 1 : 0;
  CHECK(lines == 5);
  // The next interval has room again; whatever error comes next tells of those that had no line.
  CHECK(reports.ask("new", kStart + 10s) == ErrorReports::Verdict{true, 0, 45});
  CHECK(reports.ask("0", kStart + 10s) == ErrorReports::Verdict{true, 0, 0});
}

TEST_CASE("error reports: a full table is started afresh, and what it held back is told",
          "[broker][errors]") {
  ErrorReports reports{{.interval = 10s, .lines_max = 2, .keys_max = 10}};
  for (int i = 0; i < 10; ++i) reports.ask(std::to_string(i), kStart);
  CHECK(reports.ask("next", kStart + 10s) == ErrorReports::Verdict{true, 0, 8});
  CHECK(reports.ask("other", kStart + 10s) == ErrorReports::Verdict{true, 0, 0});
}

TEST_CASE("error reports: whatever is asked, every error is told or counted exactly once",
          "[broker][errors]") {
  ErrorReports reports{{.interval = 10s, .lines_max = 3, .keys_max = 4}};
  std::uint64_t asked = 0;
  std::uint64_t accounted = 0;
  auto now = kStart;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i <= round % 7; ++i) {
      const auto verdict = reports.ask(std::to_string((round * i) % 11), now);
      ++asked;
      accounted += (verdict.told ? 1 : 0) + verdict.held_back + verdict.others;
    }
    now += 3s;
  }
  CHECK(accounted <= asked);
  // What is still held back comes out when everything is told once more, one per interval.
  for (int i = 0; i < 11; ++i) {
    now += 10s;
    const auto verdict = reports.ask(std::to_string(i), now);
    ++asked;
    REQUIRE(verdict.told);
    accounted += 1 + verdict.held_back + verdict.others;
  }
  now += 10s;
  for (int i = 0; i < 4; ++i) {  // and what fell out of the table meanwhile
    const auto verdict = reports.ask("last " + std::to_string(i), now + i * 10s);
    ++asked;
    accounted += 1 + verdict.held_back + verdict.others;
  }
  CHECK(accounted == asked);
}

}  // namespace
}  // namespace millrace::broker
