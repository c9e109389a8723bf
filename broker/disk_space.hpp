#pragma once

#include <cstdint>
#include <ostream>
#include <string_view>

namespace millrace::broker {

/// How much the disk of a data directory may still take.
enum class SpaceLevel : std::uint8_t {
  ample,      ///< everything is served
  low,        ///< below `storage.min.free`: nothing more is taken from producers
  exhausted,  ///< below half of it: only what the broker itself must note is written, and the
              ///< reserve is given up for that
};
[[nodiscard]] std::string_view to_string(SpaceLevel level);
std::ostream& operator<<(std::ostream& out, SpaceLevel level);

struct SpaceLimits {
  friend bool operator==(const SpaceLimits&, const SpaceLimits&) = default;
  std::uint64_t min_free = 0;  ///< `storage.min.free`
  std::uint64_t reserve = 0;   ///< `storage.reserve.bytes`
};

/// Decides from what the file system says whether producers are served and whether the reserve, a
/// file that only takes up room, is in its place. A core: no file, no clock; not thread-safe.
///
/// Only bytes beside the reserve count, whether it is in its place or not, so that giving it up
/// does not look like space that has come back. A level is left upwards only with some bytes to
/// spare (`slack`), so that a disk on the edge does not make it flap.
class DiskSpaceCore {
 public:
  explicit DiskSpaceCore(SpaceLimits limits) : limits_{limits} {}

  enum class Reserve : std::uint8_t { leave, give_up, take };
  struct Decision {
    friend bool operator==(const Decision&, const Decision&) = default;
    SpaceLevel level = SpaceLevel::ample;
    Reserve reserve = Reserve::leave;
    bool level_changed = false;
  };

  /// The file system has `free` bytes, with the reserve in its place or without. `turned_away`: the
  /// largest batch that was refused since it was asked last because the allowance was used up.
  Decision observed(std::uint64_t free, bool reserve_held, std::uint64_t turned_away);
  /// A write found no space, whatever was observed.
  Decision refused(bool reserve_held);

  [[nodiscard]] SpaceLevel level() const { return level_; }
  /// Bytes beside the reserve, as last observed.
  [[nodiscard]] std::uint64_t usable() const { return usable_; }
  /// What producers may write before the level would be `low`.
  [[nodiscard]] std::uint64_t allowance() const;
  [[nodiscard]] const SpaceLimits& limits() const { return limits_; }
  [[nodiscard]] std::uint64_t slack() const;

 private:
  Decision decide(SpaceLevel level, bool reserve_held);

  SpaceLimits limits_;
  SpaceLevel level_ = SpaceLevel::ample;
  std::uint64_t usable_ = 0;
};

}  // namespace millrace::broker
