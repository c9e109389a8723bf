#include "protocol/wire/reader.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace millrace::protocol {

std::uint32_t Reader::unsigned_varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const auto byte = integer<std::uint8_t>();
    if (!ok()) return 0;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      if (value > 0xffffffffULL) break;
      return static_cast<std::uint32_t>(value);
    }
  }
  fail(Errc::bad_varint);
  return 0;
}

Uuid Reader::uuid() {
  Uuid id;
  const Bytes bytes = take(id.bytes.size());
  if (ok()) std::memcpy(id.bytes.data(), bytes.data(), id.bytes.size());
  return id;
}

std::int32_t Reader::checked_length(std::int64_t length, std::int64_t length_max) {
  if (!ok()) return -1;
  if (length < -1 || length > length_max) {
    fail(Errc::bad_length);
    return -1;
  }
  if (length > static_cast<std::int64_t>(remaining())) {
    fail(Errc::truncated);
    return -1;
  }
  return static_cast<std::int32_t>(length);
}

std::int32_t Reader::string_length(bool flexible) {
  return checked_length(
      flexible ? std::int64_t{unsigned_varint()} - 1 : std::int64_t{integer<std::int16_t>()},
      kStringBytesMax);
}

std::int32_t Reader::bytes_length(bool flexible) {
  return checked_length(
      flexible ? std::int64_t{unsigned_varint()} - 1 : std::int64_t{integer<std::int32_t>()},
      std::numeric_limits<std::int32_t>::max());
}

std::int32_t Reader::array_count(bool flexible, std::size_t element_bytes_min,
                                 std::size_t element_memory) {
  const std::int64_t count =
      flexible ? std::int64_t{unsigned_varint()} - 1 : std::int64_t{integer<std::int32_t>()};
  if (!ok()) return -1;
  if (count < -1 || count > std::numeric_limits<std::int32_t>::max()) {
    fail(Errc::bad_length);
    return -1;
  }
  if (count <= 0) return static_cast<std::int32_t>(count);
  const auto wanted = static_cast<std::size_t>(count);
  if (wanted > remaining() / std::max<std::size_t>(element_bytes_min, 1)) {
    fail(Errc::truncated);
    return -1;
  }
  if (wanted > memory_left_ / element_memory) {
    fail(Errc::bad_length);
    return -1;
  }
  memory_left_ -= wanted * element_memory;
  return static_cast<std::int32_t>(count);
}

}  // namespace millrace::protocol
