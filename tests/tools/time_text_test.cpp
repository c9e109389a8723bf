#include "tools/time_text.hpp"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

using std::chrono::milliseconds;

TEST_CASE("time text: a time is told in UTC, to the millisecond", "[tools]") {
  CHECK(utc_text(Timestamp{0}) == "1970-01-01 00:00:00.000Z");
  CHECK(utc_text(Timestamp{951'868'799'007}) == "2000-02-29 23:59:59.007Z");
  CHECK(utc_text(Timestamp{-1}) == "1969-12-31 23:59:59.999Z");
}

TEST_CASE("time text: a duration has two digits or more, in the unit that fits", "[tools]") {
  CHECK(duration_text(milliseconds{0}) == "0 ms");
  CHECK(duration_text(milliseconds{999}) == "999 ms");
  CHECK(duration_text(milliseconds{1'500}) == "1.5 s");
  CHECK(duration_text(milliseconds{59'400}) == "59 s");
  CHECK(duration_text(milliseconds{90'000}) == "1.5 min");
  CHECK(duration_text(milliseconds{7'200'000}) == "2.0 h");
  CHECK(duration_text(milliseconds{86'400'000LL * 12}) == "12 d");
}

TEST_CASE("time text: what moves the cursor is shown as a number", "[tools]") {
  CHECK(printable("a\x1b[2J\n\u00e4\x7f") == "a\\x1b[2J\\x0a\u00e4\\x7f");
}

}  // namespace
}  // namespace millrace::tools
