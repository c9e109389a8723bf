#include <catch2/catch.hpp>
#include <set>

#include "protocol/wire/generator.hpp"
#include "tests/protocol/messages/any_message.hpp"
#include "tests/protocol/wire/unknown_tags_writer.hpp"

// Random messages, for every message in every version.

using namespace millrace;
using namespace millrace::protocol;
using namespace millrace::protocol::testing;

namespace {

constexpr std::uint64_t kSeeds = 200;

/// Calls `visit(name, version, message, rng)` with random messages.
template <class Visit>
void for_each_random_message(std::uint64_t seeds, const Visit& visit) {
  for_each_message([&]<class Message>(const std::string& name) {
    for (std::int16_t version = Message::kVersions.first; version <= Message::kVersions.last;
         ++version) {
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SeededRng rng{seed};
        visit(name, version, generate<Message>(rng, version), rng);
      }
    }
  });
}

}  // namespace

TEST_CASE("messages: what is encoded decodes to the same message", "[protocol][messages]") {
  for_each_random_message(
      kSeeds, [](const std::string& name, std::int16_t version, const auto& message, Rng&) {
        using Message = std::decay_t<decltype(message)>;
        const auto bytes = SharedBytes::from(encode_body(message, version));
        const auto decoded = decode_body<Message>(bytes, version);
        if (!decoded || !(*decoded == message)) {
          FAIL(name << " version " << version << ": " << message << " became " << decoded);
        }
      });
}

TEST_CASE("messages: the sizer counts what the writer writes", "[protocol][messages]") {
  for_each_random_message(
      kSeeds / 10, [](const std::string& name, std::int16_t version, const auto& message, Rng&) {
        using Message = std::decay_t<decltype(message)>;
        Sizer size;
        MessageCodec<Message>::measure(size, message, version);
        Writer out{size.own()};
        MessageCodec<Message>::encode(out, message, version);
        const std::size_t written = std::move(out).finish().size();
        if (written != size.total()) FAIL(name << " version " << version << ": " << message);
      });
}

TEST_CASE("messages: a message made for a version can be said in it", "[protocol][messages]") {
  for_each_random_message(
      kSeeds / 10, [](const std::string& name, std::int16_t version, const auto& message, Rng&) {
        using Message = std::decay_t<decltype(message)>;
        const auto field = MessageCodec<Message>::check_version(message, version);
        if (!field.empty()) FAIL(name << " version " << version << ": " << field);
      });
}

TEST_CASE("messages: unknown tagged fields are skipped wherever they stand",
          "[protocol][messages]") {
  std::size_t checked = 0;
  for_each_random_message(kSeeds / 10, [&](const std::string& name, std::int16_t version,
                                           const auto& message, Rng& rng) {
    using Message = std::decay_t<decltype(message)>;
    if (!Message::kFlexible.contains(version)) return;
    UnknownTagsWriter out{rng};
    protocol::detail::write_struct(out, message,
                                   protocol::detail::Context{.version = version, .flexible = true});
    const auto decoded = decode_body<Message>(SharedBytes::from(out.bytes), version);
    if (!decoded || !(*decoded == message)) {
      FAIL(name << " version " << version << ": " << message << " became " << decoded);
    }
    ++checked;
  });
  CHECK(checked > 1000);
}

TEST_CASE("messages: random bytes give an error or a message that holds", "[protocol][messages]") {
  SeededRng rng{7};
  for (const auto& message : all_messages()) {
    for (int round = 0; round < 2000; ++round) {
      std::vector<std::byte> bytes(rng.below(120));
      for (auto& byte : bytes) {
        byte = static_cast<std::byte>(rng.chance(1, 2) ? rng.below(4) : rng.next());
      }
      const auto version = static_cast<std::int16_t>(
          message.versions.first +
          static_cast<std::int16_t>(rng.below(
              static_cast<std::uint64_t>(message.versions.last - message.versions.first) + 1)));
      const auto decoded = message.decode(SharedBytes::from(std::move(bytes)), version);
      if (decoded && !decoded->same_after_round_trip) {
        FAIL(message.name << " version " << version << ": " << decoded->text);
      }
    }
  }
}

TEST_CASE("messages: the list of APIs is in the order of their keys and has each once",
          "[protocol][messages]") {
  std::vector<ApiKey> keys;
  for_each_api([&]<class Request, class Response>(ApiMessages<Request, Response>) {
    STATIC_REQUIRE(Request::kApiKey == Response::kApiKey);
    STATIC_REQUIRE(Request::kVersions == Response::kVersions);
    STATIC_REQUIRE(Request::kFlexible == Response::kFlexible);
    keys.push_back(Request::kApiKey);
    CHECK(flexible_versions(Request::kApiKey) == Request::kFlexible);
  });
  CHECK(std::is_sorted(keys.begin(), keys.end()));
  CHECK(std::set<ApiKey>{keys.begin(), keys.end()}.size() == keys.size());
  CHECK(keys.size() == 38);
  CHECK_FALSE(flexible_versions(ApiKey::vote));
  CHECK_FALSE(flexible_versions(static_cast<ApiKey>(-1)));
  CHECK_FALSE(flexible_versions(static_cast<ApiKey>(9999)));
}
