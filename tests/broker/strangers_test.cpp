#include "broker/strangers.hpp"

#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

TEST_CASE("strangers: HTTP and TLS are recognised and told what to do", "[broker][net]") {
  CHECK(describe_stranger(as_bytes("GET / HTTP/1.1\r\n")).find("HTTP") != std::string::npos);
  CHECK(describe_stranger(as_bytes(std::string_view{"\x16\x03\x01\x02\x00", 5})).find("TLS") !=
        std::string::npos);
  const auto unknown = describe_stranger(as_bytes(std::string_view{"\xff\n\x1b[2J", 6}));
  CHECK(unknown.find("\\xff\\x0a\\x1b[2J") != std::string::npos);
}

TEST_CASE("strangers: text from outside is escaped and capped", "[broker][net]") {
  CHECK(escaped("plain text") == "plain text");
  CHECK(escaped("a\r\nb\"c\\") == "a\\x0d\\x0ab\\x22c\\x5c");
  CHECK(escaped(std::string(500, 'x'), 10) == "xxxxxxxxxx...");
}

TEST_CASE("log limiter: one line per key and interval, with the number held back", "[broker]") {
  using namespace std::chrono_literals;
  LogLimiter limiter{10s};
  const Instant start{1h};
  CHECK(limiter.ask("tls", start).allowed);
  CHECK(limiter.ask("http", start).allowed);
  CHECK_FALSE(limiter.ask("tls", start + 1s).allowed);
  CHECK_FALSE(limiter.ask("tls", start + 9s).allowed);
  const auto later = limiter.ask("tls", start + 10s);
  CHECK(later.allowed);
  CHECK(later.held_back == 2);
  CHECK(limiter.ask("tls", start + 20s).held_back == 0);
}

}  // namespace
}  // namespace millrace::broker
