#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "log/file_names.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "protocol/record/batch.hpp"
#include "tests/support/memory_files.hpp"

// What the fuzz targets of the log share: a folder made from the bytes of an input.
//
//   per file
//     0  which     uint8    low bits: the name, in the order of `kFuzzFiles`
//                           bit 7: put checksums right, so that the fuzzer gets past them
//     1  length    uint16   big-endian; more than there is counts as all there is
//     3  contents
//
// Of two files with one name the later stays.
namespace millrace::log::fuzz {

inline const std::filesystem::path kFolder{"/p-0"};

inline constexpr std::array<std::string_view, 16> kFuzzFiles{
    "00000000000000000000.log",
    "00000000000000000000.index",
    "00000000000000000000.timeindex",
    "00000000000000000004.log",
    "00000000000000000004.index",
    "00000000000000000004.timeindex",
    "00000000000000000008.log",
    "00000000000000000004.snapshot",
    "00000000000000000008.snapshot",
    "leader-epoch-checkpoint",
    "log-start",
    "recovery-point",
    "sync-point",
    "00000000000000000008.index",
    "cleaner-point",
    "compaction-swap",
};

/// Gives every batch of the run, as the length fields divide it, its magic and its checksum.
inline void seal_batches(MutableBytes bytes) {
  std::size_t at = 0;
  while (bytes.size() - at >= protocol::kBatchHeaderBytes) {
    const auto length = load_be<std::int32_t>(bytes.data() + at + 8);
    if (length <
        static_cast<std::int32_t>(protocol::kBatchHeaderBytes - protocol::kBatchOverheadBytes))
      return;
    const auto size = static_cast<std::size_t>(length) + protocol::kBatchOverheadBytes;
    if (size > bytes.size() - at) return;
    bytes[at + 16] = std::byte{protocol::kBatchMagic};
    store_be(bytes.data() + at + 17, protocol::crc32c(bytes.subspan(at + 21, size - 21)));
    at += size;
  }
}

/// Puts the checksum of a small file right.
inline void seal_small(MutableBytes bytes) {
  if (bytes.size() >= 8) store_be(bytes.data() + 4, protocol::crc32c(bytes.subspan(8)));
}

using FileMap = std::map<std::string, std::vector<std::byte>>;

inline FileMap files_of(Bytes input) {
  FileMap files;
  while (input.size() >= 3) {
    const auto which = std::to_integer<unsigned>(input[0]);
    const std::size_t length = std::min<std::size_t>(
        static_cast<std::size_t>(load_be<std::int16_t>(input.data() + 1)) & 0xffff,
        input.size() - 3);
    const std::string name{kFuzzFiles[(which & 0x7f) % kFuzzFiles.size()]};
    std::vector<std::byte> contents{input.begin() + 3,
                                    input.begin() + 3 + static_cast<std::ptrdiff_t>(length)};
    input = input.subspan(3 + length);
    if ((which & 0x80) != 0) {
      if (name.ends_with(kLogSuffix))
        seal_batches(contents);
      else if (!name.ends_with("index"))
        seal_small(contents);
    }
    files[name] = std::move(contents);
  }
  return files;
}

/// The other way round: one input that makes these files, with their checksums as they are.
inline std::vector<std::byte> input_of(const FileMap& files) {
  std::vector<std::byte> input;
  for (std::size_t i = 0; i < kFuzzFiles.size(); ++i) {
    const auto found = files.find(std::string{kFuzzFiles[i]});
    if (found == files.end() || found->second.size() > 0xffff) continue;
    const auto at = input.size();
    input.resize(at + 3);
    input[at] = static_cast<std::byte>(i);
    store_be(input.data() + at + 1, static_cast<std::uint16_t>(found->second.size()));
    input.insert(input.end(), found->second.begin(), found->second.end());
  }
  return input;
}

inline void put_all(sim::MemoryFiles& disk, const FileMap& files) {
  static_cast<void>(disk.create_directories(kFolder));
  for (const auto& [name, contents] : files) disk.put(kFolder / name, contents);
}

}  // namespace millrace::log::fuzz
