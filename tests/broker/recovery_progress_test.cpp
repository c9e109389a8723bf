#include "broker/recovery_progress.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using namespace std::chrono_literals;

TEST_CASE("recovery progress: the numbers of partitions and reports add up", "[broker][recovery]") {
  RecoveryProgress progress;
  progress.expect(4);
  progress.opened({.clean = true}, log::LogState::writable);
  progress.verified(700);
  CHECK(progress.under_way() == "1 of 4 partitions are open, 700 bytes were verified");
  progress.opened({.torn_bytes = 30, .damages = 0, .indexes_rebuilt = 2}, log::LogState::writable);
  progress.opened({.damages = 3}, log::LogState::read_only);
  progress.not_opened();
  CHECK(progress.totals() == RecoveryProgress::Totals{.partitions = 4,
                                                      .opened = 3,
                                                      .not_opened = 1,
                                                      .read_only = 1,
                                                      .clean = 1,
                                                      .verified_bytes = 700,
                                                      .torn_bytes = 30,
                                                      .damages = 3,
                                                      .indexes_rebuilt = 2});
  CHECK(progress.summary(1500ms) ==
        "3 partitions opened in 1500 ms: 1 closed cleanly, 700 bytes verified, 30 torn bytes cut "
        "off, 2 indexes rebuilt, 3 places damaged; 1 partitions are read-only; 1 partitions could "
        "not be opened");
}

TEST_CASE("recovery progress: a quiet start says nothing of damage", "[broker][recovery]") {
  RecoveryProgress progress;
  progress.expect(1);
  progress.opened({.clean = true}, log::LogState::writable);
  CHECK_THAT(progress.summary(1ms), !Catch::Contains("read-only") && !Catch::Contains("could not"));
}

}  // namespace
}  // namespace millrace::broker
