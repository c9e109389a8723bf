#include "broker/frame_buffer.hpp"

#include <catch2/catch.hpp>

#include "protocol/base/rng.hpp"

namespace millrace::broker {
namespace {

std::vector<std::byte> frame_of(std::size_t size, std::uint8_t fill) {
  std::vector<std::byte> bytes(4 + size, static_cast<std::byte>(fill));
  store_be(bytes.data(), static_cast<std::int32_t>(size));
  return bytes;
}

bool is_all(Bytes bytes, std::byte value) {
  return std::ranges::all_of(bytes, [value](std::byte b) { return b == value; });
}

/// Feeds `bytes` in one go, as far as the buffer takes them.
std::size_t feed(FrameBuffer& buffer, Bytes bytes) {
  const auto space = buffer.space();
  const std::size_t count = std::min(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), count);
  buffer.received(count);
  return count;
}

TEST_CASE("frame buffer: frames come out whole and in order, however the bytes arrive",
          "[broker][net]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SeededRng rng{seed};
    FrameBuffer buffer{1 << 20};
    std::vector<std::byte> stream;
    std::vector<std::size_t> sizes;
    for (std::uint8_t i = 0; i < 20; ++i) {
      sizes.push_back(rng.chance(1, 5) ? rng.below(400'000) : rng.below(3'000));
      const auto frame = frame_of(sizes.back(), i);
      stream.insert(stream.end(), frame.begin(), frame.end());
    }
    std::vector<SharedBytes> held;  // keeps memory busy, as requests in progress do
    std::size_t fed = 0;
    std::size_t seen = 0;
    while (seen < sizes.size()) {
      const std::size_t chunk = 1 + rng.below(70'000);
      fed += feed(buffer, Bytes{stream}.subspan(fed, std::min(chunk, stream.size() - fed)));
      while (auto frame = buffer.next()) {
        REQUIRE(seen < sizes.size());
        REQUIRE(frame->size() == sizes[seen]);
        REQUIRE(is_all(frame->view(), static_cast<std::byte>(seen)));
        if (rng.chance(1, 2)) held.push_back(*frame);
        ++seen;
      }
    }
    REQUIRE(fed == stream.size());
    REQUIRE_FALSE(buffer.mid_frame());
  }
}

TEST_CASE("frame buffer: a frame that is held keeps its bytes while more is received",
          "[broker][net]") {
  FrameBuffer buffer{1 << 20};
  feed(buffer, frame_of(100, 7));
  const auto held = buffer.next();
  REQUIRE(held);
  for (int i = 0; i < 1000; ++i) {
    feed(buffer, frame_of(200, 9));
    while (buffer.next()) {
    }
  }
  REQUIRE(is_all(held->view(), std::byte{7}));
}

TEST_CASE("frame buffer: a size is refused when negative or above the bound, and stays refused",
          "[broker][net]") {
  const auto size_field = [](std::int32_t size) {
    std::vector<std::byte> bytes(4);
    store_be(bytes.data(), size);
    return bytes;
  };
  FrameBuffer negative{1000};
  feed(negative, size_field(-1));
  REQUIRE_FALSE(negative.next());
  REQUIRE(negative.error() == FrameBuffer::Error::negative_size);

  FrameBuffer large{1000};
  feed(large, size_field(1001));
  REQUIRE_FALSE(large.next());
  REQUIRE(large.error() == FrameBuffer::Error::too_large);
  REQUIRE_FALSE(large.next());

  FrameBuffer just_right{1000};
  feed(just_right, frame_of(1000, 1));
  REQUIRE(just_right.next());
}

TEST_CASE("frame buffer: memory grows with what arrived, not with what was claimed",
          "[broker][net]") {
  FrameBuffer buffer{100 << 20};
  std::vector<std::byte> bytes(4);
  store_be(bytes.data(), std::int32_t{100 << 20});
  feed(buffer, bytes);
  REQUIRE_FALSE(buffer.next());
  REQUIRE(buffer.space().size() <= 256 * 1024);
}

TEST_CASE("frame buffer: the memory of a large frame is let go of when it is done",
          "[broker][net]") {
  FrameBuffer buffer{100 << 20};
  const auto large = frame_of(5 << 20, 1);
  for (std::size_t fed = 0; fed < large.size();) fed += feed(buffer, Bytes{large}.subspan(fed));
  REQUIRE(buffer.next());
  REQUIRE_FALSE(buffer.next());
  CHECK(buffer.space().size() <= 256 * 1024);
}

TEST_CASE("frame buffer: there is space again when what nobody took is thrown away",
          "[broker][net]") {
  FrameBuffer buffer{1 << 20};
  const auto frame = frame_of(60, 1);
  while (!buffer.space().empty()) feed(buffer, frame);  // whole frames up to the brim
  buffer.discard();
  CHECK_FALSE(buffer.mid_frame());
  CHECK_FALSE(buffer.space().empty());
  feed(buffer, frame);
  const auto next = buffer.next();
  REQUIRE(next);
  CHECK(is_all(next->view(), std::byte{1}));
}

}  // namespace
}  // namespace millrace::broker
