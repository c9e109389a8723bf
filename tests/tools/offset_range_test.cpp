#include "tools/offset_range.hpp"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

using Kind = OffsetPoint::Kind;

constexpr Timestamp kNow{1'800'000'000'000};
constexpr std::int64_t kHour = 3'600'000;

OffsetRange parsed(std::string_view text) {
  const auto range = parse_offset_range(text, kNow);
  CAPTURE(text);
  REQUIRE(range.has_value());
  return *range;
}

OffsetRange from(Kind kind, std::int64_t number = 0) {
  return {.from = {.kind = kind, .number = number}};
}

OffsetRange between(OffsetPoint first, OffsetPoint second) {
  return {.from = first, .to = second};
}

TEST_CASE("offset range: one place", "[tools][offset_range]") {
  CHECK(parsed("start") == from(Kind::start));
  CHECK(parsed("earliest") == from(Kind::start));
  CHECK(parsed("beginning") == from(Kind::start));
  CHECK(parsed("end") == from(Kind::end));
  CHECK(parsed("latest") == from(Kind::end));
  CHECK(parsed("0") == from(Kind::absolute));
  CHECK(parsed("47") == from(Kind::absolute, 47));
  CHECK(parsed("+5") == from(Kind::start, 5));
  CHECK(parsed("-5") == from(Kind::end, 5));
  CHECK(parsed("9223372036854775807") == from(Kind::absolute, INT64_MAX));
}

TEST_CASE("offset range: a time in seconds, milliseconds, as a date or back from now",
          "[tools][offset_range]") {
  CHECK(parsed("@1700000000") == from(Kind::since_time, 1'700'000'000'000));
  CHECK(parsed("@1700000000000") == from(Kind::since_time, 1'700'000'000'000));
  CHECK(parsed("@0") == from(Kind::since_time, 0));
  CHECK(parsed("@1970-01-02") == from(Kind::since_time, 24 * kHour));
  CHECK(parsed("@1970-01-02T01:00:01Z") == from(Kind::since_time, 25 * kHour + 1000));
  CHECK(parsed("@1970-01-02T01:00:01") == from(Kind::since_time, 25 * kHour + 1000));
  CHECK(parsed("@2024-02-29") == from(Kind::since_time, 1'709'164'800'000));
  CHECK(parsed("@-24h") == from(Kind::since_time, kNow.value - 24 * kHour));
  CHECK(parsed("@-1h30m") == from(Kind::since_time, kNow.value - 3 * kHour / 2));
}

TEST_CASE("offset range: two places, or one of them", "[tools][offset_range]") {
  const OffsetPoint start{};
  const OffsetPoint end{.kind = Kind::end};
  CHECK(parsed("5:8") == between({Kind::absolute, 5}, {Kind::absolute, 8}));
  CHECK(parsed(":end") == between(start, end));
  CHECK(parsed(":10") == between(start, {Kind::absolute, 10}));
  CHECK(parsed("5:") == from(Kind::absolute, 5));
  CHECK(parsed("-10:end") == between({Kind::end, 10}, end));
  CHECK(parsed("+1:-1") == between({Kind::start, 1}, {Kind::end, 1}));
  CHECK(parsed("@-2h:@-1h") == between({Kind::since_time, kNow.value - 2 * kHour},
                                       {Kind::since_time, kNow.value - kHour}));
  CHECK(parsed("@1970-01-01T01:00:00Z:@1970-01-01T02:00:00Z") ==
        between({Kind::since_time, kHour}, {Kind::since_time, 2 * kHour}));
  CHECK(parsed("@1970-01-01T01:00:00:end") == between({Kind::since_time, kHour}, end));
  CHECK(parsed(":@1970-01-01T01:00:00Z") == between(start, {Kind::since_time, kHour}));
}

TEST_CASE("offset range: anything else is refused with the forms there are",
          "[tools][offset_range]") {
  const auto text =
      GENERATE(as<std::string>{}, "", ":", "::", "yesterday", "--5", "+-5", "5x", "0x5",
               "9223372036854775808", "+", "-", "@", "@-", "@-5", "@24h", "@2024-02-30",
               "@2023-02-29", "@2024-13-01", "@2024-1-1", "@2024-01-01T24:00:00",
               "@2024-01-01T01:00", "@2024-01-01T01:00:00X", "5:8:9", "5-8", " 5");
  CAPTURE(text);
  const auto range = parse_offset_range(text, kNow);
  REQUIRE_FALSE(range.has_value());
  CHECK(range.error().code == clients::Errc::invalid_argument);
  CHECK(range.error().message.find("'" + text + "'") != std::string::npos);
}

TEST_CASE("offset range: places become offsets within what the partition has",
          "[tools][offset_range]") {
  const KnownOffsets known{.earliest = Offset{10}, .latest = Offset{100}};
  const auto at = [&](Kind kind, std::int64_t number) {
    return resolve({.kind = kind, .number = number}, known).value;
  };
  CHECK(at(Kind::start, 0) == 10);
  CHECK(at(Kind::start, 5) == 15);
  CHECK(at(Kind::start, INT64_MAX) == 100);
  CHECK(at(Kind::end, 0) == 100);
  CHECK(at(Kind::end, 5) == 95);
  CHECK(at(Kind::end, INT64_MAX) == 10);
  CHECK(at(Kind::absolute, 3) == 10);
  CHECK(at(Kind::absolute, 50) == 50);
  CHECK(at(Kind::absolute, 500) == 500);
}

TEST_CASE("offset range: a time behind all records is the end", "[tools][offset_range]") {
  KnownOffsets known{.earliest = Offset{10}, .latest = Offset{100}};
  const OffsetPoint time{.kind = Kind::since_time, .number = 1};
  CHECK(resolve(time, known) == Offset{100});
  known.at_time = Offset{42};
  CHECK(resolve(time, known) == Offset{42});
  known.at_time = Offset{4};
  CHECK(resolve(time, known) == Offset{10});
}

}  // namespace
}  // namespace millrace::tools
