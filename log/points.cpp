#include "log/points.hpp"

#include <algorithm>

#include "log/small_file.hpp"

namespace millrace::log {
namespace {

constexpr std::uint32_t kRecoveryPointTag = 0x4d525032;  // "MRP2"
constexpr std::uint32_t kLogStartTag = 0x4d4c5331;       // "MLS1"
constexpr std::uint32_t kSyncPointTag = 0x4d535031;      // "MSP1"
constexpr std::uint32_t kCleanerPointTag = 0x4d435032;   // "MCP2"
constexpr std::uint32_t kSwapListTag = 0x4d435331;       // "MCS1"
constexpr std::uint32_t kJournalFloorTag = 0x4d4a4631;   // "MJF1"
constexpr std::uint32_t kGapPointTag = 0x4d475031;       // "MGP1"

constexpr std::size_t kSegmentTimeBytes = 32;

}  // namespace

std::vector<std::byte> RecoveryPoint::encode() const {
  SmallFileWriter file{kRecoveryPointTag};
  file.put(offset.value);
  file.put(segment_base.value);
  file.put(position);
  file.put(static_cast<std::uint32_t>(times.size()));
  for (const SegmentTime& time : times) {
    file.put(time.base.value);
    file.put(time.bytes);
    file.put(time.newest.value);
    file.put(time.newest_batch.value);
  }
  return std::move(file).finish();
}

const RecoveryPoint::SegmentTime* RecoveryPoint::time_of(Offset base, std::uint64_t bytes) const {
  const auto found = std::ranges::find(times, base, &SegmentTime::base);
  return found != times.end() && found->bytes == bytes ? &*found : nullptr;
}

Result<RecoveryPoint> RecoveryPoint::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kRecoveryPointTag);
  if (!reader) return reader.error();
  RecoveryPoint point;
  std::uint32_t count = 0;
  if (!reader->take(point.offset.value) || !reader->take(point.segment_base.value) ||
      !reader->take(point.position) || !reader->take(count) ||
      reader->left() != count * kSegmentTimeBytes)
    return Errc::corrupt_file;
  for (std::uint32_t i = 0; i < count; ++i) {
    SegmentTime time;
    if (!reader->take(time.base.value) || !reader->take(time.bytes) ||
        !reader->take(time.newest.value) || !reader->take(time.newest_batch.value))
      return Errc::corrupt_file;
    point.times.push_back(time);
  }
  return point;
}

std::vector<std::byte> LogStart::encode() const {
  SmallFileWriter file{kLogStartTag};
  file.put(start.value);
  file.put(static_cast<std::uint8_t>(has_gaps));
  return std::move(file).finish();
}

Result<LogStart> LogStart::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kLogStartTag);
  if (!reader) return reader.error();
  LogStart start;
  std::uint8_t has_gaps = 0;
  if (!reader->take(start.start.value) || !reader->take(has_gaps) || reader->left() != 0)
    return Errc::corrupt_file;
  start.has_gaps = has_gaps != 0;
  return start;
}

std::vector<std::byte> SyncPoint::encode() const {
  SmallFileWriter file{kSyncPointTag};
  file.put(offset.value);
  return std::move(file).finish();
}

Result<SyncPoint> SyncPoint::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kSyncPointTag);
  if (!reader) return reader.error();
  SyncPoint point;
  if (!reader->take(point.offset.value) || reader->left() != 0) return Errc::corrupt_file;
  return point;
}

std::vector<std::byte> CleanerPoint::encode() const {
  SmallFileWriter file{kCleanerPointTag};
  file.put(first_dirty.value);
  file.put(gaps_below.value);
  return std::move(file).finish();
}

Result<CleanerPoint> CleanerPoint::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kCleanerPointTag);
  if (!reader) return reader.error();
  CleanerPoint point;
  if (!reader->take(point.first_dirty.value) || !reader->take(point.gaps_below.value) ||
      reader->left() != 0)
    return Errc::corrupt_file;
  return point;
}

std::vector<std::byte> SwapList::encode() const {
  SmallFileWriter file{kSwapListTag};
  file.put(static_cast<std::uint32_t>(outputs.size()));
  for (const Output& output : outputs) {
    file.put(output.base.value);
    file.put(output.bytes);
  }
  file.put(static_cast<std::uint32_t>(sources.size()));
  for (const Offset source : sources) file.put(source.value);
  return std::move(file).finish();
}

Result<SwapList> SwapList::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kSwapListTag);
  if (!reader) return reader.error();
  SwapList list;
  std::uint32_t count = 0;
  if (!reader->take(count) || count > reader->left() / 16) return Errc::corrupt_file;
  list.outputs.resize(count);
  for (Output& output : list.outputs)
    if (!reader->take(output.base.value) || !reader->take(output.bytes)) return Errc::corrupt_file;
  if (!reader->take(count) || count > reader->left() / 8) return Errc::corrupt_file;
  list.sources.resize(count);
  for (Offset& source : list.sources)
    if (!reader->take(source.value)) return Errc::corrupt_file;
  if (reader->left() != 0) return Errc::corrupt_file;
  return list;
}

std::vector<std::byte> JournalFloor::encode() const {
  SmallFileWriter file{kJournalFloorTag};
  file.put(at.life);
  file.put(at.sequence);
  file.put(at.index);
  return std::move(file).finish();
}

Result<JournalFloor> JournalFloor::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kJournalFloorTag);
  if (!reader) return reader.error();
  JournalFloor floor;
  if (!reader->take(floor.at.life) || !reader->take(floor.at.sequence) ||
      !reader->take(floor.at.index) || reader->left() != 0)
    return Errc::corrupt_file;
  return floor;
}

std::vector<std::byte> GapPoint::encode() const {
  SmallFileWriter file{kGapPointTag};
  file.put(offset.value);
  return std::move(file).finish();
}

Result<GapPoint> GapPoint::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kGapPointTag);
  if (!reader) return reader.error();
  GapPoint point;
  if (!reader->take(point.offset.value) || reader->left() != 0) return Errc::corrupt_file;
  return point;
}

}  // namespace millrace::log
