#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "clients/connection.hpp"
#include "clients/errc.hpp"
#include "protocol/base/bytes.hpp"

namespace millrace::clients {

/// Finds out what a broker speaks. Our highest ApiVersions request goes first; a broker that does
/// not know it answers in version 0 with UNSUPPORTED_VERSION and, unless it is very old, with what
/// it does know, and is asked once more. Decides only.
class Negotiation {
 public:
  struct Ask {
    std::int16_t version;
    friend bool operator==(const Ask&, const Ask&) = default;
  };
  using Step = std::variant<Ask, ApiVersionTable, ClientError>;

  /// `peer` is for messages.
  explicit Negotiation(std::string peer) : peer_{std::move(peer)} {}
  [[nodiscard]] Step start();
  /// `frame` is the answer to the version asked last, behind its size field.
  [[nodiscard]] Step answered(const SharedBytes& frame);

 private:
  std::string peer_;
  std::int16_t asked_ = 0;
  bool fell_back_ = false;
};

}  // namespace millrace::clients
