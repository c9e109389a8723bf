#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "protocol/base/bytes.hpp"

namespace millrace::broker {

/// Cuts what a connection receives into frames without copying them: a frame is a slice of the
/// memory that the socket wrote to, and keeps it alive. Memory grows with the bytes that arrived,
/// never with a size that was only claimed. Not thread-safe; owned by one session.
class FrameBuffer {
 public:
  enum class Error {
    none,
    negative_size,
    too_large,
  };

  /// `frame_bytes_max`: largest size field that is accepted.
  explicit FrameBuffer(std::size_t frame_bytes_max) : frame_bytes_max_{frame_bytes_max} {}

  /// Where to receive next: not empty, as long as every whole frame was taken by `next` or thrown
  /// away. Valid until the next call of any method.
  MutableBytes space();
  /// `count` bytes were received into `space()`.
  void received(std::size_t count);
  /// The next whole frame, without its size field; nothing while it is incomplete or after an
  /// error.
  std::optional<SharedBytes> next();
  /// Throws away what is pending, for a connection that is only read to keep it from being reset.
  void discard() { begin_ = end_; }

  /// Sticks once a size field was not acceptable: the stream cannot be cut any more.
  [[nodiscard]] Error error() const { return error_; }
  /// What is there and was not given out, for a look at what a stranger sent.
  [[nodiscard]] Bytes pending() const { return {memory_.get() + begin_, end_ - begin_}; }
  /// A frame has begun and is not complete.
  [[nodiscard]] bool mid_frame() const { return end_ > begin_; }

 private:
  static constexpr std::size_t kCapacityMin = 4 * 1024;
  static constexpr std::size_t kCapacityMax = 256 * 1024;
  static constexpr std::size_t kSpaceMin = 1024;

  [[nodiscard]] bool is_ours_alone() const;
  void make_room(std::size_t capacity);

  std::size_t frame_bytes_max_;
  std::shared_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // begin_ <= end_ <= capacity_
  std::size_t end_ = 0;
  std::size_t wanted_capacity_ = kCapacityMin;  // doubles while the peer fills what it gets
  Error error_ = Error::none;
};

}  // namespace millrace::broker
