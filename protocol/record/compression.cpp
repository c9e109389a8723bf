#include "protocol/record/compression.hpp"

#include <algorithm>

#include "protocol/record/codecs.hpp"

namespace millrace::protocol {
namespace {

constexpr std::size_t kFirstRoomBytes = std::size_t{16} << 10;

Result<void> decompress_with(DecompressionBuffer& buffer, Codec codec, Bytes compressed,
                             std::size_t bytes_max) {
  switch (codec) {
    case Codec::none:
      break;
    case Codec::gzip:
      return codecs::gunzip(buffer, compressed, bytes_max);
    case Codec::snappy:
      return codecs::unsnappy(buffer, compressed, bytes_max);
    case Codec::lz4:
      return codecs::unlz4(buffer, compressed, bytes_max);
    case Codec::zstd:
      return codecs::unzstd(buffer, compressed, bytes_max);
  }
  return Errc::unsupported_codec;
}

std::vector<std::byte> copy_of(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

MutableBytes codecs::room_for_more(DecompressionBuffer& buffer, std::size_t compressed_left,
                                   std::size_t bytes_max) {
  // A first guess at the whole, so that typical batches are done in one go; then by doubling.
  constexpr std::size_t kTypicalRatio = 4;
  if (buffer.room().empty()) {
    const std::size_t size_max = bytes_max + 1;
    const std::size_t left = size_max - buffer.bytes().size();
    const std::size_t guess = buffer.bytes().empty() ? compressed_left * kTypicalRatio : 1;
    buffer.reserve_more(std::clamp<std::size_t>(guess, 1, left), size_max);
  }
  const std::size_t left = bytes_max + 1 - buffer.bytes().size();
  return buffer.room().first(std::min(buffer.room().size(), left));
}

void DecompressionBuffer::clear(std::size_t capacity_max) {
  size_ = 0;
  if (capacity_ <= capacity_max) return;
  memory_.reset();
  capacity_ = 0;
}

void DecompressionBuffer::reserve_more(std::size_t count, std::size_t size_max) {
  if (capacity_ - size_ >= count) return;
  const std::size_t doubled = std::min(std::max(capacity_ * 2, kFirstRoomBytes), size_max);
  const std::size_t capacity = std::max(doubled, size_ + count);
  auto memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (size_ != 0) std::memcpy(memory.get(), memory_.get(), size_);
  memory_ = std::move(memory);
  capacity_ = capacity;
}

Result<Bytes> decompress_into(DecompressionBuffer& buffer, Codec codec, Bytes compressed,
                              std::size_t bytes_max) {
  if (codec == Codec::none) {
    if (compressed.size() > bytes_max) return Errc::decompressed_too_large;
    return compressed;
  }
  bytes_max = std::min(bytes_max, SIZE_MAX / 2);  // so that one more than it is a number
  buffer.clear(buffer.capacity());
  const auto done = decompress_with(buffer, codec, compressed, bytes_max);
  if (!done) return done.error();
  return buffer.bytes();
}

Result<std::vector<std::byte>> decompress(Codec codec, Bytes compressed, std::size_t bytes_max) {
  DecompressionBuffer buffer;
  const auto plain = decompress_into(buffer, codec, compressed, bytes_max);
  if (!plain) return plain.error();
  return copy_of(*plain);
}

Result<std::vector<std::byte>> decompress_lz4_of_magic0(Bytes compressed, std::size_t bytes_max) {
  DecompressionBuffer buffer;
  const auto done = codecs::unlz4_ignoring_header_checksum(buffer, compressed, bytes_max);
  if (!done) return done.error();
  return copy_of(buffer.bytes());
}

Result<std::vector<std::byte>> compress(Codec codec, Bytes plain, std::optional<int> level) {
  switch (codec) {
    case Codec::none:
      return copy_of(plain);
    case Codec::gzip:
      return codecs::gzip(plain, level);
    case Codec::snappy:
      return codecs::snappy(plain);
    case Codec::lz4:
      return codecs::lz4(plain, level);
    case Codec::zstd:
      return codecs::zstd(plain, level);
  }
  return Errc::unsupported_codec;
}

}  // namespace millrace::protocol
