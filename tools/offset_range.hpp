#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

#include "clients/errc.hpp"
#include "protocol/base/types.hpp"

namespace millrace::tools {

/// A place in a partition, as it is said on the command line.
struct OffsetPoint {
  enum class Kind : std::uint8_t {
    start,       ///< `start`, plus `number`: `+5`
    end,         ///< `end`, minus `number`: `-5`
    absolute,    ///< `5`
    since_time,  ///< the first record not older than `number` ms since 1970: `@...`
  };
  Kind kind = Kind::start;
  std::int64_t number = 0;
  friend bool operator==(const OffsetPoint&, const OffsetPoint&) = default;
  friend std::ostream& operator<<(std::ostream& out, const OffsetPoint& point);
};

/// What to read: from the first place up to, and without, the second; without end if there is none.
struct OffsetRange {
  OffsetPoint from;
  std::optional<OffsetPoint> to;
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
  friend std::ostream& operator<<(std::ostream& out, const OffsetRange& range);
};

/// Reads a place, or two with a colon between: `start end 5 +5 -5 5:10 :end -100:end @TIME
/// @TIME:@TIME`. A time is seconds (up to 10 digits) or milliseconds since 1970, a day
/// `2026-01-31`, a moment `2026-01-31T18:00:00Z`, or back from `now`: `@-24h`.
[[nodiscard]] clients::Outcome<OffsetRange> parse_offset_range(std::string_view text,
                                                               Timestamp now);

/// What is known of a partition when a place is turned into an offset.
struct KnownOffsets {
  Offset earliest;
  Offset latest;
  std::optional<Offset> at_time;  ///< for `since_time`; nothing: all records are older
};

/// Never before `earliest`; behind `latest` only for `absolute`, when it was asked for.
[[nodiscard]] Offset resolve(const OffsetPoint& point, const KnownOffsets& known);

}  // namespace millrace::tools
