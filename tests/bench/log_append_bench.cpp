// What does it cost to take produced batches into the log, next to what the machine asks for the
// same bytes?
//
// Closed loops of producers hand 16 KiB batches of sixteen records to a shard's partitions, drawn
// at random, as the produce handler does: validated, appended, written at the end of the turn,
// acknowledged when that is written (async) or on stable storage (sync). The limit of the CPU is
// one thread that copies the same bytes, computes their CRC-32C and writes them to as many files,
// as many batches for each turn; for sync it also calls fdatasync once for each file, in the end,
// which is less often than anybody could acknowledge. That of the speed is the same thread's, or,
// for sync, direct durable writes of 64 KiB, 16 in flight. Then small appends that wait to be
// durable, 1 KiB each, against direct durable writes of 4 KiB, as many in flight as there are
// writers.
//
// Estimate: copy, CRC and write(2) take 200 us for each MiB, most of it in the kernel. On top come
// a look at each record (1,000 a MiB at 20 ns) and some 64 turns of bookkeeping for each MiB and
// partition at 1 us: 1.3 times the limit. Sync adds the journal's copy or one fdatasync a turn.
// 64 writers share one write for each turn: more appends than the disk takes writes.
//
// usage: log_append_bench [small | PARTITIONS]    all rows, or those of one kind
//
// MILLRACE_BENCH_DIR: where to put the logs (the current directory). MILLRACE_QUICK=1: a quarter,
// and not 10,000 partitions.

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/uio.h>

#include <limits>

#include "protocol/base/rng.hpp"
#include "protocol/checksum/crc32c.hpp"
#include "protocol/record/builder.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/shard_stand.hpp"
#include "tests/bench/table.hpp"

namespace {

using namespace millrace;
using namespace millrace::bench;
using SteadyClock = std::chrono::steady_clock;

constexpr std::int16_t kProduceVersion = 9;
constexpr std::size_t kWindow = 64;          // batches that wait for their acknowledgement
constexpr std::size_t kOpenFilesMax = 7500;  // what the broker takes of 20,000 descriptors
const std::uint64_t round_bytes = (is_quick() ? 32 : 128) * kMiB;

/// Rounds with very many files take long, and vary little.
int rounds_of(std::size_t files) {
  return is_quick() || files > 1000 ? 1 : 5;
}

/// Batches as they lie in receive buffers.
std::vector<std::vector<std::byte>> make_batches(std::size_t records, std::size_t value_bytes) {
  std::vector<std::vector<std::byte>> batches;
  for (std::size_t i = 0; i < kWindow; ++i) {
    protocol::BatchBuilder builder{{.codec = protocol::Codec::none}};
    const std::string value(value_bytes, static_cast<char>('a' + i % 26));
    for (std::size_t r = 0; r < records; ++r)
      builder.add(SystemClock{}.wall(), std::nullopt, as_bytes(value));
    batches.push_back(builder.build().value());
  }
  return batches;
}

struct Outcome {
  std::uint64_t batches = 0;
  double seconds = 0;
  double cpu = 0;

  [[nodiscard]] double mib(std::uint64_t batch_bytes) const {
    return static_cast<double>(batches * batch_bytes) / static_cast<double>(kMiB);
  }
};

/// Producers in closed loops: each sends its next batch when the last one is acknowledged.
class Producers {
 public:
  Producers(ShardStand& stand, const ShardStand::Partitions& partitions,
            const std::vector<std::vector<std::byte>>& batches)
      : stand_{stand},
        partitions_{partitions},
        batches_{batches},
        done_{stand.scheduler().executor()} {}

  /// Until so many batches are acknowledged, or the time is over.
  Outcome run(std::size_t producers, std::uint64_t batches, std::chrono::nanoseconds time) {
    left_ = batches;
    ready_ = producers;
    done_.reset();
    const auto start = SteadyClock::now();
    end_ = start + time;
    const double cpu = cpu_of(RUSAGE_SELF);
    wake();
    stand_.run([](Producers& self) -> net::Awaitable<void> { co_await self.done_.wait(); }(*this));
    return {std::exchange(acknowledged_, 0), seconds_since(start), cpu_of(RUSAGE_SELF) - cpu};
  }

 private:
  /// Whoever is acknowledged in this turn sends in the next one.
  void wake() {
    if (std::exchange(awake_, true)) return;
    stand_.scheduler().post([this] {
      awake_ = false;
      if (SteadyClock::now() > end_) left_ = 0;
      for (auto ready = std::exchange(ready_, 0); ready > 0 && left_ > 0; --ready) send();
      if (left_ == 0 && out_ == 0) done_.set();
    });
  }
  void send() {
    --left_;
    ++out_;
    const auto& partition = partitions_[rng_.below(partitions_.size())];
    auto& shard = stand_.shard();
    const auto result =
        partition->produce(batches_[sent_++ % batches_.size()], kProduceVersion, shard.wall());
    ENSURE(result && result->error == protocol::ErrorCode::none);
    shard.appended(partition);
    partition->when_committed(result->end, Instant::max(), [this](protocol::ErrorCode error) {
      ENSURE(error == protocol::ErrorCode::none);
      --out_;
      ++ready_;
      ++acknowledged_;
      wake();
    });
  }

  ShardStand& stand_;
  const ShardStand::Partitions& partitions_;
  const std::vector<std::vector<std::byte>>& batches_;
  net::Event done_;
  SeededRng rng_{1};
  SteadyClock::time_point end_;
  std::uint64_t left_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::size_t ready_ = 0;
  std::size_t out_ = 0;
  bool awake_ = false;
};

/// The same bytes to as many files by hand: copy, CRC-32C, one gathered write for each file that a
/// turn touches.
class ByHand {
 public:
  ByHand(const std::filesystem::path& dir, std::size_t files) : dir_{dir / "by-hand"} {
    std::filesystem::create_directories(dir_);
    for (std::size_t i = 0; i < files; ++i) {
      files_.push_back(::open((dir_ / std::to_string(i)).c_str(),
                              O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644));
      ENSURE(files_.back() >= 0);
    }
  }
  ~ByHand() {
    for (const int file : files_) ::close(file);
    std::filesystem::remove_all(dir_);
  }
  ByHand(const ByHand&) = delete;
  ByHand& operator=(const ByHand&) = delete;

  /// `sync`: and one fdatasync of each file in the end.
  Outcome run(const std::vector<std::vector<std::byte>>& batches, std::uint64_t count, bool sync) {
    std::vector<std::byte> memory(kWindow * batches.front().size());
    std::vector<std::vector<iovec>> pieces(files_.size());
    std::vector<std::size_t> touched;
    const auto start = SteadyClock::now();
    const double cpu = cpu_of(RUSAGE_THREAD);
    std::uint64_t sent = 0;
    while (sent < count) {
      std::size_t used = 0;
      for (std::size_t i = 0; i < kWindow; ++i) {
        const auto& batch = batches[sent++ % batches.size()];
        std::memcpy(memory.data() + used, batch.data(), batch.size());
        checksum_ ^= protocol::crc32c(batch);
        const std::size_t file = rng_.below(files_.size());
        if (pieces[file].empty()) touched.push_back(file);
        pieces[file].push_back({memory.data() + used, batch.size()});
        used += batch.size();
      }
      for (const auto file : touched) {
        ENSURE(::writev(files_[file], pieces[file].data(), static_cast<int>(pieces[file].size())) >
               0);
        pieces[file].clear();
      }
      touched.clear();
    }
    if (sync)
      for (const int file : files_) ENSURE(::fdatasync(file) == 0);
    return {sent, seconds_since(start), cpu_of(RUSAGE_THREAD) - cpu};
  }

 private:
  std::filesystem::path dir_;
  std::vector<int> files_;
  SeededRng rng_{1};
  std::uint32_t checksum_ = 0;
};

struct Figures {
  double speed = 0;  // MiB a second
  double cpu = 0;    // us for each MiB
};

/// Rounds of one kind, behind one that only warms up.
template <class Round>
Figures measure(const std::filesystem::path& dir, std::uint64_t batch_bytes, int rounds,
                Round round) {
  std::vector<double> speed;
  std::vector<double> cpu;
  for (int i = 0; i <= rounds; ++i) {
    give_pages_back(dir);
    const Outcome outcome = round();
    if (i == 0) continue;
    const double mib = outcome.mib(batch_bytes);
    speed.push_back(mib / outcome.seconds);
    cpu.push_back(outcome.cpu * 1e6 / mib);
  }
  return {median(speed), median(cpu)};
}

/// What the machine takes for the same, without a broker.
struct Limits {
  std::size_t partitions = 0;
  Figures async;
  Figures sync;
};

Limits measure_limits(const std::filesystem::path& dir, std::size_t partition_count) {
  const auto batches = make_batches(16, 1000);
  const auto bytes = batches.front().size();
  const auto by_hand = [&](bool sync) {
    ByHand load{dir, partition_count};
    return measure(dir, bytes, rounds_of(partition_count),
                   [&] { return load.run(batches, round_bytes / bytes, sync); });
  };
  return {partition_count, by_hand(false), by_hand(true)};
}

void measure_throughput(ShardStand& stand, const std::filesystem::path& dir, const Limits& limits,
                        double durable_mib_per_second) {
  const std::size_t partition_count = limits.partitions;
  const auto batches = make_batches(16, 1000);
  const auto bytes = batches.front().size();
  const auto partitions = stand.create(fmt::format("appends-{}", partition_count), partition_count);
  for (const auto& partition : partitions) {  // so that there are files
    ENSURE(partition->produce(batches[0], kProduceVersion, SystemClock{}.wall()).has_value());
    partition->write();
  }
  const auto ours = [&](bool sync) {
    for (const auto& partition : partitions) {
      auto settings = partition->settings();
      settings.flush_sync = sync;
      partition->set_settings(std::move(settings));
    }
    Producers producers{stand, partitions, batches};
    return measure(dir, bytes, rounds_of(partition_count), [&] {
      return producers.run(kWindow, round_bytes / bytes, std::chrono::seconds{30});
    });
  };
  const auto async = ours(false);
  const auto sync = ours(true);
  stand.remove(partitions);
  const auto name = [&](const char* mode, const char* what) {
    return fmt::format("append {}, {} partition{}: {}", mode, partition_count,
                       partition_count == 1 ? "" : "s", what);
  };
  print_row(name("async", "speed"), async.speed, limits.async.speed, "MiB/s");
  print_row(name("async", "CPU"), async.cpu, limits.async.cpu, "us/MiB", at_most(1.5));
  print_row(name("sync", "speed"), sync.speed, durable_mib_per_second, "MiB/s");
  print_row(name("sync", "CPU"), sync.cpu, limits.sync.cpu, "us/MiB");
}

void measure_small(ShardStand& stand, const std::filesystem::path& dir, std::size_t producers,
                   std::size_t partition_count, Aim aim) {
  const auto batches = make_batches(1, 1000);
  const auto partitions =
      stand.create(fmt::format("small-{}-{}", producers, partition_count), partition_count);
  Producers load{stand, partitions, batches};
  constexpr auto kNoBound = std::numeric_limits<std::uint64_t>::max();
  load.run(producers, kNoBound, std::chrono::milliseconds{200});
  std::vector<double> rates;
  std::vector<double> limits;
  for (int i = 0; i < rounds_of(1); ++i) {
    limits.push_back(durable_writes(dir, producers, 4U << 10));
    const auto outcome = load.run(producers, kNoBound, std::chrono::milliseconds{1500});
    rates.push_back(static_cast<double>(outcome.batches) / outcome.seconds);
  }
  stand.remove(partitions);
  print_row(
      fmt::format("synced 1 KiB appends, {} writer{}, {} partition{}", producers,
                  producers == 1 ? "" : "s", partition_count, partition_count == 1 ? "" : "s"),
      median(rates), median(limits), "/s", aim);
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::warn);
  const std::string only = argc > 1 ? argv[1] : "";
  const Scratch scratch;
  const auto& dir = scratch.path();
  print_head();
  // First, because there are not enough descriptors for it beside the stand.
  std::vector<Limits> limits;
  for (const std::size_t partitions : {1U, 16U, 256U, 10'000U}) {
    if (is_quick() && only.empty() && partitions > 1000) continue;
    if (only.empty() || only == std::to_string(partitions))
      limits.push_back(measure_limits(dir, partitions));
  }
  ShardStand stand{dir / "data", kOpenFilesMax};
  if (only.empty() || only == "small") {
    measure_small(stand, dir, 1, 1, {});
    measure_small(stand, dir, 64, 1, {});
    measure_small(stand, dir, 64, 256, at_least(0.6));
  }
  const double durable = 64.0 / 1024 * durable_writes(dir, 16, 64U << 10);
  for (const auto& limit : limits) measure_throughput(stand, dir, limit, durable);
  return 0;
}
