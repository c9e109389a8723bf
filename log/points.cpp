#include "log/points.hpp"

#include "log/small_file.hpp"

namespace millrace::log {
namespace {

constexpr std::uint32_t kRecoveryPointTag = 0x4d525031;  // "MRP1"
constexpr std::uint32_t kLogStartTag = 0x4d4c5331;       // "MLS1"
constexpr std::uint32_t kSyncPointTag = 0x4d535031;      // "MSP1"

}  // namespace

std::vector<std::byte> RecoveryPoint::encode() const {
  SmallFileWriter file{kRecoveryPointTag};
  file.put(offset.value);
  file.put(segment_base.value);
  file.put(position);
  return std::move(file).finish();
}

Result<RecoveryPoint> RecoveryPoint::decode(Bytes file) {
  auto reader = SmallFileReader::open(file, kRecoveryPointTag);
  if (!reader) return reader.error();
  RecoveryPoint point;
  if (!reader->take(point.offset.value) || !reader->take(point.segment_base.value) ||
      !reader->take(point.position) || reader->left() != 0)
    return Errc::corrupt_file;
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

}  // namespace millrace::log
