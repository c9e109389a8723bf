// What does it cost to read a log, next to what the machine asks for the same bytes?
//
// Estimate: a tail read is one gathered write from memory, a warm read one `sendfile` with about
// twenty short system calls before it for each MiB (two searches of the index, two headers, a probe
// for every 128 KiB), so both should stay within a fifth of the bare calls. A cold read is as fast
// as the disk if enough is read ahead of it, and costs what the page cache asks for pages.
//
// MILLRACE_BENCH_DIR: where to put the log (the current directory). MILLRACE_LONG=1: 8 GiB of it,
// and cold alone. MILLRACE_QUICK=1: 256 MiB.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "broker/blocking.hpp"
#include "broker/sender.hpp"
#include "log/partition_log.hpp"
#include "log/posix_files.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "protocol/record/builder.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/table.hpp"

namespace {

using namespace millrace;
using namespace millrace::bench;

constexpr std::size_t kFetchBytes = kMiB;  // what consumers ask for by default
constexpr std::size_t kReadThreads = 4;
constexpr Timestamp kStart{1'700'000'000'000};

const bool is_long = std::getenv("MILLRACE_LONG") != nullptr;
const std::uint64_t log_bytes = (is_long ? 8192 : is_quick() ? 256 : 1024) * kMiB;

struct Cost {
  double mib_per_second = 0;
  double cpu_us_per_mib = 0;
};

/// Throws away what arrives at a socket, without copying it, on a thread of its own.
class Drain {
 public:
  explicit Drain(int socket) : thread_{[this, socket] { run(socket); }} {}
  /// Waits until the stream has ended; CPU seconds that took.
  double join() {
    thread_.join();
    return cpu_;
  }

 private:
  void run(int socket) {
    std::vector<std::byte> buffer(kMiB);
    while (::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC) > 0) continue;
    ::close(socket);
    cpu_ = cpu_of(RUSAGE_THREAD);
  }
  double cpu_ = 0;
  std::thread thread_;
};

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  ENSURE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

/// Runs `work` and tells what `bytes` cost; `everybody`: the CPU of all threads but the drain's.
template <class Work>
Cost measure(std::uint64_t bytes, bool everybody, Work work) {
  const int who = everybody ? RUSAGE_SELF : RUSAGE_THREAD;
  const double cpu = cpu_of(who);
  const auto start = std::chrono::steady_clock::now();
  const double drained = work();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double mib = static_cast<double>(bytes) / static_cast<double>(kMiB);
  const double used = cpu_of(who) - cpu - (everybody ? drained : 0);
  return {mib / took.count(), used * 1e6 / mib};
}

/// The median of some rounds of ours and of the machine's.
struct Rounds {
  void add(const Cost& ours, const Cost& limit) {
    speed.push_back(ours.mib_per_second);
    speed_limit.push_back(limit.mib_per_second);
    cpu.push_back(ours.cpu_us_per_mib);
    cpu_limit.push_back(limit.cpu_us_per_mib);
  }
  void print(const std::string& what, Aim speed_aim, Aim cpu_aim) const {
    print_row(what + ": speed", median(speed), median(speed_limit), "MiB/s", speed_aim);
    print_row(what + ": CPU", median(cpu), median(cpu_limit), "us/MiB", cpu_aim);
  }
  std::vector<double> speed;
  std::vector<double> speed_limit;
  std::vector<double> cpu;
  std::vector<double> cpu_limit;
};

// -- The machine's own limits --------------------------------------------------------------------

/// A pair of connected sockets of loopback, drained at the far end.
struct Loopback {
  Loopback() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ENSURE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    ENSURE(::listen(listener, 1) == 0);
    ENSURE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const int far = connect_to(ntohs(address.sin_port));
    near = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    drain.emplace(far);
  }
  double finish() {
    ::close(near);
    return drain->join();
  }
  int near = -1;
  std::optional<Drain> drain;
};

double send_files(const std::vector<std::filesystem::path>& files) {
  Loopback to;
  for (const auto& path : files) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    off_t position = 0;
    const auto size = static_cast<off_t>(std::filesystem::file_size(path));
    while (position < size) ENSURE(::sendfile(to.near, file, &position, kFetchBytes) > 0);
    ::close(file);
  }
  return to.finish();
}

double send_memory(std::uint64_t bytes) {
  Loopback to;
  const std::vector<std::byte> memory(4 * kMiB, std::byte{'m'});
  for (std::uint64_t sent = 0; sent < bytes;) {
    const auto count = ::send(to.near, memory.data() + sent % (3 * kMiB), kFetchBytes, 0);
    ENSURE(count > 0);
    sent += static_cast<std::uint64_t>(count);
  }
  return to.finish();
}

void drop_cache(const std::vector<std::filesystem::path>& files) {
  for (const auto& path : files) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ENSURE(::fdatasync(file) == 0);
    ENSURE(::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    ::close(file);
  }
}

/// Everything once, past the page cache, with as many reads under way as the broker has threads.
double read_directly(const std::vector<std::filesystem::path>& files) {
  for (const auto& path : files) {
    const int file = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    ENSURE(file >= 0);
    std::atomic<std::uint64_t> next = 0;
    const auto size = std::filesystem::file_size(path);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kReadThreads; ++i) {
      threads.emplace_back([&] {
        void* const memory = std::aligned_alloc(4096, kMiB);
        for (auto at = next.fetch_add(kMiB); at < size; at = next.fetch_add(kMiB))
          ENSURE(::pread(file, memory, kMiB, static_cast<off_t>(at)) > 0);
        std::free(memory);
      });
    }
    threads.clear();
    ::close(file);
  }
  return 0;
}

// -- The log -------------------------------------------------------------------------------------

std::vector<std::byte> batch_of(std::size_t bytes) {
  protocol::BatchBuilder builder{{.codec = protocol::Codec::none}};
  const std::string value(1000, 'v');
  for (std::size_t i = 0; i * 1010 < bytes; ++i)
    builder.add(Timestamp{kStart.value + static_cast<std::int64_t>(i)}, std::nullopt,
                as_bytes(value));
  return builder.build().value();
}

class Sink final : public log::DamageSink {
 public:
  void damaged(const log::Damage&) override { ENSURE(false); }
};

std::unique_ptr<log::PartitionLog> open_log(log::Files& files, const std::filesystem::path& dir,
                                            std::uint64_t cache_bytes) {
  Sink sink;
  log::LogConfig config;
  config.segment_bytes = 256 * kMiB;
  config.segment_ms = std::chrono::hours{24 * 365};
  config.tail_cache_bytes = cache_bytes;
  auto opened = log::PartitionLog::open(files, dir, config, kStart, sink);
  ENSURE(opened.has_value());
  return std::move(opened->log);
}

void fill(log::PartitionLog& log, std::uint64_t bytes) {
  const auto batch = batch_of(16'000);
  std::int64_t time = kStart.value;
  for (std::uint64_t done = 0; done < bytes; done += batch.size()) {
    time += 10;
    ENSURE(log.append(batch, LeaderEpoch{1}, Timestamp{time}).has_value());
    if (log.buffered_bytes() > kMiB) ENSURE(log.write().has_value());
  }
  ENSURE(log.sync_now().has_value());
}

/// Reads a log from `from` to its end over a connection, as the broker does it.
class Reading {
 public:
  Reading(log::PartitionLog& log, Offset from) : log_{log}, from_{from} {}

  double run() {
    SystemClock clock;
    net::AsioScheduler scheduler{clock};
    net::ThreadPool pool{kReadThreads};
    double drained = 0;
    net::run_blocking(scheduler, whole(scheduler, pool, drained));
    return drained;
  }

 private:
  net::Awaitable<void> whole(net::AsioScheduler& scheduler, net::BlockingPool& pool,
                             double& drained) {
    auto listener = scheduler.listen({"127.0.0.1", 0});
    ENSURE(listener.has_value());
    const int far = connect_to((*listener)->local().port);
    auto accepted = co_await (*listener)->accept(scheduler);
    ENSURE(accepted.has_value());
    Drain drain{far};
    {
      broker::Sender sender{scheduler, pool, 8 * kMiB, **accepted};
      for (Offset at = from_; at < log_.log_end();) {
        auto next = read(scheduler, pool, sender, at);
        at = co_await std::move(next);
      }
    }
    accepted->reset();
    drained = drain.join();
  }

  net::Awaitable<Offset> read(net::Scheduler& scheduler, net::BlockingPool& pool,
                              broker::Sender& sender, Offset at) {
    auto plan = log_.plan_read({at, log_.log_end(), kFetchBytes, true});
    ENSURE(plan.has_value());
    Result<log::ReadResult> found = log::ReadResult{};
    if (auto* const here = std::get_if<log::ReadResult>(&*plan)) {
      found = std::move(*here);
    } else {
      auto read = std::get<log::FileRead>(std::move(*plan));
      if (auto tried = read.try_locate()) {
        found = std::move(*tried);
      } else {
        auto locate = [read] { return read.locate(); };
        auto locating = broker::blocking(scheduler, pool, std::move(locate));
        found = co_await std::move(locating);
      }
    }
    ENSURE(found.has_value() && found->next > at);
    std::vector<Piece> pieces;
    for (const auto& link : found->batches.links()) {
      if (const auto* const bytes = std::get_if<SharedBytes>(&link))
        pieces.emplace_back(bytes->view());
      else
        pieces.emplace_back(std::get<FileRange>(link));
    }
    const auto written = co_await sender.write(pieces);
    ENSURE(written.has_value());
    co_return found->next;
  }

  log::PartitionLog& log_;
  Offset from_;
};

template <class Work>
void print_ns(const char* what, int rounds, Work work) {
  for (int i = 0; i < rounds / 10; ++i) work();
  const double start = cpu_of(RUSAGE_THREAD);
  for (int i = 0; i < rounds; ++i) work();
  print_figure(what, (cpu_of(RUSAGE_THREAD) - start) * 1e9 / rounds, "ns CPU");
}

void measure_lookups(log::PartitionLog& log) {
  SeededRng rng{1};
  const auto end = static_cast<std::uint64_t>(log.log_end().value);
  const auto records = static_cast<std::int64_t>(end);
  int waited = 0;
  print_ns("lookup by offset", 20'000, [&] {
    const Offset from{static_cast<std::int64_t>(rng.below(end))};
    auto plan = log.plan_read({from, log.log_end(), kFetchBytes, true});
    const auto& read = std::get<log::FileRead>(*plan);
    const auto tried = read.try_locate();
    if (!tried) ++waited;
    const auto found = tried ? *tried : read.locate();
    ENSURE(found.has_value());
  });
  if (waited > 0) std::printf("  of which %d had to wait for the disk\n", waited);
  const std::int64_t span = log.max_timestamp_so_far()->value - kStart.value;
  print_ns("lookup by time", 5'000, [&] {
    const Timestamp time{kStart.value +
                         static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(span)))};
    const auto found = log.find_by_time(time, Offset{records});
    ENSURE(found.has_value() && found->has_value());
  });
}

}  // namespace

int main() {
  const Scratch scratch;
  const auto& dir = scratch.path();
  log::PosixFiles files;
  print_head();
  {
    auto log = open_log(files, dir / "tail-0", 64 * kMiB);
    fill(*log, 48 * kMiB);
    const auto bytes = log->size_bytes();
    const int times = is_quick() ? 5 : 20;
    const auto total = bytes * static_cast<std::uint64_t>(times);
    const auto ours = measure(total, false, [&] {
      double drained = 0;
      for (int i = 0; i < times; ++i) drained += Reading{*log, Offset{0}}.run();
      return drained;
    });
    const auto limit = measure(total, false, [&] { return send_memory(total); });
    Rounds tail;
    tail.add(ours, limit);
    tail.print("tail read, limit: send from memory", {}, {});
  }
  {
    auto log = open_log(files, dir / "log-0", 0);
    fill(*log, log_bytes);
    ENSURE(log->close().has_value());
  }
  auto log = open_log(files, dir / "log-0", 0);
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{dir / "log-0"})
    if (entry.path().extension() == ".log" && entry.file_size() > 0) paths.push_back(entry.path());
  const auto bytes = log->size_bytes();
  const auto read_all = [&] { return Reading{*log, Offset{0}}.run(); };
  if (!is_long) {
    (void)send_files(paths);  // now it is warm
    Rounds warm;
    for (int i = 0; i < 3; ++i) {
      const auto ours = measure(bytes, false, read_all);
      warm.add(ours, measure(bytes, false, [&] { return send_files(paths); }));
    }
    warm.print("warm read, limit: sendfile", {}, at_most(1.5));
    measure_lookups(*log);
  }
  Rounds cold;
  for (int i = 0; i < 3; ++i) {
    drop_cache(paths);
    const auto ours = measure(bytes, true, read_all);
    drop_cache(paths);
    cold.add(ours, measure(bytes, true, [&] { return read_directly(paths); }));
  }
  cold.print("cold read, limit: direct reads, 4 in flight", at_least(0.8), {});
  return 0;
}
