#include <lz4frame.h>
#include <lz4hc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "protocol/base/ensure.hpp"
#include "protocol/record/codecs.hpp"

// The frame's head, little-endian:
//   0  magic  uint32  0x184D2204
//   4  FLG    uint8   bits 7-6 version (01), 5 blocks are independent, 4 block checksums,
//                     3 content size present, 2 content checksum, 0 dictionary id present
//   5  BD     uint8   bits 6-4 largest block: 4 is 64 KiB
//   .  size   uint64  if announced
//   .  HC     uint8   checksum of FLG to here
namespace millrace::protocol::codecs {
namespace {

constexpr std::uint32_t kFrameMagic = 0x184d2204;
constexpr std::size_t kFlagsPosition = 4;
constexpr unsigned kBlocksIndependent = 0x20;
constexpr unsigned kHasContentSize = 0x08;
constexpr unsigned kHasDictionary = 0x01;
constexpr std::size_t kHeadBytesMin = 7;

class FrameReader {
 public:
  FrameReader() {
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)))
      throw std::bad_alloc{};
  }
  ~FrameReader() { LZ4F_freeDecompressionContext(context_); }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  LZ4F_dctx* fresh() {
    LZ4F_resetDecompressionContext(context_);
    return context_;
  }

 private:
  LZ4F_dctx* context_ = nullptr;
};

// The reference client reads neither linked blocks nor dictionaries: a batch that has them would
// be stored here and be unreadable there.
bool head_acceptable(Bytes compressed) {
  if (compressed.size() < kHeadBytesMin) return false;
  const auto flags = std::to_integer<unsigned>(compressed[kFlagsPosition]);
  return std::byteswap(load_be<std::uint32_t>(compressed.data())) == kFrameMagic &&
         (flags & kBlocksIndependent) != 0 && (flags & kHasDictionary) == 0;
}

// `head` comes first and `compressed` behind it, as one frame.
Result<void> read_frame(DecompressionBuffer& buffer, Bytes head, Bytes compressed,
                        std::size_t bytes_max) {
  thread_local FrameReader reader;
  LZ4F_dctx* const context = reader.fresh();
  for (;;) {
    Bytes& input = head.empty() ? compressed : head;
    const MutableBytes room = room_for_more(buffer, compressed.size(), bytes_max);
    std::size_t out = room.size();
    std::size_t in = input.size();
    const std::size_t hint =
        LZ4F_decompress(context, room.data(), &out, input.data(), &in, nullptr);
    if (LZ4F_isError(hint)) return Errc::decompression_failed;
    buffer.commit(out);
    if (buffer.bytes().size() > bytes_max) return Errc::decompressed_too_large;
    input = input.subspan(in);
    if (hint == 0) break;
    if (in == 0 && out == 0) return Errc::decompression_failed;  // it ends before the frame does
  }
  if (!head.empty() || !compressed.empty()) return Errc::decompression_failed;
  return {};
}

}  // namespace

Result<void> unlz4(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max) {
  if (!head_acceptable(compressed)) return Errc::decompression_failed;
  return read_frame(buffer, {}, compressed, bytes_max);
}

Result<void> unlz4_ignoring_header_checksum(DecompressionBuffer& buffer, Bytes compressed,
                                            std::size_t bytes_max) {
  if (!head_acceptable(compressed)) return Errc::decompression_failed;
  const auto flags = std::to_integer<unsigned>(compressed[kFlagsPosition]);
  const std::size_t head_size = kHeadBytesMin + ((flags & kHasContentSize) != 0 ? 8 : 0);
  if (compressed.size() < head_size) return Errc::decompression_failed;
  std::array<std::byte, kHeadBytesMin + 8> memory{};
  const MutableBytes head{memory.data(), head_size};
  std::ranges::copy(compressed.first(head_size), head.begin());
  // The library insists on the checksum and does not tell it, but a byte has only so many values.
  thread_local FrameReader prober;
  for (unsigned checksum = 0; checksum < 256; ++checksum) {
    head.back() = static_cast<std::byte>(checksum);
    LZ4F_frameInfo_t info{};
    std::size_t in = head.size();
    if (!LZ4F_isError(LZ4F_getFrameInfo(prober.fresh(), &info, head.data(), &in)))
      return read_frame(buffer, head, compressed.subspan(head_size), bytes_max);
  }
  return Errc::decompression_failed;
}

Compressed lz4(Bytes plain, std::optional<int> level) {
  // Kafka's level 9 is its default and means the fast compressor; all others mean the slow one.
  constexpr int kKafkaDefault = 9;
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  if (level && *level != kKafkaDefault)
    preferences.compressionLevel = std::clamp(*level, LZ4HC_CLEVEL_MIN, LZ4HC_CLEVEL_MAX);
  std::vector<std::byte> compressed(LZ4F_compressFrameBound(plain.size(), &preferences));
  const std::size_t size = LZ4F_compressFrame(compressed.data(), compressed.size(), plain.data(),
                                              plain.size(), &preferences);
  if (LZ4F_isError(size)) return Errc::compression_failed;
  compressed.resize(size);
  return compressed;
}

}  // namespace millrace::protocol::codecs
