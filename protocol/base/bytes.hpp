#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/base/file_range.hpp"

namespace millrace {

/// A view of bytes that somebody else owns.
using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Big-endian integers at a place that the caller has checked to hold them.
template <class Int>
[[nodiscard]] Int load_be(const std::byte* from) {
  using Unsigned = std::make_unsigned_t<Int>;
  Unsigned value = 0;
  std::memcpy(&value, from, sizeof value);
  if constexpr (sizeof(Int) > 1) value = std::byteswap(value);
  return static_cast<Int>(value);
}

template <class Int>
void store_be(std::byte* to, Int v) {
  auto value = static_cast<std::make_unsigned_t<Int>>(v);
  if constexpr (sizeof(Int) > 1) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

/// Immutable bytes with shared ownership: a view that keeps what it looks at alive. Copying costs a
/// reference count; `slice` shares the same memory. Safe to hand from thread to thread.
class SharedBytes {
 public:
  SharedBytes() = default;
  /// `view` must lie in memory that `owner` keeps alive.
  SharedBytes(std::shared_ptr<const void> owner, Bytes view)
      : owner_{std::move(owner)}, view_{view} {}

  /// Own memory with a copy of `bytes`.
  static SharedBytes copy_of(Bytes bytes) {
    auto memory = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
    if (!bytes.empty()) std::memcpy(memory.get(), bytes.data(), bytes.size());
    const Bytes view{memory.get(), bytes.size()};
    return {std::move(memory), view};
  }
  /// Takes over `bytes` without a copy.
  static SharedBytes from(std::vector<std::byte> bytes) {
    auto memory = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    const Bytes view{*memory};
    return {std::move(memory), view};
  }

  [[nodiscard]] Bytes view() const { return view_; }
  [[nodiscard]] const std::byte* data() const { return view_.data(); }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] bool empty() const { return view_.empty(); }
  /// Bytes `from` to `from + count` of this, sharing the memory. The range must lie inside.
  [[nodiscard]] SharedBytes slice(std::size_t from, std::size_t count) const {
    return {owner_, view_.subspan(from, count)};
  }

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
  }

 private:
  std::shared_ptr<const void> owner_;
  Bytes view_;
};

/// One part of what a connection is to send: bytes in memory, or bytes of a file. A view: what it
/// looks at stays with its owner.
class Piece {
 public:
  Piece(Bytes bytes) : bytes_{bytes} {}  // NOLINT: bytes are a piece
  explicit Piece(const FileRange& range) : file_{&range} {}
  [[nodiscard]] std::size_t size() const { return file_ ? file_->size : bytes_.size(); }
  /// Empty when the piece is in a file.
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  /// Null when the piece is in memory.
  [[nodiscard]] const FileRange* file() const { return file_; }

 private:
  Bytes bytes_;
  const FileRange* file_ = nullptr;
};

/// Pieces of shared bytes, and of files, that follow one another on the wire, so that record
/// batches go from the tail cache or from their file to the socket without being copied together.
class BytesChain {
 public:
  using Link = std::variant<SharedBytes, FileRange>;

  BytesChain() = default;
  explicit BytesChain(SharedBytes piece) { append(std::move(piece)); }
  explicit BytesChain(FileRange range) { append(std::move(range)); }

  void append(SharedBytes piece) {
    if (piece.empty()) return;
    size_ += piece.size();
    links_.emplace_back(std::move(piece));
  }
  void append(FileRange range) {
    if (range.size == 0) return;
    size_ += range.size;
    links_.emplace_back(std::move(range));
  }
  [[nodiscard]] const std::vector<Link>& links() const { return links_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// All pieces copied into one, those in files read; for tests, texts and small payloads. What a
  /// file does not give is left out.
  [[nodiscard]] std::vector<std::byte> flatten() const {
    std::vector<std::byte> all;
    all.reserve(size_);
    for (const auto& link : links_) {
      if (const auto* const bytes = std::get_if<SharedBytes>(&link)) {
        all.insert(all.end(), bytes->view().begin(), bytes->view().end());
        continue;
      }
      const auto& range = std::get<FileRange>(link);
      const std::size_t before = all.size();
      all.resize(before + range.size);
      const auto got = range.file->read_at(std::span{all}.subspan(before), range.position);
      all.resize(before + (got ? *got : 0));
    }
    return all;
  }
  /// Equal when the bytes are equal, however they are cut into pieces.
  friend bool operator==(const BytesChain& a, const BytesChain& b) {
    return a.size_ == b.size_ && a.flatten() == b.flatten();
  }

 private:
  std::vector<Link> links_;
  std::size_t size_ = 0;
};

}  // namespace millrace
