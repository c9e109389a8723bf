#include "broker/disk_space.hpp"

#include <algorithm>

namespace millrace::broker {
namespace {

constexpr std::uint64_t kSlackMin = std::uint64_t{1} << 20;

}  // namespace

std::string_view to_string(SpaceLevel level) {
  switch (level) {
    case SpaceLevel::ample:
      return "ample";
    case SpaceLevel::low:
      return "low";
    case SpaceLevel::exhausted:
      return "exhausted";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, SpaceLevel level) {
  return out << to_string(level);
}

std::uint64_t DiskSpaceCore::slack() const {
  return std::max(limits_.min_free / 8, kSlackMin);
}

std::uint64_t DiskSpaceCore::allowance() const {
  if (level_ != SpaceLevel::ample || usable_ < limits_.min_free) return 0;
  return usable_ - limits_.min_free;
}

DiskSpaceCore::Decision DiskSpaceCore::observed(std::uint64_t free, bool reserve_held,
                                                std::uint64_t turned_away) {
  const std::uint64_t given_up = reserve_held ? 0 : limits_.reserve;
  usable_ = free - std::min(free, given_up);
  const std::uint64_t low_below = limits_.min_free;
  const std::uint64_t exhausted_below = limits_.min_free / 2;
  SpaceLevel level = level_;
  if (usable_ < exhausted_below) {
    level = SpaceLevel::exhausted;
  } else if (level_ == SpaceLevel::ample) {
    // Beyond the slack the level would rise again at once.
    if (usable_ < low_below || usable_ - low_below < std::min(turned_away, slack()))
      level = SpaceLevel::low;
  } else if (usable_ >= low_below + slack()) {
    level = SpaceLevel::ample;
  } else if (usable_ >= exhausted_below + slack()) {
    level = SpaceLevel::low;
  }
  return decide(level, reserve_held);
}

DiskSpaceCore::Decision DiskSpaceCore::refused(bool reserve_held) {
  usable_ = 0;
  return decide(SpaceLevel::exhausted, reserve_held);
}

DiskSpaceCore::Decision DiskSpaceCore::decide(SpaceLevel level, bool reserve_held) {
  Decision decision{.level = level, .level_changed = level != level_};
  level_ = level;
  if (level == SpaceLevel::exhausted && reserve_held) {
    decision.reserve = Reserve::give_up;
  } else if (level == SpaceLevel::ample && !reserve_held && limits_.reserve > 0) {
    decision.reserve = Reserve::take;
  }
  return decision;
}

}  // namespace millrace::broker
