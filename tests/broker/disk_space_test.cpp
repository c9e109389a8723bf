#include "broker/disk_space.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using Reserve = DiskSpaceCore::Reserve;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr SpaceLimits kLimits{.min_free = 64 * kMiB, .reserve = 16 * kMiB};  // slack: 8 MiB

TEST_CASE("disk space: below the limit producers are refused, above it with slack they go on",
          "[broker][space]") {
  DiskSpaceCore core{kLimits};
  CHECK(core.observed(64 * kMiB, true, 0) == DiskSpaceCore::Decision{});
  const auto low = core.observed(64 * kMiB - 1, true, 0);
  CHECK(low == DiskSpaceCore::Decision{SpaceLevel::low, Reserve::leave, true});
  CHECK(core.allowance() == 0);
  const auto still = core.observed(72 * kMiB - 1, true, 0);
  CHECK(still == DiskSpaceCore::Decision{SpaceLevel::low, Reserve::leave, false});
  const auto again = core.observed(72 * kMiB, true, 0);
  CHECK(again == DiskSpaceCore::Decision{SpaceLevel::ample, Reserve::leave, true});
  CHECK(core.allowance() == 8 * kMiB);
}

TEST_CASE("disk space: the reserve goes when half of the limit is gone, and comes back last",
          "[broker][space]") {
  DiskSpaceCore core{kLimits};
  REQUIRE(core.observed(40 * kMiB, true, 0).level == SpaceLevel::low);
  const auto gone = core.observed(32 * kMiB - 1, true, 0);
  CHECK(gone == DiskSpaceCore::Decision{SpaceLevel::exhausted, Reserve::give_up, true});
  // Its 16 MiB are free now, and nothing has become better.
  const auto without = core.observed(48 * kMiB - 1, false, 0);
  CHECK(without == DiskSpaceCore::Decision{SpaceLevel::exhausted, Reserve::leave, false});
  CHECK(core.usable() == 32 * kMiB - 1);
  CHECK(core.observed((40 + 16) * kMiB, false, 0) ==
        DiskSpaceCore::Decision{SpaceLevel::low, Reserve::leave, true});
  CHECK(core.observed((72 + 16) * kMiB, false, 0) ==
        DiskSpaceCore::Decision{SpaceLevel::ample, Reserve::take, true});
}

TEST_CASE("disk space: a new directory takes its reserve only when there is room for it",
          "[broker][space]") {
  DiskSpaceCore roomy{kLimits};
  CHECK(roomy.observed(100 * kMiB, false, 0) ==
        DiskSpaceCore::Decision{SpaceLevel::ample, Reserve::take, false});
  DiskSpaceCore tight{kLimits};
  CHECK(tight.observed(70 * kMiB, false, 0) ==
        DiskSpaceCore::Decision{SpaceLevel::low, Reserve::leave, true});
  DiskSpaceCore none{{.min_free = 64 * kMiB, .reserve = 0}};
  CHECK(none.observed(100 * kMiB, false, 0) == DiskSpaceCore::Decision{});
}

TEST_CASE("disk space: a write that found no space refuses everybody until a look finds some",
          "[broker][space]") {
  DiskSpaceCore core{{.min_free = 0, .reserve = 16 * kMiB}};
  REQUIRE(core.observed(20 * kMiB, true, 0).level == SpaceLevel::ample);
  CHECK(core.refused(true) ==
        DiskSpaceCore::Decision{SpaceLevel::exhausted, Reserve::give_up, true});
  CHECK(core.refused(false) ==
        DiskSpaceCore::Decision{SpaceLevel::exhausted, Reserve::leave, false});
  CHECK(core.observed(16 * kMiB, false, 0).level == SpaceLevel::exhausted);
  CHECK(core.observed(17 * kMiB, false, 0) ==
        DiskSpaceCore::Decision{SpaceLevel::ample, Reserve::take, true});
}

TEST_CASE("disk space: a batch that did not fit lowers the level, but never makes it flap",
          "[broker][space]") {
  DiskSpaceCore core{kLimits};
  CHECK(core.observed(65 * kMiB, true, 2 * kMiB).level == SpaceLevel::low);
  CHECK(core.observed(72 * kMiB, true, 0).level == SpaceLevel::ample);
  CHECK(core.observed(72 * kMiB, true, 100 * kMiB).level == SpaceLevel::ample);
}

}  // namespace
}  // namespace millrace::broker
