// How fast is a log verified after a crash whose checkpoint lies far behind, and how fast is the
// checksum alone?
//
// A log that was synced and never got a checkpoint is opened: every byte of it is read and
// verified, its indexes and producer states are built anew. The limit is one thread that reads the
// same files 1 MiB at a time and computes the CRC-32C of what it read; both find the files in
// memory. The limit of the CRC-32C is reading memory: looking for a byte that is not there.
//
// Estimate: reading from the page cache takes 100 us for each MiB, the CRC 20 to 40, the headers of
// 64 batches another 10: half a second for 4 GiB, and 1.2 times the limit. The CRC runs at the
// speed of memory.
//
// MILLRACE_BENCH_DIR: where to put the log (the current directory). MILLRACE_QUICK=1: a quarter.

#include <fcntl.h>
#include <fmt/format.h>

#include <span>

#include "log/partition_log.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "protocol/record/builder.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/table.hpp"

namespace {

using namespace millrace;
using namespace millrace::bench;
using SteadyClock = std::chrono::steady_clock;

constexpr Timestamp kStart{1'700'000'000'000};
constexpr int kRounds = 5;
const std::uint64_t log_bytes = (is_quick() ? 256 : 1024) * kMiB;

std::uint64_t unused = 0;  // keeps the work from being optimised away

/// The best of several rounds, in seconds: what disturbs only adds.
template <class Work>
double best(Work work) {
  double shortest = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = SteadyClock::now();
    work();
    shortest = std::min(shortest, seconds_since(start));
  }
  return shortest;
}

void measure_crc(std::size_t bytes, const char* where) {
  const std::vector<std::uint64_t> memory(bytes / sizeof(std::uint64_t), 0x0123456789abcdefU);
  const auto view = std::as_bytes(std::span{memory});
  const std::size_t times = 512 * kMiB / bytes;
  const auto per_second = [&](auto work) {
    return static_cast<double>(bytes * times) / 1e9 / best([&] {
             for (std::size_t i = 0; i < times; ++i) unused += work();
           });
  };
  volatile int absent = 0xaa;  // read each time, or the compiler would look only once
  const double look = per_second([&] {
    return static_cast<std::uint64_t>(std::memchr(view.data(), absent, bytes) != nullptr);
  });
  const double crc =
      per_second([&] { return protocol::crc32c(view, static_cast<std::uint32_t>(unused)); });
  print_row(fmt::format("CRC-32C of {}", where), crc, look, "GB/s");
}

class Sink final : public log::DamageSink {
 public:
  void damaged(const log::Damage&) override { ENSURE(false); }
};

log::OpenedLog open_log(log::Files& files, const std::filesystem::path& dir) {
  Sink sink;
  log::LogConfig config;
  config.segment_bytes = 256 * kMiB;
  auto opened = log::PartitionLog::open(files, dir, config, kStart, sink);
  ENSURE(opened.has_value());
  return *std::move(opened);
}

/// A log with everything synced, left as a crash leaves it.
void fill(log::Files& files, const std::filesystem::path& dir) {
  protocol::BatchBuilder builder{{.codec = protocol::Codec::none}};
  const std::string value(1000, 'v');
  for (int i = 0; i < 16; ++i) builder.add(kStart, std::nullopt, as_bytes(value));
  const auto batch = builder.build().value();
  const auto log = open_log(files, dir).log;
  for (std::uint64_t done = 0; done < log_bytes; done += batch.size()) {
    ENSURE(log->append(batch, LeaderEpoch{1}, std::nullopt).has_value());
    if (log->buffered_bytes() > kMiB) ENSURE(log->write().has_value());
  }
  ENSURE(log->sync_now().has_value());
}

void read_and_sum(const std::filesystem::path& dir) {
  std::vector<std::byte> memory(kMiB);
  for (const auto& entry : std::filesystem::directory_iterator{dir}) {
    if (entry.path().extension() != ".log") continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    std::uint32_t crc = 0;
    for (ssize_t got = 0; (got = ::read(file, memory.data(), memory.size())) > 0;)
      crc = protocol::crc32c(Bytes{memory.data(), static_cast<std::size_t>(got)}, crc);
    unused += crc;
    ::close(file);
  }
}

void measure_recovery() {
  const Scratch scratch;
  const auto dir = scratch.path() / "log-0";
  log::PosixFiles files;
  fill(files, dir);
  const double gigabytes = static_cast<double>(log_bytes) / 1e9;
  const double limit = best([&] { read_and_sum(dir); });
  const double ours = best([&] {
    const auto opened = open_log(files, dir);
    ENSURE(opened.report.scanned_bytes >= log_bytes);
  });
  print_row("recovery, the checkpoint at the beginning", ours * 1e3 / gigabytes,
            limit * 1e3 / gigabytes, "ms/GB");
}

}  // namespace

int main() {
  print_head();
  measure_crc(256 * kMiB, "memory");
  measure_crc(16 << 10, "16 KiB in a cache");
  measure_recovery();
  if (unused == 1) std::puts("");
  return 0;
}
