#include "config/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::config {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_listener_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  return !name.empty() && std::ranges::all_of(name, fits);
}

/// A host is a name, an IPv4 address, or an IPv6 address in brackets, which are taken off here.
std::optional<std::string_view> bare_host(std::string_view host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.contains(':') != bracketed || host.find_first_of("[]/ \t") != std::string_view::npos)
    return std::nullopt;
  return host;
}

}  // namespace

std::string capitals(std::string_view text) {
  std::string result{text};
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

std::ostream& operator<<(std::ostream& out, const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.contains(':');
  return out << endpoint.name << "://" << (ipv6 ? "[" : "") << endpoint.host << (ipv6 ? "]" : "")
             << ':' << endpoint.port;
}

Checked<Endpoint> parse_endpoint(std::string_view setting, std::string_view text) {
  const auto refusal = [&] {
    return Refusal::because(fmt::format(
        "{} cannot contain '{}': an address is name://host:port, such as PLAINTEXT://:9092",
        setting, text));
  };
  const auto scheme = text.find("://");
  const auto colon = text.rfind(':');
  if (scheme == std::string_view::npos || colon < scheme + 3) return refusal();
  Endpoint endpoint;
  endpoint.name = capitals(text.substr(0, scheme));
  const auto host = bare_host(text.substr(scheme + 3, colon - scheme - 3));
  const auto port = parse_port(text.substr(colon + 1));
  if (!is_listener_name(endpoint.name) || !host || !port) return refusal();
  endpoint.host = *host;
  endpoint.port = *port;
  return endpoint;
}

Checked<Endpoint> parse_address(std::string_view setting, std::string_view text) {
  const auto colon = std::min(text.rfind(':'), text.size());
  const auto host = bare_host(text.substr(0, colon));
  const auto port = parse_port(text.substr(std::min(colon + 1, text.size())));
  if (!host || !port) {
    return Refusal::because(fmt::format(
        "{} cannot be '{}': an address is HOST:PORT, such as localhost:9644", setting, text));
  }
  return Endpoint{.name = {}, .host = std::string{*host}, .port = *port};
}

Checked<ProtocolMap> parse_protocol_map(std::string_view setting, std::string_view text) {
  constexpr std::string_view kProtocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
  ProtocolMap map;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto item = trimmed(text.substr(0, comma));
    const auto colon = std::min(item.find(':'), item.size());
    const std::string name = capitals(trimmed(item.substr(0, colon)));
    const std::string protocol = capitals(trimmed(item.substr(std::min(colon + 1, item.size()))));
    const bool known = std::ranges::find(kProtocols, protocol) != std::end(kProtocols);
    if (!known || !is_listener_name(name))
      return Refusal::because(fmt::format(
          "{} cannot contain '{}': an entry is name:protocol, and a protocol is one of {}", setting,
          item, fmt::join(kProtocols, ", ")));
    if (!map.emplace(name, protocol).second)
      return Refusal::because(fmt::format("{} names {} twice", setting, name));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return map;
}

}  // namespace millrace::config
