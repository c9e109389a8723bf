#include <fmt/format.h>

#include <charconv>

#include "clients/client.hpp"

namespace millrace::clients {

namespace {

constexpr std::uint16_t kDefaultPort = 9092;

ClientError bad_address(std::string_view text) {
  return {.code = Errc::invalid_argument,
          .message = fmt::format("'{}' is not an address of the form host:port; IPv6 addresses go "
                                 "in brackets",
                                 text)};
}

Outcome<net::Endpoint> parse_one(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad_address(text);
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return bad_address(text);
    has_port = !port.empty();
    if (has_port) port.remove_prefix(1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  net::Endpoint endpoint{std::string{host}, kDefaultPort};
  if (has_port) {
    const auto* const end = port.data() + port.size();
    const auto [rest, error] = std::from_chars(port.data(), end, endpoint.port);
    if (error != std::errc{} || rest != end || endpoint.port == 0) return bad_address(text);
  }
  if (host.empty() || host.find_first_of(" \t/") != std::string_view::npos) {
    return bad_address(text);
  }
  return endpoint;
}

}  // namespace

Outcome<std::vector<net::Endpoint>> parse_bootstrap(std::string_view text) {
  std::vector<net::Endpoint> all;
  for (;;) {
    const auto comma = text.find(',');
    auto part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    auto endpoint = parse_one(part);
    if (!endpoint) return endpoint.error();
    all.push_back(std::move(*endpoint));
    if (comma == std::string_view::npos) return all;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace millrace::clients
