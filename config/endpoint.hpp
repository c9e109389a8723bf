#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "config/value.hpp"

namespace millrace::config {

/// A named address: `name://host:port`.
struct Endpoint {
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  std::string name;        // in capitals
  std::string host;        // an IPv6 address without its brackets; empty: every interface
  std::uint16_t port = 0;  // 0: any free port
};

std::ostream& operator<<(std::ostream& out, const Endpoint& endpoint);

/// Reads `PLAINTEXT://localhost:9092`, `//:9092` not: the name is needed. `setting` is named in the
/// refusal.
Checked<Endpoint> parse_endpoint(std::string_view setting, std::string_view text);

/// Reads `localhost:9644`, `[::1]:9644` or `:9644`; the name stays empty.
Checked<Endpoint> parse_address(std::string_view setting, std::string_view text);

/// Listener name to security protocol, both in capitals.
using ProtocolMap = std::map<std::string, std::string, std::less<>>;

/// Reads `NAME:PROTOCOL,...`.
Checked<ProtocolMap> parse_protocol_map(std::string_view setting, std::string_view text);

/// `text` in capitals, as listener names are compared.
std::string capitals(std::string_view text);

}  // namespace millrace::config
