#include "log/points.hpp"

#include <catch2/catch.hpp>

#include "log/file_names.hpp"

namespace millrace::log {
namespace {

template <class Point>
void check_format(const Point& point, std::size_t size) {
  const auto bytes = point.encode();
  REQUIRE(bytes.size() == size);
  REQUIRE(Point::decode(bytes).value() == point);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{1};
    REQUIRE(Point::decode(flipped).has_error());
    REQUIRE(Point::decode(Bytes{bytes}.first(i)).has_error());
  }
}

TEST_CASE("points: each file is read back, and any flipped bit or missing byte refused",
          "[log][points]") {
  check_format(RecoveryPoint{Offset{1234567890123}, Offset{1234567890000}, 4096}, 36);
  check_format(RecoveryPoint{Offset{20}, Offset{10}, 7, {{Offset{0}, 99, Timestamp{5}, Offset{3}}}},
               68);
  check_format(GapPoint{Offset{8}}, 16);
  check_format(LogStart{Offset{77}, true}, 17);
  check_format(SyncPoint{Offset{99}}, 16);
  check_format(CleanerPoint{Offset{5}, Offset{7}}, 24);
  check_format(SwapList{{{Offset{0}, 10}}, {Offset{0}, Offset{7}}}, 48);
}

TEST_CASE("names: an offset is written in twenty digits and read back", "[log][points]") {
  CHECK(file_name(Offset{42}, kLogSuffix) == "00000000000000000042.log");
  CHECK(parse_file_name("00000000000000000042.log", kLogSuffix) == Offset{42});
  CHECK(parse_file_name("09223372036854775807.index", kIndexSuffix) == Offset{9223372036854775807});
  for (const char* const name :
       {"00000000000000000042.index", "42.log", "0000000000000000004x.log",
        "99999999999999999999.log", "-0000000000000000042.log", "00000000000000000042.log.deleted"})
    CHECK_FALSE(parse_file_name(name, kLogSuffix).has_value());
}

}  // namespace
}  // namespace millrace::log
