#include "broker/frame_buffer.hpp"

#include <algorithm>
#include <atomic>

#include "protocol/base/ensure.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::broker {

using protocol::kFrameSizeBytes;

/// No frame in this memory is looked at any more. The fence orders the last look, perhaps on
/// another thread, before what is received next.
bool FrameBuffer::is_ours_alone() const {
  if (!memory_ || memory_.use_count() != 1) return false;
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

/// Moves what is pending to the front of memory that nobody else looks at.
void FrameBuffer::make_room(std::size_t capacity) {
  const std::size_t have = end_ - begin_;
  const bool reusable = is_ours_alone() && capacity_ >= capacity;
  if (reusable) {
    if (have > 0) std::memmove(memory_.get(), memory_.get() + begin_, have);
  } else {
    auto memory = std::make_shared_for_overwrite<std::byte[]>(capacity);
    if (have > 0) std::memcpy(memory.get(), memory_.get() + begin_, have);
    memory_ = std::move(memory);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = have;
}

MutableBytes FrameBuffer::space() {
  const std::size_t have = end_ - begin_;
  if (have == 0) {
    // What one large frame needed is not kept for the life of the connection.
    if (capacity_ > kCapacityMax) {
      memory_.reset();
      begin_ = end_ = capacity_ = 0;
    } else if (is_ours_alone()) {
      begin_ = end_ = 0;
    }
  }
  std::size_t needed = have + kSpaceMin;
  if (have >= kFrameSizeBytes) {
    const auto size = load_be<std::uint32_t>(memory_.get() + begin_);
    // A large frame gets twice what has arrived of it, so that its claim alone costs nothing.
    needed = std::min(kFrameSizeBytes + std::size_t{size}, std::max(2 * have, kCapacityMax));
  }
  if (memory_ == nullptr || needed > capacity_ - begin_) {
    make_room(std::max(needed, wanted_capacity_));
  }
  return {memory_.get() + end_, capacity_ - end_};
}

void FrameBuffer::received(std::size_t count) {
  ENSURE(count <= capacity_ - end_);
  end_ += count;
  if (end_ == capacity_) wanted_capacity_ = std::min(wanted_capacity_ * 2, kCapacityMax);
}

std::optional<SharedBytes> FrameBuffer::next() {
  const std::size_t have = end_ - begin_;
  if (error_ != Error::none || have < kFrameSizeBytes) return std::nullopt;
  const auto size = load_be<std::int32_t>(memory_.get() + begin_);
  if (size < 0) {
    error_ = Error::negative_size;
    return std::nullopt;
  }
  if (static_cast<std::size_t>(size) > frame_bytes_max_) {
    error_ = Error::too_large;
    return std::nullopt;
  }
  const std::size_t whole = kFrameSizeBytes + static_cast<std::size_t>(size);
  if (have < whole) return std::nullopt;
  const Bytes frame{memory_.get() + begin_ + kFrameSizeBytes, static_cast<std::size_t>(size)};
  begin_ += whole;
  return SharedBytes{memory_, frame};
}

}  // namespace millrace::broker
