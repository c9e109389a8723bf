#include <zlib.h>

#include <algorithm>

#include "protocol/base/ensure.hpp"
#include "protocol/record/codecs.hpp"

namespace millrace::protocol::codecs {
namespace {

constexpr int kGzipWindow = 15 + 16;      // zlib: the largest window, in gzip's wrapping
constexpr std::size_t kHeaderBytes = 18;  // of an RFC 1952 member, with its trailer
constexpr std::size_t kStepMax = std::size_t{1} << 30;  // zlib counts in unsigned int

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw std::bad_alloc{};
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& fresh() {
    ENSURE(inflateReset2(&stream_, kGzipWindow) == Z_OK);
    return stream_;
  }

 private:
  z_stream stream_{};
};

class Deflater {
 public:
  Deflater() {
    constexpr int kMemoryDefault = 8;
    if (deflateInit2(&stream_, level_, Z_DEFLATED, kGzipWindow, kMemoryDefault,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc{};
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  z_stream& fresh(int level) {
    ENSURE(deflateReset(&stream_) == Z_OK);
    if (level != level_) {
      ENSURE(deflateParams(&stream_, level, Z_DEFAULT_STRATEGY) == Z_OK);
      level_ = level;
    }
    return stream_;
  }

 private:
  z_stream stream_{};
  int level_ = Z_DEFAULT_COMPRESSION;
};

unsigned char* zlib_bytes(const std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes));
}

}  // namespace

Result<void> gunzip(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max) {
  thread_local Inflater inflater;
  if (compressed.empty()) return Errc::decompression_failed;
  while (!compressed.empty()) {  // one round per member
    z_stream& stream = inflater.fresh();
    for (int outcome = Z_OK; outcome != Z_STREAM_END;) {
      const MutableBytes room = room_for_more(buffer, compressed.size(), bytes_max);
      const std::size_t in = std::min(compressed.size(), kStepMax);
      const std::size_t out = std::min(room.size(), kStepMax);
      stream.next_in = zlib_bytes(compressed.data());
      stream.avail_in = static_cast<uInt>(in);
      stream.next_out = zlib_bytes(room.data());
      stream.avail_out = static_cast<uInt>(out);
      outcome = inflate(&stream, Z_NO_FLUSH);
      // No progress with room to write into (Z_BUF_ERROR) means that the input ended too early.
      if (outcome != Z_OK && outcome != Z_STREAM_END) return Errc::decompression_failed;
      buffer.commit(out - stream.avail_out);
      compressed = compressed.subspan(in - stream.avail_in);
      if (buffer.bytes().size() > bytes_max) return Errc::decompressed_too_large;
    }
  }
  return {};
}

Compressed gzip(Bytes plain, std::optional<int> level) {
  thread_local Deflater deflater;
  const int zlib_level =
      !level || *level < 0 ? Z_DEFAULT_COMPRESSION : std::clamp(*level, 1, Z_BEST_COMPRESSION);
  z_stream& stream = deflater.fresh(zlib_level);
  std::vector<std::byte> compressed(deflateBound(&stream, plain.size()) + kHeaderBytes);
  std::size_t size = 0;
  for (int outcome = Z_OK; outcome != Z_STREAM_END;) {
    const std::size_t in = std::min(plain.size(), kStepMax);
    const std::size_t out = std::min(compressed.size() - size, kStepMax);
    stream.next_in = zlib_bytes(plain.data());
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = zlib_bytes(compressed.data() + size);
    stream.avail_out = static_cast<uInt>(out);
    outcome = deflate(&stream, in == plain.size() ? Z_FINISH : Z_NO_FLUSH);
    if (outcome != Z_OK && outcome != Z_STREAM_END) return Errc::compression_failed;
    plain = plain.subspan(in - stream.avail_in);
    size += out - stream.avail_out;
  }
  compressed.resize(size);
  return compressed;
}

}  // namespace millrace::protocol::codecs
