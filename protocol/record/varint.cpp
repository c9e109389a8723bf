#include "protocol/record/varint.hpp"

namespace millrace::protocol {
namespace {

template <class Unsigned>
void append_unsigned(std::vector<std::byte>& to, Unsigned v) {
  for (; v >= 0x80; v >>= 7) to.push_back(static_cast<std::byte>((v & 0x7f) | 0x80));
  to.push_back(static_cast<std::byte>(v));
}

}  // namespace

void append_varint(std::vector<std::byte>& to, std::int32_t v) {
  append_unsigned(to, zigzag(v));
}

void append_varlong(std::vector<std::byte>& to, std::int64_t v) {
  append_unsigned(to, zigzag(v));
}

template <class Unsigned>
Unsigned VarintCursor::unsigned_integer() {
  // Integers of one byte do not come here, and most that do are lengths, which take two.
  if (left() >= 2 && std::to_integer<unsigned>(at_[1]) < 0x80) {
    const auto low = static_cast<Unsigned>(std::to_integer<unsigned>(at_[0]) & 0x7f);
    const auto high = std::to_integer<Unsigned>(at_[1]);
    at_ += 2;
    return low | static_cast<Unsigned>(high << 7);
  }
  constexpr int kBits = sizeof(Unsigned) * 8;
  Unsigned value = 0;
  for (int shift = 0;; shift += 7) {
    if (at_ == end_) return fail(State::hit_end), Unsigned{0};
    const auto byte = std::to_integer<unsigned>(*at_++);
    const auto seven = static_cast<Unsigned>(byte & 0x7f);
    // The last byte that still fits has room for the uppermost bits only.
    if (shift + 7 > kBits && (byte >> (kBits - shift)) != 0)
      return fail(State::malformed), Unsigned{0};
    value |= static_cast<Unsigned>(seven << shift);
    if (byte < 0x80) return value;
  }
}

template std::uint32_t VarintCursor::unsigned_integer();
template std::uint64_t VarintCursor::unsigned_integer();

}  // namespace millrace::protocol
