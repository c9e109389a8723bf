#include "tools/base64.hpp"

#include <cstdint>

namespace millrace::tools {

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto piece = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < piece.size() ? static_cast<std::uint8_t>(piece[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= piece.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
}

}  // namespace millrace::tools
