#include "log/compaction/key_map.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "protocol/base/rng.hpp"

namespace millrace::log {
namespace {

TEST_CASE("key map: the hash is SipHash-2-4 with 128 bits", "[log][compaction]") {
  // Secret and message 00 01 02 ...; the results are those of `openssl mac ... SIPHASH`.
  const HashSecret secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::vector<std::byte> message;
  CHECK(hash_of(secret, message) == KeyHash{0xe6a825ba047f81a3, 0x930255c71472f66d});
  message.push_back(std::byte{0});
  CHECK(hash_of(secret, message) == KeyHash{0x44af996bd8c187da, 0x45fc229b11597634});
  for (int i = 1; i < 15; ++i) message.push_back(static_cast<std::byte>(i));
  CHECK(hash_of(secret, message) == KeyHash{0x11a8b03399e99354, 0xd9c3cf970fec087e});
}

TEST_CASE("key map: the latest offset of each key is found", "[log][compaction]") {
  KeyMap map{{3, 4}, {.bytes = 24 * 1500, .load_factor = 0.9, .keys = 1'000'000}};
  std::map<std::string, Offset> model;
  SeededRng rng{7};
  for (std::int64_t i = 0; i < 5000; ++i) {
    const std::string key = fmt::format("key-{}", rng.below(1200));
    REQUIRE(map.put(as_bytes(key), Offset{i}));
    model[key] = Offset{i};
  }
  CHECK(map.size() == model.size());
  for (const auto& [key, offset] : model) CHECK(map.find(as_bytes(key)) == offset);
  CHECK_FALSE(map.find(as_bytes("key-1200")).has_value());
  CHECK_FALSE(map.find(as_bytes("")).has_value());
}

TEST_CASE("key map: a full one takes no new key, but goes on with those it has",
          "[log][compaction]") {
  KeyMap map{{3, 4}, {.bytes = 24 * 10, .load_factor = 0.5, .keys = 100}};
  REQUIRE(map.capacity() == 5);
  for (int i = 0; i < 5; ++i) REQUIRE(map.put(as_bytes(std::to_string(i)), Offset{i}));
  CHECK_FALSE(map.put(as_bytes("5"), Offset{5}));
  CHECK_FALSE(map.find(as_bytes("5")).has_value());
  CHECK(map.put(as_bytes("3"), Offset{6}));
  CHECK(map.find(as_bytes("3")) == Offset{6});
}

TEST_CASE("key map: the smallest budget holds one key, a large one no more than will come",
          "[log][compaction]") {
  CHECK(KeyMap{{}, {.bytes = 0, .load_factor = 1, .keys = 100}}.capacity() == 1);
  CHECK(KeyMap{{}, {.bytes = 1U << 30, .load_factor = 0.9, .keys = 10}}.capacity() >= 10);
  CHECK(KeyMap{{}, {.bytes = 1U << 30, .load_factor = 0.9, .keys = 10}}.capacity() < 14);
  CHECK(KeyMap{{}, {.bytes = 1U << 10, .load_factor = 1.0, .keys = 0}}.capacity() == 1);
}

}  // namespace
}  // namespace millrace::log
