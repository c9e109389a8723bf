#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

namespace millrace::clients {

/// Cuts the byte stream from a broker into frames. The frames are slices of the memory that was
/// read into, so large answers are never copied. Reading is somebody else's:
///
///   const auto n = co_await connection.read_some(frames.room());
///   frames.commit(*n);
///   while (true) { auto frame = frames.next(); ... }
class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_bytes_max) : frame_bytes_max_{frame_bytes_max} {}

  /// Where to read to next; never empty. At the latest after a whole frame is there, `next` must
  /// have taken it.
  [[nodiscard]] MutableBytes room();
  void commit(std::size_t count);
  /// The next frame without its size field; nothing when more must be read. `bad_length` when the
  /// size is negative or above the bound: the stream cannot be followed any further.
  [[nodiscard]] Result<std::optional<SharedBytes>> next();

 private:
  /// Moves what is unread to the front of a chunk with space for `wanted` bytes.
  void make_room(std::size_t wanted);

  std::size_t frame_bytes_max_;
  std::shared_ptr<std::byte[]> chunk_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // begin_ <= end_ <= capacity_; unread bytes lie between
  std::size_t end_ = 0;
};

}  // namespace millrace::clients
