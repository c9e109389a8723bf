#include "broker/replica/high_watermarks.hpp"

#include <algorithm>

#include "log/small_file.hpp"

namespace millrace::broker {
namespace {

constexpr std::uint32_t kTag = 0x4d485731;  // "MHW1"
constexpr std::size_t kEntryBytes = 28;

}  // namespace

Result<void> save_high_watermarks(log::Files& files, const std::filesystem::path& directory,
                                  const HighWatermarks& offsets) {
  log::SmallFileWriter file{kTag};
  file.put(static_cast<std::uint32_t>(offsets.size()));
  for (const auto& [place, offset] : offsets) {
    for (const std::uint8_t byte : place.topic.bytes) file.put(byte);
    file.put(place.index.value);
    file.put(offset.value);
  }
  return files.write_atomically(directory / kHighWatermarksFile, std::move(file).finish());
}

HighWatermarks load_high_watermarks(log::Files& files, const std::filesystem::path& directory) {
  HighWatermarks offsets;
  const auto bytes = files.read_if_there(directory / kHighWatermarksFile);
  if (!bytes || !*bytes) return offsets;
  auto reader = log::SmallFileReader::open(**bytes, kTag);
  std::uint32_t count = 0;
  if (!reader || !reader->take(count) || reader->left() != count * kEntryBytes) return {};
  for (std::uint32_t i = 0; i < count; ++i) {
    replication::PartitionPlace place;
    Offset offset;
    bool whole = true;
    for (std::uint8_t& byte : place.topic.bytes) whole = reader->take(byte) && whole;
    whole = reader->take(place.index.value) && reader->take(offset.value) && whole;
    if (!whole || offset < Offset{0}) return {};
    offsets.emplace(place, offset);
  }
  return offsets;
}

}  // namespace millrace::broker
