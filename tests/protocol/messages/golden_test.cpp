#include <catch2/catch.hpp>
#include <set>

#include "tests/protocol/messages/any_message.hpp"
#include "tests/protocol/messages/golden.hpp"

// Bytes that other implementations made (golden/make_golden.py; the group records by hand).

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

TEST_CASE("messages: every message has golden bytes for every version", "[protocol][messages]") {
  for (const auto& message : all_messages()) {
    std::set<std::int16_t> seen;
    for (const auto& sample : golden_samples(message.name)) seen.insert(sample.version);
    for (std::int16_t version = message.versions.first; version <= message.versions.last;
         ++version) {
      INFO(message.name << " version " << version);
      CHECK(seen.contains(version));
    }
    CHECK(seen.size() == static_cast<std::size_t>(message.versions.last) -
                             static_cast<std::size_t>(message.versions.first) + 1);
  }
}

TEST_CASE("messages: golden bytes decode to the values that their library was given",
          "[protocol][messages]") {
  for (const auto& message : all_messages()) {
    for (const auto& sample : golden_samples(message.name)) {
      INFO(message.name << " version " << sample.version << ' ' << sample.sample << " of "
                        << sample.library);
      const auto decoded = message.decode(sample.bytes, sample.version);
      REQUIRE(decoded.has_value());
      CHECK(decoded->bytes_read == sample.bytes.size());
      CHECK(decoded->text == sample.text);
    }
  }
}

TEST_CASE("messages: what golden bytes decode to encodes to the same bytes",
          "[protocol][messages]") {
  for (const auto& message : all_messages()) {
    for (const auto& sample : golden_samples(message.name)) {
      INFO(message.name << " version " << sample.version << ' ' << sample.sample << " of "
                        << sample.library);
      const auto decoded = message.decode(sample.bytes, sample.version);
      REQUIRE(decoded.has_value());
      CHECK(SharedBytes::from(decoded->again) == sample.bytes);
      CHECK(decoded->same_after_round_trip);
    }
  }
}

TEST_CASE("messages: no truncation of golden bytes decodes", "[protocol][messages]") {
  for (const auto& message : all_messages()) {
    for (const auto& sample : golden_samples(message.name)) {
      for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
        // A copy of exactly that size, so that an address sanitizer sees a read past it.
        const auto cut = SharedBytes::copy_of(sample.bytes.view().first(size));
        const auto decoded = message.decode(cut, sample.version);
        if (decoded) FAIL(message.name << " version " << sample.version << " cut to " << size);
      }
    }
  }
}

TEST_CASE("messages: golden bytes with one byte changed give an error or a message that holds",
          "[protocol][messages]") {
  std::size_t errors = 0;
  std::size_t others = 0;
  for (const auto& message : all_messages()) {
    for (const auto& sample : golden_samples(message.name)) {
      for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
        for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
          std::vector<std::byte> changed{sample.bytes.view().begin(), sample.bytes.view().end()};
          changed[at] ^= static_cast<std::byte>(flip);
          const auto decoded =
              message.decode(SharedBytes::from(std::move(changed)), sample.version);
          if (decoded && !decoded->same_after_round_trip) {
            FAIL(message.name << " version " << sample.version << " byte " << at << " ^ " << flip);
          }
          ++(decoded ? others : errors);
        }
      }
    }
  }
  CHECK(errors > 0);
  CHECK(others > 0);
}
