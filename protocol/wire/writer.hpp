#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/base/types.hpp"

namespace millrace::protocol {

/// Byte strings of a chain shorter than this are copied into the message; longer pieces travel by
/// reference. A reference costs an entry in the gathered write, a copy 30 ns per KiB.
inline constexpr std::size_t kSpliceBytesMin = 1024;

/// One encoded message: bytes of our own with longer pieces of record data, in memory or in files,
/// spliced in between by reference, ready for one gathered write.
class EncodedMessage {
 public:
  struct Splice {
    std::size_t at;  // the piece follows own byte `at - 1`
    BytesChain::Link piece;
  };

  EncodedMessage() = default;
  EncodedMessage(std::vector<std::byte> own, std::vector<Splice> splices);

  /// Bytes on the wire.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Appends the pieces in wire order to `out`; they stay valid as long as this object.
  void gather(std::vector<Piece>& out) const;
  /// All bytes copied together; for tests and messages without records in files.
  [[nodiscard]] std::vector<std::byte> flatten() const;

 private:
  std::vector<std::byte> own_;
  std::vector<Splice> splices_;  // ascending `at`
  std::size_t size_ = 0;
};

/// Counts what a `Writer` will write. The two share the walker, so they cannot disagree; the writer
/// checks that they did not.
class Sizer {
 public:
  template <class Int>
  void integer(Int) {
    own_ += sizeof(Int);
  }
  void unsigned_varint(std::uint32_t value) { own_ += varint_size(value); }
  void uuid(const Uuid&) { own_ += 16; }
  void raw(Bytes bytes) { own_ += bytes.size(); }
  void piece(const SharedBytes& bytes) {
    (bytes.size() < kSpliceBytesMin ? own_ : spliced_) += bytes.size();
  }
  void piece(const FileRange& range) { spliced_ += range.size; }
  [[nodiscard]] std::size_t own() const { return own_; }
  [[nodiscard]] std::size_t total() const { return own_ + spliced_; }

  static constexpr std::size_t varint_size(std::uint32_t value) {
    std::size_t size = 1;
    while (value >= 0x80) {
      value >>= 7;
      ++size;
    }
    return size;
  }

 private:
  std::size_t own_ = 0;
  std::size_t spliced_ = 0;
};

/// Writes wire primitives into a buffer of exactly the size that a `Sizer` found.
class Writer {
 public:
  explicit Writer(std::size_t own_bytes) : own_(own_bytes) {}

  template <class Int>
  void integer(Int value) {
    store_be(claim(sizeof(Int)), value);
  }
  void unsigned_varint(std::uint32_t value) {
    std::byte* to = claim(Sizer::varint_size(value));
    while (value >= 0x80) {
      *to++ = static_cast<std::byte>((value & 0x7f) | 0x80);
      value >>= 7;
    }
    *to = static_cast<std::byte>(value);
  }
  void uuid(const Uuid& id) { raw(std::as_bytes(std::span{id.bytes})); }
  void raw(Bytes bytes) {
    std::byte* to = claim(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  /// Copies short bytes, refers to long ones.
  void piece(const SharedBytes& bytes) {
    if (bytes.size() < kSpliceBytesMin) {
      raw(bytes.view());
    } else {
      splices_.push_back({position_, bytes});
    }
  }
  /// Refers to it, however short.
  void piece(const FileRange& range) { splices_.push_back({position_, range}); }
  [[nodiscard]] EncodedMessage finish() && {
    ENSURE(position_ == own_.size());
    return {std::move(own_), std::move(splices_)};
  }

 private:
  std::byte* claim(std::size_t count) {
    ENSURE(count <= own_.size() - position_);
    std::byte* const at = own_.data() + position_;
    position_ += count;
    return at;
  }

  std::vector<std::byte> own_;
  std::vector<EncodedMessage::Splice> splices_;
  std::size_t position_ = 0;
};

}  // namespace millrace::protocol
