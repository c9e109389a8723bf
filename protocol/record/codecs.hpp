#pragma once

#include <optional>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/compression.hpp"

/// One pair of functions per compression library, behind compression.hpp and for it alone. The
/// decompressors append to `buffer` and keep its content within `bytes_max`; their errors are those
/// of `decompress_into`. Contexts of the libraries are kept per thread, since setting one up costs
/// more than a small batch.
namespace millrace::protocol::codecs {

using Compressed = Result<std::vector<std::byte>>;

Result<void> gunzip(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max);
Compressed gzip(Bytes plain, std::optional<int> level);

Result<void> unsnappy(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max);
Compressed snappy(Bytes plain);

Result<void> unlz4(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max);
Result<void> unlz4_ignoring_header_checksum(DecompressionBuffer& buffer, Bytes compressed,
                                            std::size_t bytes_max);
Compressed lz4(Bytes plain, std::optional<int> level);

Result<void> unzstd(DecompressionBuffer& buffer, Bytes compressed, std::size_t bytes_max);
Compressed zstd(Bytes plain, std::optional<int> level);

/// Room to decompress the next piece into: never empty, and so bounded that one byte too many can
/// still come out. `bytes_max` is passed once `buffer` holds more than that.
MutableBytes room_for_more(DecompressionBuffer& buffer, std::size_t compressed_left,
                           std::size_t bytes_max);

}  // namespace millrace::protocol::codecs
