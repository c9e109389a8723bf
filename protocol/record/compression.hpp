#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch.hpp"

// How the records section of a batch is compressed:
//   gzip    RFC 1952, one or more members
//   snappy  a stream of 16 bytes (82 'SNAPPY' 00, two version numbers that nobody agrees on) and
//           then, again and again, an int32 length and a raw block; or one raw block and nothing
//           else. Both are read, the stream is written (32 KiB of input per block).
//   lz4     one LZ4 frame of independent blocks; written with 64 KiB blocks and no checksums
//   zstd    one or more frames
namespace millrace::protocol {

/// Memory to decompress into, kept between uses so that a reader of many batches allocates once.
/// Grows with what really comes out, never by what compressed data claims. Not thread-safe.
class DecompressionBuffer {
 public:
  /// What the last `decompress_into` produced; valid until the next one.
  [[nodiscard]] Bytes bytes() const { return {memory_.get(), size_}; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Forgets the content and gives back the memory if there is more than `capacity_max` of it.
  void clear(std::size_t capacity_max);

  // For the decoders: room behind the content, growing it, and taking some of it into the content.
  [[nodiscard]] MutableBytes room() { return {memory_.get() + size_, capacity_ - size_}; }
  void commit(std::size_t count) { size_ += count; }
  /// Makes room for at least `count` more bytes, at least doubling, but never beyond `size_max`
  /// in all unless `count` asks for it.
  void reserve_more(std::size_t count, std::size_t size_max);

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

/// Decompresses the whole of `compressed` and returns a view into `buffer`, or of `compressed`
/// itself for `Codec::none`. Stops with `decompressed_too_large` as soon as more than `bytes_max`
/// would come out. `decompression_failed`: damaged, incomplete or followed by something else.
/// `unsupported_codec`: not one of the five.
[[nodiscard]] Result<Bytes> decompress_into(DecompressionBuffer& buffer, Codec codec,
                                            Bytes compressed, std::size_t bytes_max);

/// The same into memory of its own.
[[nodiscard]] Result<std::vector<std::byte>> decompress(Codec codec, Bytes compressed,
                                                        std::size_t bytes_max);

/// LZ4 as old message sets (magic 0) have it: their writers computed the header checksum wrongly,
/// so it is not looked at.
[[nodiscard]] Result<std::vector<std::byte>> decompress_lz4_of_magic0(Bytes compressed,
                                                                      std::size_t bytes_max);

/// Compresses with Kafka's level numbers: gzip 1 to 9, lz4 1 to 17 (9 is the fast default, as in
/// the reference client), zstd -131072 to 22; without one, or with gzip -1, the codec's default.
/// A level outside the range is taken as its nearest end. Snappy has no levels.
[[nodiscard]] Result<std::vector<std::byte>> compress(Codec codec, Bytes plain,
                                                      std::optional<int> level = std::nullopt);

}  // namespace millrace::protocol
