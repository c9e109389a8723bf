// A sound log with any bytes in its .index files: every read gives what the log holds all the same,
// because an entry is believed only where it leads to the batch that it names.

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
    if (!name.ends_with(kIndexSuffix)) continue;
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
  for (const auto batch : protocol::BatchRun{sound.batches}) {
    const auto got = log.read({batch.base_offset(), log.log_end(), 1, true});
    ENSURE(got.has_value());
    const auto read = got->batches.flatten();
    ENSURE(std::ranges::equal(read, batch.bytes()));
  }
  ENSURE(opened->log->close().has_value());
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
