#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "protocol/base/bytes.hpp"
#include "protocol/base/types.hpp"
#include "protocol/errc.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::protocol {

/// Reads wire primitives front to back. The first failure sticks: every later read gives zero, so a
/// walker checks once per field instead of once per byte. Belongs to one decode on one thread.
///
/// Nothing is allocated for a length or count before it is known to fit in the bytes that are
/// there. That alone would let a frame of empty strings grow 32-fold, so the memory of decoded
/// arrays has a budget besides: 8 times the frame and a base, at most 256 MiB. Real messages take 2
/// to 6 times their bytes; what is large in a large frame is record data, which is not copied.
///
///   unsigned varint  7 bits per byte, low group first, high bit = more follows; at most 5 bytes
///   string, bytes    int16 / int32 length, -1 = null; flexible: unsigned varint length + 1, 0 =
///                    null; a string has at most `kStringBytesMax` bytes
///   array            int32 count, -1 = null; flexible: unsigned varint count + 1, 0 = null
class Reader {
 public:
  /// Byte strings that are read share the ownership of `frame`.
  explicit Reader(SharedBytes frame)
      : frame_{std::move(frame)},
        limit_{frame_.size()},
        memory_left_{std::min(kMemoryMax, kMemoryBase + kMemoryPerByte * frame_.size())} {}

  [[nodiscard]] bool ok() const { return error_ == Errc{}; }
  [[nodiscard]] Errc error() const { return error_; }
  /// The field that was being read when the first failure came; for messages to humans.
  [[nodiscard]] std::string_view failed_field() const { return failed_field_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return limit_ - position_; }
  void fail(Errc error) {
    if (!ok()) return;
    error_ = error;
    failed_field_ = current_field_;
    position_ = limit_;
  }
  /// Says which field comes next, for `failed_field`. `name` must be a literal.
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

  /// Reads one tagged section:
  ///
  ///     unsigned varint    count of tags, then for each of them, tags ascending,
  ///     unsigned varint    tag
  ///     unsigned varint    size of the payload
  ///     size bytes         payload
  ///
  /// Calls `visit(tag)` with the reader limited to the payload; it answers whether it knows the
  /// tag. The payload of an unknown tag is skipped; a known one must be read to its end.
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
      const std::size_t outer_limit = std::exchange(limit_, position_ + size);
      if (visit(tag) && remaining() > 0) fail(Errc::trailing_bytes);
      position_ = ok() ? limit_ : outer_limit;
      limit_ = outer_limit;
    }
  }

 private:
  static constexpr std::size_t kMemoryBase = std::size_t{256} << 10;
  static constexpr std::size_t kMemoryPerByte = 8;
  static constexpr std::size_t kMemoryMax = std::size_t{256} << 20;

  std::int32_t checked_length(std::int64_t length, std::int64_t length_max);

  SharedBytes frame_;
  std::size_t position_ = 0;  // <= limit_
  std::size_t limit_;         // <= frame_.size(); less while the payload of a tag is read
  std::size_t memory_left_;
  Errc error_{};
  std::string_view current_field_;
  std::string_view failed_field_;
};

}  // namespace millrace::protocol
