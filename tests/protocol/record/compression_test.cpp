#include "protocol/record/compression.hpp"

#include <zstd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/protocol/record/golden.hpp"
#include "tests/protocol/record/support.hpp"

namespace millrace::protocol {
namespace {

using test::bytes_of;
using test::from_hex;
using test::kCodecs;
using test::repeat;

constexpr std::size_t kPlenty = std::size_t{64} << 20;

std::vector<std::byte> joined(Bytes a, Bytes b) {
  std::vector<std::byte> both{a.begin(), a.end()};
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

/// A gigabyte of zeros in `codec`, put together from repeated pieces.
std::vector<std::byte> bomb(Codec codec) {
  constexpr std::size_t kPiece = std::size_t{16} << 20;
  constexpr std::size_t kRepeats = 64;
  const auto piece = compress(codec, std::vector<std::byte>(kPiece)).value();
  std::size_t head = 0;  // comes once, at the front
  std::size_t tail = 0;  // comes once, at the end
  if (codec == Codec::snappy) head = 16;
  if (codec == Codec::lz4) head = 7, tail = 4;
  const Bytes all{piece};
  const Bytes body = all.subspan(head, all.size() - head - tail);
  std::vector<std::byte> bytes{all.begin(), all.begin() + static_cast<std::ptrdiff_t>(head)};
  for (std::size_t i = 0; i < kRepeats; ++i) bytes.insert(bytes.end(), body.begin(), body.end());
  bytes.insert(bytes.end(), all.end() - static_cast<std::ptrdiff_t>(tail), all.end());
  return bytes;
}

TEST_CASE("compression: what goes in comes out, in every codec and size", "[protocol][record]") {
  SeededRng rng{5};
  for (const Codec codec : kCodecs)
    for (const std::size_t size :
         {0, 1, 15, 16, 17, 100, 32'767, 32'768, 32'769, 65'536, 65'537, 200'000, 1'000'000}) {
      CAPTURE(codec, size);
      const auto plain = test::random_bytes(rng, size);
      const auto compressed = compress(codec, plain).value();
      REQUIRE(decompress(codec, compressed, size).value() == plain);
      if (size > 0)
        REQUIRE(decompress(codec, compressed, size - 1).error() == Errc::decompressed_too_large);
    }
}

TEST_CASE("compression: every level of every codec can be read", "[protocol][record]") {
  SeededRng rng{6};
  const auto plain = test::random_bytes(rng, 70'000);
  for (const Codec codec : kCodecs)
    for (const int level : {-200'000, -5, -1, 0, 1, 3, 6, 9, 12, 17, 22, 1000}) {
      CAPTURE(codec, level);
      const auto compressed = compress(codec, plain, level).value();
      REQUIRE(decompress(codec, compressed, kPlenty).value() == plain);
    }
  const auto size = [&](Codec codec, int level) {
    return compress(codec, plain, level).value().size();
  };
  CHECK(size(Codec::gzip, 9) < size(Codec::gzip, 1));
  CHECK(size(Codec::lz4, 17) < size(Codec::lz4, 9));  // 9 is the fast default
  CHECK(size(Codec::zstd, 19) < size(Codec::zstd, -50));
}

TEST_CASE("compression: other implementations' streams are read", "[protocol][record]") {
  const auto digits = bytes_of(repeat("0123456789", 10'000));
  CHECK(decompress(Codec::gzip, from_hex(golden::kDigits_gzip), kPlenty).value() == digits);
  CHECK(decompress(Codec::lz4, from_hex(golden::kDigits_lz4), kPlenty).value() == digits);
  CHECK(decompress(Codec::snappy, from_hex(golden::kDigits_snappy_raw), kPlenty).value() == digits);
}

TEST_CASE("compression: one buffer serves many batches", "[protocol][record]") {
  SeededRng rng{7};
  DecompressionBuffer buffer;
  for (int i = 0; i < 200; ++i) {
    const Codec codec = kCodecs[rng.below(kCodecs.size())];
    const auto plain = test::random_bytes(rng, rng.below(50'000));
    const auto compressed = compress(codec, plain).value();
    const Bytes out = decompress_into(buffer, codec, compressed, kPlenty).value();
    REQUIRE(std::ranges::equal(out, plain));
  }
  buffer.clear(1000);
  CHECK(buffer.capacity() <= 1000);
  CHECK(buffer.bytes().empty());
}

TEST_CASE("compression: codecs are used from several threads at once", "[protocol][record]") {
  std::vector<std::thread> threads;
  std::array<bool, 4> good{};
  for (std::size_t t = 0; t < good.size(); ++t)
    threads.emplace_back([t, &good] {
      SeededRng rng{t};
      bool all = true;
      for (const Codec codec : kCodecs) {
        const auto plain = test::random_bytes(rng, 30'000);
        const auto compressed = compress(codec, plain);
        const auto back = decompress(codec, *compressed, kPlenty);
        all = all && back.has_value() && *back == plain;
      }
      good[t] = all;
    });
  for (auto& thread : threads) thread.join();
  CHECK(good == std::array<bool, 4>{true, true, true, true});
}

TEST_CASE("compression: a gigabyte from a megabyte stops at the bound with little memory",
          "[protocol][record]") {
  constexpr std::size_t kBound = 1'000'000;
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    CAPTURE(codec);
    const auto bytes = bomb(codec);
    DecompressionBuffer buffer;
    CHECK(decompress_into(buffer, codec, bytes, kBound).error() == Errc::decompressed_too_large);
    CHECK(buffer.capacity() <= kBound + 1);
  }
}

TEST_CASE("compression: sizes that are only claimed allocate nothing", "[protocol][record]") {
  DecompressionBuffer buffer;
  // A raw snappy block of four thousand million bytes, says its length.
  CHECK(decompress_into(buffer, Codec::snappy, from_hex("ffffffff0f0000"), SIZE_MAX).error() ==
        Errc::decompression_failed);
  CHECK(buffer.capacity() == 0);
  // A zstd frame whose header claims 2^40 bytes and holds one.
  auto frame = from_hex("28b52ffde0000000000001000009000061");
  const auto failed = decompress_into(buffer, Codec::zstd, frame, SIZE_MAX);
  CHECK(failed.has_error());
  CHECK(buffer.capacity() <= 64 * 1024);
}

TEST_CASE("compression: every cut of a stream is noticed", "[protocol][record]") {
  SeededRng rng{8};
  const auto plain = test::random_bytes(rng, 70'000);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    CAPTURE(codec);
    const auto compressed = compress(codec, plain).value();
    for (std::size_t size = 0; size < compressed.size();
         size += size < 100 || size + 100 > compressed.size() ? 1 : 97) {
      const auto result = decompress(codec, Bytes{compressed}.first(size), kPlenty);
      // A snappy stream may well end behind any of its blocks, the head included.
      if (codec == Codec::snappy && result) {
        REQUIRE(result->size() < plain.size());
        REQUIRE(result->size() % (32 * 1024) == 0);
        continue;
      }
      CAPTURE(size);
      REQUIRE(result.has_error());
      REQUIRE(result.error() == Errc::decompression_failed);
    }
  }
}

TEST_CASE("compression: flipped bits never make more than the bound", "[protocol][record]") {
  SeededRng rng{9};
  const auto plain = test::random_bytes(rng, 3'000);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    auto compressed = compress(codec, plain).value();
    for (std::size_t at = 0; at < compressed.size(); ++at) {
      const auto flip = static_cast<std::byte>(1 << rng.below(8));
      compressed[at] ^= flip;
      if (const auto result = decompress(codec, compressed, 4'000))
        REQUIRE(result->size() <= 4'000);
      compressed[at] ^= flip;
    }
    REQUIRE(decompress(codec, compressed, 4'000).value() == plain);
  }
}

TEST_CASE("compression: a codec without a name is refused", "[protocol][record]") {
  for (const int value : {5, 6, 7}) {
    CHECK(decompress(static_cast<Codec>(value), {}, 100).error() == Errc::unsupported_codec);
    CHECK(compress(static_cast<Codec>(value), {}).error() == Errc::unsupported_codec);
  }
}

TEST_CASE("gzip: members that follow one another are one stream", "[protocol][record]") {
  const auto both = joined(compress(Codec::gzip, as_bytes("first ")).value(),
                           compress(Codec::gzip, as_bytes("second")).value());
  CHECK(decompress(Codec::gzip, both, kPlenty).value() == bytes_of("first second"));
  const auto garbage = joined(both, as_bytes("garbage"));
  CHECK(decompress(Codec::gzip, garbage, kPlenty).error() == Errc::decompression_failed);
}

TEST_CASE("zstd: frames that follow one another are one stream", "[protocol][record]") {
  const auto both = joined(compress(Codec::zstd, as_bytes("first ")).value(),
                           compress(Codec::zstd, as_bytes("second")).value());
  CHECK(decompress(Codec::zstd, both, kPlenty).value() == bytes_of("first second"));
  const auto garbage = joined(both, as_bytes("garbage"));
  CHECK(decompress(Codec::zstd, garbage, kPlenty).error() == Errc::decompression_failed);
}

TEST_CASE("zstd: a frame that does not say its size is read", "[protocol][record]") {
  const auto plain = bytes_of(repeat("streamed ", 30'000));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  std::vector<std::byte> compressed(ZSTD_compressBound(plain.size()));
  ZSTD_outBuffer out{compressed.data(), compressed.size(), 0};
  for (std::size_t at = 0; at < plain.size(); at += 10'000) {
    ZSTD_inBuffer in{plain.data() + at, 10'000, 0};
    const bool last = at + 10'000 == plain.size();
    REQUIRE_FALSE(ZSTD_isError(
        ZSTD_compressStream2(context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue)));
  }
  ZSTD_freeCCtx(context);
  compressed.resize(out.pos);
  REQUIRE(ZSTD_getFrameContentSize(compressed.data(), compressed.size()) ==
          ZSTD_CONTENTSIZE_UNKNOWN);
  CHECK(decompress(Codec::zstd, compressed, kPlenty).value() == plain);
  CHECK(decompress(Codec::zstd, compressed, plain.size()).value() == plain);
  CHECK(decompress(Codec::zstd, compressed, plain.size() - 1).error() ==
        Errc::decompressed_too_large);
}

TEST_CASE("snappy: the stream format is written in blocks of 32 KiB", "[protocol][record]") {
  const auto compressed = compress(Codec::snappy, std::vector<std::byte>(70'000)).value();
  CHECK(std::ranges::equal(Bytes{compressed}.first(16),
                           from_hex("82534e41505059000000000100000001")));
  int blocks = 0;
  for (std::size_t at = 16; at < compressed.size(); ++blocks)
    at += 4 + load_be<std::uint32_t>(compressed.data() + at);
  CHECK(blocks == 3);
}

TEST_CASE("snappy: nobody cares how the stream's versions are written", "[protocol][record]") {
  auto compressed = compress(Codec::snappy, as_bytes("little-endian versions")).value();
  const auto swapped = from_hex("0100000001000000");
  std::ranges::copy(swapped, compressed.begin() + 8);
  CHECK(decompress(Codec::snappy, compressed, 100).value() == bytes_of("little-endian versions"));
}

TEST_CASE("snappy: a stream without a block is empty", "[protocol][record]") {
  const auto compressed = compress(Codec::snappy, {}).value();
  CHECK(compressed.size() == 16);
  CHECK(decompress(Codec::snappy, compressed, 0).value().empty());
}

TEST_CASE("snappy: a block length that leads outside is refused", "[protocol][record]") {
  auto compressed = compress(Codec::snappy, as_bytes("some text")).value();
  for (const std::uint32_t length : {0xffffffffU, 0x7fffffffU, 1000U, 12U}) {
    store_be(compressed.data() + 16, length);
    CHECK(decompress(Codec::snappy, compressed, kPlenty).error() == Errc::decompression_failed);
  }
}

TEST_CASE("lz4: the frame is the one that every reader takes", "[protocol][record]") {
  const auto compressed = compress(Codec::lz4, std::vector<std::byte>(200'000)).value();
  // magic; version 01, independent blocks, no checksums, no size; 64 KiB; header checksum
  CHECK(std::ranges::equal(Bytes{compressed}.first(7), from_hex("04224d18604082")));
  CHECK(std::ranges::equal(Bytes{compressed}.last(4), from_hex("00000000")));
}

TEST_CASE("lz4: linked blocks, dictionaries and second frames are refused", "[protocol][record]") {
  const auto frame = compress(Codec::lz4, as_bytes("text text text text")).value();
  const auto linked = from_hex("04224d184040c0040000806162616200000000");
  CHECK(decompress(Codec::lz4, linked, kPlenty).error() == Errc::decompression_failed);
  CHECK(decompress(Codec::lz4, joined(frame, frame), kPlenty).error() ==
        Errc::decompression_failed);
  CHECK(decompress(Codec::lz4, joined(frame, as_bytes("x")), kPlenty).error() ==
        Errc::decompression_failed);
  CHECK(decompress(Codec::lz4, as_bytes("not a frame at all"), kPlenty).error() ==
        Errc::decompression_failed);
}

TEST_CASE("lz4: the wrong header checksum of old writers is accepted only where asked for",
          "[protocol][record]") {
  const auto frame = from_hex(golden::kDigits_lz4_magic0);
  const auto digits = bytes_of(repeat("0123456789", 10'000));
  CHECK(decompress(Codec::lz4, frame, kPlenty).error() == Errc::decompression_failed);
  CHECK(decompress_lz4_of_magic0(frame, kPlenty).value() == digits);
  CHECK(decompress_lz4_of_magic0(frame, 99'999).error() == Errc::decompressed_too_large);
  CHECK(decompress_lz4_of_magic0(from_hex(golden::kDigits_lz4), kPlenty).value() == digits);
  for (std::size_t size = 0; size < frame.size(); ++size)
    REQUIRE(decompress_lz4_of_magic0(Bytes{frame}.first(size), kPlenty).error() ==
            Errc::decompression_failed);
}

}  // namespace
}  // namespace millrace::protocol
