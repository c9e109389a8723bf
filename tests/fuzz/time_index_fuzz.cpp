// A sound log with any bytes in its .timeindex files: a lookup by time never invents a record,
// never gives one that is too early or too old, and reads are not touched by it.

#include <cstdint>

#include "tests/fuzz/sound_log.hpp"

namespace millrace::log::fuzz {
namespace {

class NoDamage final : public DamageSink {
  void damaged(const Damage&) override { ENSURE(false); }
};

void run(Bytes bytes) {
  static const SoundLog sound;
  if (bytes.empty()) return;
  const auto choice = std::to_integer<unsigned>(bytes[0]);
  auto files = sound.files;
  int segment = 0;
  for (auto& [name, contents] : files) {
    if (!name.ends_with(kTimeIndexSuffix)) continue;
    if ((choice & 1U << segment++) != 0) contents.assign(bytes.begin() + 1, bytes.end());
  }
  if ((choice & 0x80) != 0) files.erase(std::string{kRecoveryPointFile});
  sim::MemoryFiles disk;
  put_all(disk, files);
  NoDamage damage;
  auto opened = PartitionLog::open(disk, kFolder, SoundLog::config(), SoundLog::kNow, damage);
  ENSURE(opened.has_value());
  const auto& log = *opened->log;
  ENSURE(log.log_end() == Offset{SoundLog::kBatches});
  const auto holds = [&](const TimestampOffset& found) {
    const auto i = static_cast<std::size_t>(found.offset.value);
    return i < sound.times.size() && sound.times[i] == found.timestamp;
  };
  for (int i = -1; i < 13; ++i) {
    const Timestamp wanted{SoundLog::kNow.value + 10 * i};
    const auto found = log.find_by_time(wanted, log.log_end());
    ENSURE(found.has_value());
    if (!*found) continue;
    ENSURE(holds(**found));
    ENSURE((*found)->timestamp >= wanted);
  }
  const auto newest = log.max_timestamp(log.log_end());
  ENSURE(newest.has_value());
  ENSURE(!*newest || holds(**newest));
  const auto got = log.read({Offset{5}, log.log_end(), 1, true});
  ENSURE(got.has_value());
  ENSURE(opened->log->close().has_value());
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
