#include "protocol/wire/generator.hpp"

#include <array>
#include <string_view>

namespace millrace::protocol::detail {

std::string generate_text(Rng& rng, std::size_t bytes_max) {
  static constexpr std::array<std::string_view, 8> kPieces{"a",  "topic", "-0", ".",
                                                           "\"", "é",     "水", "\U0001f980"};
  std::string text;
  for (auto count = rng.below(8); count > 0; --count) {
    const std::string_view piece = kPieces[rng.below(kPieces.size())];
    if (text.size() + piece.size() <= bytes_max) text += piece;
  }
  return text;
}

SharedBytes generate_bytes(Rng& rng, std::size_t bytes_max) {
  std::vector<std::byte> bytes(rng.below(bytes_max + 1));
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.next());
  return SharedBytes::from(std::move(bytes));
}

}  // namespace millrace::protocol::detail
