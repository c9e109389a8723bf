#include "tools/offset_range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "tools/options.hpp"

namespace millrace::tools {
namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

/// The digits of `text` from `at` on, `count` of them, as a number from `min` to `max`.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count, int min,
                          int max) {
  if (text.size() < at + count) return std::nullopt;
  const auto number = whole_number(text.substr(at, count));
  if (!number || *number < min || *number > max) return std::nullopt;
  return static_cast<int>(*number);
}

/// `2026-01-31`, with `T18:00:00` and `Z` or not; always universal time.
std::optional<std::int64_t> calendar_time(std::string_view text) {
  namespace chrono = std::chrono;
  const auto year = digits(text, 0, 4, 1970, 9999);
  const auto month = digits(text, 5, 2, 1, 12);
  const auto day = digits(text, 8, 2, 1, 31);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  const chrono::year_month_day date{chrono::year{*year},
                                    chrono::month{static_cast<unsigned>(*month)},
                                    chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  chrono::seconds seconds = chrono::sys_days{date}.time_since_epoch();
  if (text.size() > 10) {
    if (text.ends_with('Z')) text.remove_suffix(1);
    const auto hours = digits(text, 11, 2, 0, 23);
    const auto minutes = digits(text, 14, 2, 0, 59);
    const auto rest = digits(text, 17, 2, 0, 59);
    const bool shaped = text.size() == 19 && text[10] == 'T' && text[13] == ':' && text[16] == ':';
    if (!shaped || !hours || !minutes || !rest) return std::nullopt;
    seconds += chrono::hours{*hours} + chrono::minutes{*minutes} + chrono::seconds{*rest};
  }
  return chrono::milliseconds{seconds}.count();
}

std::optional<std::int64_t> parse_moment(std::string_view text, Timestamp now) {
  if (text.starts_with('-')) {
    const auto back = parse_time(text.substr(1));
    if (!back || whole_number(text.substr(1))) return std::nullopt;
    return std::max<std::int64_t>(0, now.value - back->count());
  }
  if (const auto number = whole_number(text)) {
    constexpr std::int64_t kTenDigits = 9'999'999'999;
    return *number <= kTenDigits ? *number * 1000 : *number;
  }
  return calendar_time(text);
}

std::optional<OffsetPoint> parse_point(std::string_view text, Timestamp now) {
  using Kind = OffsetPoint::Kind;
  if (text == "start" || text == "beginning" || text == "earliest") return OffsetPoint{};
  if (text == "end" || text == "latest") return OffsetPoint{.kind = Kind::end};
  if (text.starts_with('@')) {
    const auto moment = parse_moment(text.substr(1), now);
    if (!moment) return std::nullopt;
    return OffsetPoint{.kind = Kind::since_time, .number = *moment};
  }
  const auto kind = text.starts_with('+')   ? Kind::start
                    : text.starts_with('-') ? Kind::end
                                            : Kind::absolute;
  const auto number = whole_number(kind == Kind::absolute ? text : text.substr(1));
  if (!number) return std::nullopt;
  return OffsetPoint{.kind = kind, .number = *number};
}

}  // namespace

clients::Outcome<OffsetRange> parse_offset_range(std::string_view text, Timestamp now) {
  if (const auto point = parse_point(text, now)) return OffsetRange{.from = *point};
  // A moment has colons of its own, so every one is tried; a half may be missing, but not both.
  for (auto colon = text.find(':'); colon != std::string_view::npos && text.size() > 1;
       colon = text.find(':', colon + 1)) {
    const auto left = text.substr(0, colon);
    const auto right = text.substr(colon + 1);
    const auto from = left.empty() ? OffsetPoint{} : parse_point(left, now);
    if (!from) continue;
    if (right.empty()) return OffsetRange{.from = *from};
    if (const auto to = parse_point(right, now)) return OffsetRange{.from = *from, .to = *to};
  }
  return usage_error(
      fmt::format("'{}' is no place to read from: give start, end, 5, +5, -5, @TIME, or two of "
                  "these as FROM:TO; a time is 2026-01-31, 2026-01-31T18:00:00Z, -24h, or seconds "
                  "or milliseconds since 1970",
                  text));
}

Offset resolve(const OffsetPoint& point, const KnownOffsets& known) {
  using Kind = OffsetPoint::Kind;
  const auto distance = known.latest.value - known.earliest.value;
  switch (point.kind) {
    case Kind::start:
      return Offset{known.earliest.value + std::min(point.number, distance)};
    case Kind::end:
      return Offset{known.latest.value - std::min(point.number, distance)};
    case Kind::absolute:
      return std::max(Offset{point.number}, known.earliest);
    case Kind::since_time:
      break;
  }
  return std::max(known.at_time.value_or(known.latest), known.earliest);
}

std::ostream& operator<<(std::ostream& out, const OffsetPoint& point) {
  constexpr std::string_view kKinds[] = {"start +", "end -", "", "@"};
  return out << kKinds[static_cast<std::size_t>(point.kind)] << point.number;
}

std::ostream& operator<<(std::ostream& out, const OffsetRange& range) {
  out << range.from << " to ";
  return range.to ? out << *range.to : out << "no end";
}

}  // namespace millrace::tools
