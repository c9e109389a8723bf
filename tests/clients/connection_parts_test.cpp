#include <catch2/catch.hpp>

#include "clients/frame_reader.hpp"
#include "clients/negotiation.hpp"
#include "clients/request_ledger.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/wire/frame.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;

namespace {

void feed(FrameReader& frames, Bytes bytes) {
  while (!bytes.empty()) {
    const auto room = frames.room();
    const auto count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    frames.commit(count);
    bytes = bytes.subspan(count);
  }
}

std::vector<std::byte> framed(std::string_view payload) {
  std::vector<std::byte> bytes(4 + payload.size());
  store_be(bytes.data(), static_cast<std::int32_t>(payload.size()));
  std::memcpy(bytes.data() + 4, payload.data(), payload.size());
  return bytes;
}

SharedBytes answer(std::int16_t version, const protocol::ApiVersionsResponse& response) {
  const auto bytes = protocol::encode_response(CorrelationId{0}, version, response).flatten();
  return SharedBytes::copy_of(Bytes{bytes}.subspan(4));
}

}  // namespace

TEST_CASE("frame reader: frames come out whole, however the stream is cut", "[clients][net]") {
  const std::string big(200'000, 'x');
  std::vector<std::byte> stream;
  for (const auto payload : {std::string_view{"one"}, std::string_view{}, std::string_view{big},
                             std::string_view{"last"}}) {
    const auto frame = framed(payload);
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{70'000}}) {
    FrameReader frames{1 << 20};
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      feed(frames, Bytes{stream}.subspan(at, std::min(step, stream.size() - at)));
      for (;;) {
        const auto frame = frames.next();
        REQUIRE(frame);
        if (!*frame) break;
        seen.emplace_back(as_text((*frame)->view()));
      }
    }
    REQUIRE(seen == std::vector<std::string>{"one", "", big, "last"});
  }
}

TEST_CASE("frame reader: a size above the bound or below zero is refused", "[clients][net]") {
  for (const std::int32_t size : {-1, 1025, 0x7fffffff}) {
    FrameReader frames{1024};
    std::array<std::byte, 4> bytes{};
    store_be(bytes.data(), size);
    feed(frames, bytes);
    CHECK_FALSE(frames.next());
    CHECK(frames.room().size() < 128 * 1024);  // and has not become memory
  }
}

TEST_CASE("ledger: an answer out of order is beyond repair", "[clients][net]") {
  RequestLedger ledger{1s};
  const auto first = ledger.next_id();
  const auto second = ledger.next_id();
  ledger.sent(first, Instant{10s});
  ledger.sent(second, Instant{10s});
  CHECK(ledger.answered(second) == RequestLedger::Match::unexpected);
  CHECK(ledger.answered(first) == RequestLedger::Match::answered);
  CHECK(ledger.answered(second) == RequestLedger::Match::answered);
  CHECK(ledger.answered(second) == RequestLedger::Match::unexpected);
}

TEST_CASE("ledger: a late answer is dropped without breaking the line", "[clients][net]") {
  RequestLedger ledger{1s};
  const auto hasty = ledger.next_id();
  const auto patient = ledger.next_id();
  ledger.sent(hasty, Instant{5s});
  ledger.sent(patient, Instant{60s});
  CHECK(ledger.next_event() == Instant{5s});
  CHECK(ledger.expire(Instant{4s}).empty());
  CHECK(ledger.expire(Instant{5s}) == std::vector{hasty});
  CHECK(ledger.expire(Instant{5s}).empty());
  CHECK(ledger.next_event() == Instant{6s});  // when it counts as stalled
  CHECK_FALSE(ledger.stalled(Instant{5s}));
  CHECK(ledger.stalled(Instant{6s}));
  CHECK(ledger.answered(hasty) == RequestLedger::Match::late);
  CHECK_FALSE(ledger.stalled(Instant{6s}));
  CHECK(ledger.fail_all() == std::vector{patient});
}

TEST_CASE("negotiation: a broker that knows the version is asked once", "[clients][net]") {
  Negotiation negotiation{"here:9092"};
  CHECK(std::get<Negotiation::Ask>(negotiation.start()).version == 4);
  protocol::ApiVersionsResponse response;
  response.api_keys.push_back({.api_key = 3, .min_version = 0, .max_version = 7});
  const auto step = negotiation.answered(answer(4, response));
  const auto& table = std::get<ApiVersionTable>(step);
  CHECK(table.choose(protocol::ApiKey::metadata, {0, 13}) == 7);
  CHECK_FALSE(table.choose(protocol::ApiKey::metadata, {8, 13}));
  CHECK_FALSE(table.choose(protocol::ApiKey::fetch, {0, 13}));
}

TEST_CASE("negotiation: a refusal is followed by what the broker does speak", "[clients][net]") {
  protocol::ApiVersionsResponse refusal{.error_code = protocol::ErrorCode::unsupported_version};
  const auto asks_next = [&](bool told) {
    Negotiation negotiation{"here:9092"};
    static_cast<void>(negotiation.start());
    if (told) refusal.api_keys = {{.api_key = 18, .min_version = 0, .max_version = 2}};
    const auto step = negotiation.answered(answer(0, refusal));
    const auto version = std::get<Negotiation::Ask>(step).version;
    const auto end = negotiation.answered(answer(0, refusal));
    CHECK(std::get<ClientError>(end).code == Errc::unsupported);
    return version;
  };
  CHECK(asks_next(false) == 0);
  CHECK(asks_next(true) == 2);
}

TEST_CASE("negotiation: what is not Kafka is told as such", "[clients][net]") {
  for (const std::string_view text : {"", "HTTP/1.1 400 Bad Request"}) {
    Negotiation negotiation{"here:9092"};
    static_cast<void>(negotiation.start());
    const auto step = negotiation.answered(SharedBytes::copy_of(as_bytes(text)));
    CHECK(std::get<ClientError>(step).code == Errc::malformed);
  }
}
