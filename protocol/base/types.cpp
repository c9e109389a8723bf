#include "protocol/base/types.hpp"

#include <cstring>

namespace millrace {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;  // ceil(128 / 6)

}  // namespace

std::string Uuid::to_string() const {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (const std::uint8_t byte : bytes) {
    pending = (pending << 8) | byte;
    pending_bits += 8;
    while (pending_bits >= 6) {
      pending_bits -= 6;
      text.push_back(kAlphabet[(pending >> pending_bits) & 0x3f]);
    }
  }
  text.push_back(kAlphabet[(pending << (6 - pending_bits)) & 0x3f]);
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid id;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  std::size_t filled = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    pending = (pending << 6) | static_cast<std::uint32_t>(digit);
    pending_bits += 6;
    if (pending_bits >= 8 && filled < id.bytes.size()) {
      pending_bits -= 8;
      id.bytes[filled++] = static_cast<std::uint8_t>((pending >> pending_bits) & 0xff);
    }
  }
  return id;
}

}  // namespace millrace

std::size_t std::hash<millrace::Uuid>::operator()(const millrace::Uuid& id) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, id.bytes.data(), sizeof halves);
  return static_cast<std::size_t>(halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15ULL));
}
