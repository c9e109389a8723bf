#include <catch2/catch.hpp>

#include "protocol/base/rng.hpp"
#include "protocol/checksum/crc32.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::random_bytes;

TEST_CASE("crc32c: the check values of the standard come out", "[protocol][checksum]") {
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283);
  CHECK(crc32c({}) == 0);
  // RFC 3720, B.4
  std::vector<std::byte> bytes(32);
  CHECK(crc32c(bytes) == 0x8a9136aa);
  bytes.assign(32, std::byte{0xff});
  CHECK(crc32c(bytes) == 0x62a8ab43);
  for (int i = 0; i < 32; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::byte>(i);
  CHECK(crc32c(bytes) == 0x46dd794e);
}

TEST_CASE("crc32: the check value of the standard comes out", "[protocol][checksum]") {
  CHECK(crc32(as_bytes("123456789")) == 0xcbf43926);
  CHECK(crc32({}) == 0);
  CHECK(crc32({}, 17) == 17);
}

TEST_CASE("crc32c: the library and the table agree at every size, place and start",
          "[protocol][checksum]") {
  SeededRng rng{1};
  const auto bytes = random_bytes(rng, 5000);
  for (std::size_t size = 0; size < 600; ++size) {
    const Bytes piece = Bytes{bytes}.subspan(rng.below(64), size);
    const auto start = static_cast<std::uint32_t>(rng.next());
    REQUIRE(crc32c(piece, start) == crc32c_by_table(piece, start));
  }
  CHECK(crc32c(bytes) == crc32c_by_table(bytes));
}

TEST_CASE("crc: the checksum of two pieces chains into that of the whole", "[protocol][checksum]") {
  SeededRng rng{2};
  const auto bytes = random_bytes(rng, 3000);
  const Bytes all{bytes};
  for (int i = 0; i < 100; ++i) {
    const std::size_t cut = rng.below(all.size() + 1);
    REQUIRE(crc32c(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
    REQUIRE(crc32(all.subspan(cut), crc32(all.first(cut))) == crc32(all));
  }
}

}  // namespace
}  // namespace millrace::protocol
