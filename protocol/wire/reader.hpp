#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/errc.hpp"

namespace millrace::protocol {

/// Reads wire primitives front to back. The first failure sticks: every later read gives zero, so a
/// walker checks once per struct instead of once per byte. Nothing is allocated for a length or
/// count before it is known to fit in the bytes that are there, and the memory that decoded arrays
/// may take is bounded by `kMemoryPerByte` times the size of the frame.
///
///   unsigned varint  7 bits per byte, low group first, high bit = more follows; at most 5 bytes
///   string, bytes    int16 / int32 length, -1 = null; flexible: unsigned varint length + 1, 0 =
///   null array            int32 count, -1 = null; flexible: unsigned varint count + 1, 0 = null
class Reader {
 public:
  /// Byte strings that are read share the ownership of `frame`.
  explicit Reader(SharedBytes frame)
      : frame_{std::move(frame)}, memory_left_{kMemoryBase + kMemoryPerByte * frame_.size()} {}

  [[nodiscard]] bool ok() const { return error_ == Errc{}; }
  [[nodiscard]] Errc error() const { return error_; }
  /// The field that was being read when the first failure came; for messages to humans.
  [[nodiscard]] std::string_view failed_field() const { return failed_field_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return frame_.size() - position_; }
  void fail(Errc error) {
    if (!ok()) return;
    error_ = error;
    failed_field_ = current_field_;
    position_ = frame_.size();
  }
  void enter_field(std::string_view name) { current_field_ = name; }

  template <class Int>
  Int integer() {
    if (remaining() < sizeof(Int)) {
      fail(Errc::truncated);
      return Int{};
    }
    const Int value = load_be<Int>(frame_.data() + position_);
    position_ += sizeof(Int);
    return value;
  }
  std::uint32_t unsigned_varint();
  Uuid uuid();

  /// Length of a string or byte string, or -1 for null. Checked against what is there.
  std::int32_t string_length(bool flexible);
  std::int32_t bytes_length(bool flexible);
  /// Count of an array, or -1 for null. `element_bytes_min` is the least an element takes on the
  /// wire, `element_memory` what it takes decoded.
  std::int32_t array_count(bool flexible, std::size_t element_bytes_min,
                           std::size_t element_memory);

  std::string_view view(std::size_t length) { return as_text(take(length)); }
  SharedBytes shared(std::size_t length) {
    if (remaining() < length) {
      fail(Errc::truncated);
      return {};
    }
    auto slice = frame_.slice(position_, length);
    position_ += length;
    return slice;
  }
  Bytes take(std::size_t length) {
    if (remaining() < length) {
      fail(Errc::truncated);
      return {};
    }
    const Bytes bytes = frame_.view().subspan(position_, length);
    position_ += length;
    return bytes;
  }

  /// Reads one tagged section: for each tag calls `visit(tag)` with a reader that ends where the
  /// payload ends. What `visit` leaves unread (an unknown tag) is skipped.
  template <class Visit>
  void tagged_section(Visit&& visit) {
    const std::uint32_t count = unsigned_varint();
    std::int64_t previous = -1;
    for (std::uint32_t i = 0; i < count && ok(); ++i) {
      const std::uint32_t tag = unsigned_varint();
      const std::uint32_t size = unsigned_varint();
      if (!ok()) return;
      if (std::int64_t{tag} <= previous) return fail(Errc::bad_tag_order);
      previous = tag;
      if (size > remaining()) return fail(Errc::truncated);
      const std::size_t end = position_ + size;
      const SharedBytes whole = frame_;
      frame_ = whole.slice(0, end);  // the payload cannot read past itself
      visit(tag);
      const bool payload_ok = ok();
      frame_ = whole;
      position_ = payload_ok ? end : frame_.size();
    }
  }

 private:
  static constexpr std::size_t kMemoryBase = 64 * 1024;
  static constexpr std::size_t kMemoryPerByte = 16;

  std::int32_t checked_length(std::int64_t length);

  SharedBytes frame_;
  std::size_t position_ = 0;  // <= frame_.size()
  std::size_t memory_left_;
  Errc error_{};
  std::string_view current_field_;
  std::string_view failed_field_;
};

}  // namespace millrace::protocol
