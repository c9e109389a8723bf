// `debug log-dump` over a folder with any bytes in it: it ends, changes nothing, counts what it
// tells, and finds damage wherever recovery does.

#include <cstdint>

#include "log/inspect.hpp"
#include "log/partition_log.hpp"
#include "protocol/base/ensure.hpp"
#include "tests/fuzz/log_folder.hpp"
#include "tools/log_dump_print.hpp"

namespace millrace::log::fuzz {
namespace {

constexpr Timestamp kNow{1'700'000'000'000};
constexpr InspectOptions kAll{.records = true, .decompressed_bytes_max = 1 << 20};

class Count final : public DamageSink {
 public:
  void damaged(const Damage&) override { ++all; }
  int all = 0;
};

void run(Bytes bytes) {
  const auto input = files_of(bytes);
  sim::MemoryFiles disk;
  put_all(disk, input);
  std::uint64_t damages = 0;
  for (const bool json : {false, true}) {
    tools::StringSink text;
    tools::DumpPrinter printer{text, {.json = json, .bytes_max = 8}};
    const auto summary = inspect_folder(disk, kFolder, kAll, printer);
    ENSURE(summary.has_value());
    ENSURE(summary->files == input.size());
    printer.summary(*summary);
    ENSURE(!printer.finish());
    damages = summary->damages;
  }
  tools::StringSink text;
  tools::DumpPrinter printer{text, {}};
  for (const auto& [name, contents] : input) {
    const auto one = inspect_file(disk, kFolder / name, kAll, printer);
    ENSURE(one.has_value());
    ENSURE(disk.contents(kFolder / name) == contents);
  }
  Count recovery;
  const auto opened = PartitionLog::open(disk, kFolder, {}, kNow, recovery);
  if (opened && recovery.all > 0) ENSURE(damages > 0);
}

}  // namespace
}  // namespace millrace::log::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::log::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
