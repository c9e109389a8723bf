#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

#include "protocol/record/codecs.hpp"

namespace millrace::protocol::codecs {
namespace {

// A context grows with the window of what it worked on, up to 128 MiB, and never shrinks by itself.
constexpr std::size_t kContextBytesKept = std::size_t{8} << 20;

struct FreeReader {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct FreeWriter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// A thread's context for one use. Made when there is none and dropped after a use that bloated it.
template <class Context, class Free, Context* (*create)(), std::size_t (*size_of)(const Context*)>
class Lease {
 public:
  Lease() {
    if (kept()) return;
    kept().reset(create());
    if (!kept()) throw std::bad_alloc{};
  }
  ~Lease() {
    if (size_of(kept().get()) > kContextBytesKept) kept().reset();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  [[nodiscard]] Context* get() const { return kept().get(); }

 private:
  static std::unique_ptr<Context, Free>& kept() {
    thread_local std::unique_ptr<Context, Free> context;
    return context;
  }
};

using ReaderLease = Lease<ZSTD_DCtx, FreeReader, ZSTD_createDCtx, ZSTD_sizeof_DCtx>;
using WriterLease = Lease<ZSTD_CCtx, FreeWriter, ZSTD_createCCtx, ZSTD_sizeof_CCtx>;

}  // namespace

Result<void> unzstd(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max) {
  const ReaderLease lease;
  ZSTD_DCtx* const context = lease.get();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
  if (compressed.empty()) return Errc::decompression_failed;
  for (;;) {
    const MutableBytes room = room_for_more(buffer, in.size - in.pos, bytes_max);
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const std::size_t before = in.pos;
    const std::size_t hint = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(hint)) return Errc::decompression_failed;
    buffer.commit(out.pos);
    if (buffer.bytes().size() > bytes_max) return Errc::decompressed_too_large;
    if (hint == 0 && in.pos == in.size) return {};  // the end of a frame and of the input
    if (out.pos == 0 && in.pos == before) return Errc::decompression_failed;  // it ends too early
  }
}

Compressed zstd(Bytes plain, std::optional<int> level) {
  const WriterLease lease;
  ZSTD_CCtx* const context = lease.get();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  const int zstd_level =
      level ? std::clamp(*level, ZSTD_minCLevel(), ZSTD_maxCLevel()) : ZSTD_defaultCLevel();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, zstd_level);
  std::vector<std::byte> compressed(ZSTD_compressBound(plain.size()));
  const std::size_t size =
      ZSTD_compress2(context, compressed.data(), compressed.size(), plain.data(), plain.size());
  if (ZSTD_isError(size)) return Errc::compression_failed;
  compressed.resize(size);
  return compressed;
}

}  // namespace millrace::protocol::codecs
