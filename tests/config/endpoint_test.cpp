#include "config/endpoint.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "config/broker_config.hpp"

namespace millrace::config {

namespace {

std::string first_error(std::string text) {
  Inputs inputs;
  inputs.file_text = std::move(text);
  for (const Problem& problem : BrokerConfig::load(inputs).problems)
    if (problem.severity == Severity::error) return problem.message;
  return "fine";
}

}  // namespace

TEST_CASE("endpoint: name, host and port are read and printed back", "[config][endpoint]") {
  const auto round_trip = [](std::string_view text) {
    const auto endpoint = parse_endpoint("listeners", text);
    if (!endpoint) return std::string{"refused"};
    std::ostringstream out;
    out << *endpoint;
    return out.str();
  };
  CHECK(round_trip("PLAINTEXT://:9092") == "PLAINTEXT://:9092");
  CHECK(round_trip("inside://host-1.example:0") == "INSIDE://host-1.example:0");
  CHECK(round_trip("A_B-1://127.0.0.1:65535") == "A_B-1://127.0.0.1:65535");
  CHECK(round_trip("PLAINTEXT://[::1]:9092") == "PLAINTEXT://[::1]:9092");
  for (const std::string_view text :
       {"", "localhost:9092", "://h:1", "A://h", "A://h:", "A://h:x", "A://h:65536", "A://h:-1",
        "A://::1:9092", "A://[::1:9092", "A://h/p:1", "A B://h:1", "A://[h]:1", "A://:1:"}) {
    INFO(text);
    CHECK(round_trip(text) == "refused");
  }
}

TEST_CASE("endpoint: a protocol map has known protocols and no name twice", "[config][endpoint]") {
  const auto map = parse_protocol_map("m", "plaintext:plaintext, IN:SASL_SSL");
  REQUIRE(map.has_value());
  CHECK(*map == ProtocolMap{{"PLAINTEXT", "PLAINTEXT"}, {"IN", "SASL_SSL"}});
  for (const std::string_view text : {"A", "A:", ":SSL", "A:TLS", "A:SSL,A:SSL", "A:SSL,,B:SSL"}) {
    INFO(text);
    CHECK_FALSE(parse_protocol_map("m", text).has_value());
  }
}

TEST_CASE("endpoint: a listener that asks for encryption or login is refused, never served plain",
          "[config][endpoint]") {
  CHECK(first_error("listeners=SSL://:9093") ==
        "listener SSL asks for SSL, and this version serves PLAINTEXT only");
  CHECK(first_error("listeners=IN://:9093\nlistener.security.protocol.map=IN:SASL_PLAINTEXT") ==
        "listener IN asks for SASL_PLAINTEXT, and this version serves PLAINTEXT only");
  CHECK(first_error("listeners=IN://:9093\nlistener.security.protocol.map=IN:PLAINTEXT") == "fine");
}

TEST_CASE("endpoint: listeners must be told apart", "[config][endpoint]") {
  CHECK(first_error("listeners=IN://:9092") == "listener IN has no security protocol");
  CHECK(first_error("listeners=PLAINTEXT://:1,PLAINTEXT://:2") ==
        "listener PLAINTEXT is named twice");
  const std::string map = "\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT";
  CHECK(first_error("listeners=A://h:1,B://h:1" + map) ==
        "B://h:1 is at the address of another listener");
  CHECK(first_error("listeners=A://h:0,B://h:0" + map) == "fine");
  CHECK(first_error("listeners=PLAINTEXT:9092").starts_with("listeners cannot contain"));
  CHECK(first_error("listeners=CONTROLLER://:1\ncontroller.listener.names=controller") ==
        "no listener is left for clients");
  CHECK(first_error("listeners=C://:1\ncontroller.listener.names=C\nprocess.roles=controller") ==
        "fine");
}

TEST_CASE("endpoint: advertised listeners must lead somewhere", "[config][endpoint]") {
  CHECK(first_error("advertised.listeners=PLAINTEXT://me:9092") == "fine");
  CHECK(first_error("advertised.listeners=PLAINTEXT://:9092") ==
        "PLAINTEXT://:9092 is no address that a client could connect to");
  CHECK(first_error("advertised.listeners=PLAINTEXT://0.0.0.0:9092") ==
        "PLAINTEXT://0.0.0.0:9092 is no address that a client could connect to");
  CHECK(first_error("advertised.listeners=PLAINTEXT://me:0") ==
        "PLAINTEXT://me:0 has port 0, which nobody can connect to");
  CHECK(first_error("advertised.listeners=OUT://me:9092") ==
        "listener OUT is advertised but not among the listeners");
}

}  // namespace millrace::config
