#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "log/errc.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/checksum/crc32c.hpp"

// The frame of every small file of the log, big-endian:
//
//    0  tag     4 bytes  which file this is, and its version
//    4  CRC     uint32   CRC-32C of everything from byte 8 on
//    8  body
namespace millrace::log {

inline constexpr std::size_t kSmallFileHeaderBytes = 8;

/// Builds the bytes of a small file.
class SmallFileWriter {
 public:
  explicit SmallFileWriter(std::uint32_t tag) : bytes_(kSmallFileHeaderBytes) {
    store_be(bytes_.data(), tag);
  }
  template <class Int>
  void put(Int value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store_be(bytes_.data() + at, value);
  }
  [[nodiscard]] std::vector<std::byte> finish() && {
    store_be(bytes_.data() + 4, protocol::crc32c(Bytes{bytes_}.subspan(kSmallFileHeaderBytes)));
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads the body of a small file whose tag and checksum are right.
class SmallFileReader {
 public:
  /// `Errc::corrupt_file` when tag or checksum are not as they should be.
  static Result<SmallFileReader> open(Bytes file, std::uint32_t tag) {
    if (file.size() < kSmallFileHeaderBytes) return Errc::corrupt_file;
    const Bytes body = file.subspan(kSmallFileHeaderBytes);
    if (load_be<std::uint32_t>(file.data()) != tag) return Errc::corrupt_file;
    if (load_be<std::uint32_t>(file.data() + 4) != protocol::crc32c(body))
      return Errc::corrupt_file;
    return SmallFileReader{body};
  }
  /// Next integer; false, and 0 in `value`, when the body ends before it does.
  template <class Int>
  [[nodiscard]] bool take(Int& value) {
    value = {};
    if (rest_.size() < sizeof value) return false;
    value = load_be<Int>(rest_.data());
    rest_ = rest_.subspan(sizeof value);
    return true;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  explicit SmallFileReader(Bytes body) : rest_{body} {}
  Bytes rest_;
};

}  // namespace millrace::log
