#include <snappy.h>

#include <algorithm>
#include <array>

#include "protocol/record/codecs.hpp"

namespace millrace::protocol::codecs {
namespace {

// The stream format's head: a magic of 8 bytes and two version numbers, which some writers put in
// the wrong byte order and which therefore nobody checks.
constexpr std::array<std::uint8_t, 16> kStreamHead{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                   0,    0,   0,   1,   0,   0,   0,   1};
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kBlockLengthBytes = 4;
constexpr std::size_t kBlockInputBytes = std::size_t{32} << 10;

// The densest element of a raw block makes 64 bytes out of 3, so a block that claims more than
// that lies about its size.
constexpr std::size_t kExpansionMax = 22;

const char* chars(Bytes bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

Result<void> unpack_block(DecompressionBuffer& buffer, Bytes block, std::size_t bytes_max) {
  std::size_t size = 0;
  if (!::snappy::GetUncompressedLength(chars(block), block.size(), &size))
    return Errc::decompression_failed;
  if (size > block.size() * kExpansionMax) return Errc::decompression_failed;
  if (size > bytes_max - buffer.bytes().size()) return Errc::decompressed_too_large;
  buffer.reserve_more(size, bytes_max);
  auto* const to = reinterpret_cast<char*>(buffer.room().data());
  if (!::snappy::RawUncompress(chars(block), block.size(), to)) return Errc::decompression_failed;
  buffer.commit(size);
  return {};
}

// A raw block cannot begin like this: behind its length it would have to copy what is not there.
bool is_stream(Bytes compressed) {
  return compressed.size() >= kStreamHead.size() &&
         std::memcmp(compressed.data(), kStreamHead.data(), kMagicBytes) == 0;
}

}  // namespace

Result<void> unsnappy(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max) {
  if (!is_stream(compressed)) return unpack_block(buffer, compressed, bytes_max);
  compressed = compressed.subspan(kStreamHead.size());
  while (!compressed.empty()) {
    if (compressed.size() < kBlockLengthBytes) return Errc::decompression_failed;
    const auto length = load_be<std::uint32_t>(compressed.data());
    compressed = compressed.subspan(kBlockLengthBytes);
    if (length > compressed.size()) return Errc::decompression_failed;
    const auto done = unpack_block(buffer, compressed.first(length), bytes_max);
    if (!done) return done.error();
    compressed = compressed.subspan(length);
  }
  return {};
}

Compressed snappy(Bytes plain) {
  const std::size_t blocks = (plain.size() + kBlockInputBytes - 1) / kBlockInputBytes;
  const std::size_t block_max = ::snappy::MaxCompressedLength(kBlockInputBytes);
  std::vector<std::byte> compressed(kStreamHead.size() + blocks * (kBlockLengthBytes + block_max));
  std::memcpy(compressed.data(), kStreamHead.data(), kStreamHead.size());
  std::size_t size = kStreamHead.size();
  while (!plain.empty()) {
    const Bytes block = plain.first(std::min(plain.size(), kBlockInputBytes));
    std::size_t length = 0;
    auto* const to = reinterpret_cast<char*>(compressed.data() + size + kBlockLengthBytes);
    ::snappy::RawCompress(chars(block), block.size(), to, &length);
    store_be(compressed.data() + size, static_cast<std::uint32_t>(length));
    size += kBlockLengthBytes + length;
    plain = plain.subspan(block.size());
  }
  compressed.resize(size);
  return compressed;
}

}  // namespace millrace::protocol::codecs
