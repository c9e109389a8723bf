#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/bytes.hpp"

// Integers inside records: zigzag (0, -1, 1, -2 ... as 0, 1, 2, 3 ...), then seven bits per byte
// from the lowest up, the top bit set on all bytes but the last. Up to 5 bytes for 32 bits and 10
// for 64.
namespace millrace::protocol {

inline constexpr std::size_t kVarintBytesMax = 5;
inline constexpr std::size_t kVarlongBytesMax = 10;

constexpr std::uint32_t zigzag(std::int32_t v) {
  return (static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31);
}
constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int32_t unzigzag(std::uint32_t v) {
  return static_cast<std::int32_t>((v >> 1) ^ (0U - (v & 1)));
}
constexpr std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>((v >> 1) ^ (std::uint64_t{0} - (v & 1)));
}

/// Bytes that `v` takes.
constexpr std::size_t varint_size(std::int32_t v) {
  return (static_cast<std::size_t>(std::bit_width(zigzag(v) | 1)) + 6) / 7;
}
constexpr std::size_t varlong_size(std::int64_t v) {
  return (static_cast<std::size_t>(std::bit_width(zigzag(v) | 1)) + 6) / 7;
}

void append_varint(std::vector<std::byte>& to, std::int32_t v);
void append_varlong(std::vector<std::byte>& to, std::int64_t v);

/// Reads integers and byte runs front to back and stops for good at the first that is not there:
/// check `ok` after a group of reads instead of after each. Reads after that give 0 or empty.
class VarintCursor {
 public:
  explicit VarintCursor(Bytes bytes) : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] const std::byte* position() const { return at_; }
  [[nodiscard]] bool ok() const { return state_ == State::good; }
  /// True when the failure was the end of the bytes, false when it was a malformed integer.
  [[nodiscard]] bool hit_end() const { return state_ == State::hit_end; }

  std::int32_t varint() {
    // Nearly all integers of nearly all records are below 64.
    if (at_ != end_ && std::to_integer<unsigned>(*at_) < 0x80)
      return unzigzag(std::to_integer<std::uint32_t>(*at_++));
    return unzigzag(unsigned_integer<std::uint32_t>());
  }
  std::int64_t varlong() {
    if (at_ != end_ && std::to_integer<unsigned>(*at_) < 0x80)
      return unzigzag(std::to_integer<std::uint64_t>(*at_++));
    return unzigzag(unsigned_integer<std::uint64_t>());
  }
  std::int8_t byte() {
    if (at_ == end_) return fail(State::hit_end), std::int8_t{0};
    return std::to_integer<std::int8_t>(*at_++);
  }
  /// `count` bytes as a view; a negative count is a malformed integer.
  Bytes take(std::int64_t count) {
    if (count < 0) return fail(State::malformed), Bytes{};
    if (static_cast<std::uint64_t>(count) > left()) return fail(State::hit_end), Bytes{};
    const Bytes run{at_, static_cast<std::size_t>(count)};
    at_ += count;
    return run;
  }

 private:
  enum class State : std::uint8_t { good, hit_end, malformed };

  void fail(State why) {
    if (state_ == State::good) state_ = why;
    at_ = end_;
  }
  template <class Unsigned>
  Unsigned unsigned_integer();

  const std::byte* at_;
  const std::byte* end_;
  State state_ = State::good;
};

}  // namespace millrace::protocol
