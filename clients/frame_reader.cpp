#include "clients/frame_reader.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/base/ensure.hpp"
#include "protocol/errc.hpp"
#include "protocol/wire/frame.hpp"

namespace millrace::clients {

namespace {
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
/// With less room than this left, a fresh chunk is cheaper than many small reads.
constexpr std::size_t kRoomBytesMin = std::size_t{4} << 10;
}  // namespace

void FrameReader::make_room(std::size_t wanted) {
  const std::size_t unread = end_ - begin_;
  const std::size_t capacity = std::max(kChunkBytes, wanted);
  auto fresh = std::make_shared_for_overwrite<std::byte[]>(capacity);
  if (unread > 0) std::memcpy(fresh.get(), chunk_.get() + begin_, unread);
  chunk_ = std::move(fresh);
  capacity_ = capacity;
  begin_ = 0;
  end_ = unread;
}

MutableBytes FrameReader::room() {
  const std::size_t unread = end_ - begin_;
  std::size_t wanted = unread + kRoomBytesMin;
  if (unread >= protocol::kFrameSizeBytes) {
    const auto size = load_be<std::int32_t>(chunk_.get() + begin_);
    // A size out of bounds is told by `next`; here it must only not become an allocation.
    if (size >= 0 && static_cast<std::size_t>(size) <= frame_bytes_max_) {
      wanted = std::max(unread + 1, protocol::kFrameSizeBytes + static_cast<std::size_t>(size));
    }
  }
  if (begin_ + wanted > capacity_) make_room(wanted);
  return {chunk_.get() + end_, capacity_ - end_};
}

void FrameReader::commit(std::size_t count) {
  ENSURE(count <= capacity_ - end_);
  end_ += count;
}

Result<std::optional<SharedBytes>> FrameReader::next() {
  const std::size_t unread = end_ - begin_;
  if (unread < protocol::kFrameSizeBytes) return std::optional<SharedBytes>{};
  const auto size = load_be<std::int32_t>(chunk_.get() + begin_);
  if (size < 0 || static_cast<std::size_t>(size) > frame_bytes_max_) {
    return protocol::Errc::bad_length;
  }
  const auto whole = protocol::kFrameSizeBytes + static_cast<std::size_t>(size);
  if (unread < whole) return std::optional<SharedBytes>{};
  const Bytes view{chunk_.get() + begin_ + protocol::kFrameSizeBytes,
                   static_cast<std::size_t>(size)};
  begin_ += whole;
  return std::optional{SharedBytes{chunk_, view}};
}

}  // namespace millrace::clients
