// What does it cost to have many small appends on stable storage before they are acknowledged?
//
// Closed loops of writers append 1 KiB each to partitions drawn at random, in one loop as a shard
// has it. Three ways to make that durable:
//
//   segments    each written file is synced by a pool of threads, one sync of a file at a time
//   journal     what a turn brought goes into one file that was written before, by direct writes of
//               which several are in flight; the segments are written, and synced when a journal
//               file is full (log/journal/journal.hpp)
//
// and above them the machine's own limit: direct durable writes of 4 KiB, so many in flight.
//
// Estimate: a sync of a grown file is a commit of the file system, some 0.2 ms, shared by those
// that wait together; 64 writers on 256 files make 64 of them a turn. A direct write of 64 KiB
// takes 0.15 ms: 5 to 10 times as many appends.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "log/journal/journal.hpp"
#include "log/journal/journal_files.hpp"
#include "log/posix_files.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "tests/bench/machine.hpp"

namespace {

using namespace millrace;
using namespace millrace::log;
using bench::durable_writes;
using bench::seconds_since;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kTime = std::chrono::milliseconds{1500};
constexpr std::size_t kRecordBytes = 1024;
constexpr std::uint64_t kJournalBytes = 16U << 20;  // of each of four files

/// What pool threads have to tell the loop.
class Inbox {
 public:
  void post(std::move_only_function<void()> task) {
    {
      const std::scoped_lock lock{mutex_};
      tasks_.push_back(std::move(task));
    }
    more_.notify_one();
  }
  void run_all() {
    std::vector<std::move_only_function<void()>> tasks;
    {
      std::unique_lock lock{mutex_};
      more_.wait(lock, [this] { return !tasks_.empty(); });
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::move_only_function<void()>> tasks_;
};

struct PartitionFile {
  std::shared_ptr<File> file;
  std::uint64_t size = 0;
  std::int64_t end = 0;  // records
  std::vector<std::size_t> waiting;
  bool syncing = false;
};

/// The writers and their partitions; the two designs differ in what they do with a turn.
class Load {
 public:
  Load(const std::filesystem::path& dir, std::size_t writers, std::size_t partitions)
      : dir_{dir}, record_(kRecordBytes, std::byte{7}), since_(writers) {
    std::filesystem::remove_all(dir / "p");
    std::filesystem::create_directories(dir / "p");
    for (std::size_t i = 0; i < partitions; ++i)
      files_.push_back(
          {.file = posix_.open(dir / "p" / std::to_string(i), OpenMode::create_new).value(),
           .waiting = {}});
    for (std::size_t i = 0; i < writers; ++i) ready_.push_back(i);
  }

  void by_segments(const char* name, std::size_t threads) {
    net::ThreadPool pool{threads};
    std::function<void(std::size_t)> sync = [&](std::size_t index) {
      PartitionFile& part = files_[index];
      if (part.syncing || part.waiting.empty()) return;
      part.syncing = true;
      ++out_;
      pool.submit([&, index, waiting = std::exchange(part.waiting, {})]() mutable {
        must(files_[index].file->sync());
        inbox_.post([&, index, waiting = std::move(waiting)] {
          files_[index].syncing = false;
          --out_;
          for (const auto writer : waiting) acknowledge(writer);
          sync(index);
        });
      });
    };
    loop([&](const std::vector<std::size_t>& dirty) {
      for (const auto index : dirty) sync(index);
    });
    report(name);
  }

  void by_journal(const char* name) {
    net::ThreadPool writes{Journal::kInFlightMax};
    net::ThreadPool syncs{8};
    auto files = prepare_journal_files(posix_, dir_ / "journal", 0, 4, kJournalBytes).value();
    Journal journal{std::move(files.files), kJournalBytes, SystemRng{}.next()};
    const auto key = [](std::size_t index) {
      return JournalKey{.topic = {}, .partition = PartitionIndex{static_cast<std::int32_t>(index)}};
    };
    std::function<void()> flush = [&] {
      for (const auto& unsettled : journal.take_unsettled()) {
        ++out_;
        PartitionFile& part = files_[static_cast<std::size_t>(unsettled.partition.value)];
        syncs.submit([&, unsettled, end = part.end] {
          must(part.file->sync());
          inbox_.post([&, unsettled, end] {
            --out_;
            journal.settled(unsettled, Offset{end});
            flush();
          });
        });
      }
      while (auto work = journal.take_write()) {
        ++out_;
        auto shared = std::make_shared<JournalWrite>(std::move(*work));
        writes.submit([&, shared] {
          must(shared->run());
          inbox_.post([&, shared] {
            --out_;
            for (const auto& entry : journal.written(std::move(*shared), {}).durable) {
              // One record for each offset, and one writer that waits for each record.
              auto& waiting = files_[static_cast<std::size_t>(entry.key.partition.value)].waiting;
              const auto count = static_cast<std::size_t>((entry.end - entry.base).value);
              for (std::size_t i = 0; i < count; ++i) acknowledge(waiting[i]);
              waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
            }
            flush();
          });
        });
      }
    };
    std::vector<std::int64_t> taken(files_.size());
    loop([&](const std::vector<std::size_t>& dirty) {
      for (const auto index : dirty) {
        PartitionFile& part = files_[index];
        if (taken[index] == part.end) continue;
        BytesChain batches;
        for (auto i = taken[index]; i < part.end; ++i)
          batches.append(SharedBytes{nullptr, record_});
        const Journal::Entry entry{
            .key = key(index), .base = Offset{taken[index]}, .end = Offset{part.end}};
        while (!journal.add(entry, batches)) {  // a full group: let one leave
          flush();
          inbox_.run_all();
        }
        taken[index] = part.end;
      }
      flush();
    });
    report(name);
  }

 private:
  static void must(const Result<void>& result) {
    if (result) return;
    std::fprintf(stderr, "sync_bench: %s\n", result.error().message().c_str());
    std::abort();
  }

  void acknowledge(std::size_t writer) {
    latencies_.push_back(seconds_since(since_[writer]));
    ready_.push_back(writer);
  }

  template <class Turn>
  void loop(Turn turn) {
    SeededRng rng{1};
    start_ = SteadyClock::now();
    for (;;) {
      const bool over = SteadyClock::now() - start_ > kTime;
      if (over && out_ == 0) break;
      std::vector<std::size_t> dirty;
      for (const auto writer : std::exchange(ready_, {})) {
        if (over) continue;
        const std::size_t index = rng.below(files_.size());
        PartitionFile& part = files_[index];
        since_[writer] = SteadyClock::now();
        const std::vector<Bytes> pieces{record_};
        must(part.file->write_at(pieces, part.size));
        part.size += kRecordBytes;
        ++part.end;
        part.waiting.push_back(writer);
        dirty.push_back(index);
      }
      turn(dirty);
      if (out_ > 0) inbox_.run_all();
    }
    took_ = seconds_since(start_);
  }

  void report(const char* name) {
    std::ranges::sort(latencies_);
    const auto at = [&](double share) {
      return 1e3 * latencies_[static_cast<std::size_t>(share *
                                                       static_cast<double>(latencies_.size() - 1))];
    };
    std::printf("  %-22s %9.0f appends/s   p50 %6.2f ms   p99 %6.2f ms\n", name,
                static_cast<double>(latencies_.size()) / took_, at(0.5), at(0.99));
    std::fflush(stdout);
  }

  std::filesystem::path dir_;
  PosixFiles posix_;
  std::vector<std::byte> record_;
  std::vector<PartitionFile> files_;
  std::vector<std::size_t> ready_;
  std::vector<SteadyClock::time_point> since_;
  std::vector<double> latencies_;
  Inbox inbox_;
  std::size_t out_ = 0;  // on pool threads
  SteadyClock::time_point start_;
  double took_ = 0;
};

void print_limit(const std::filesystem::path& dir, std::size_t depth, std::size_t bytes) {
  std::printf("  %2zu in flight, %2zu KiB  %9.0f writes/s\n", depth, bytes >> 10,
              durable_writes(dir, depth, bytes));
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path dir =
      (argc > 1 ? std::filesystem::path{argv[1]} : std::filesystem::current_path()) / "sync-bench";
  std::filesystem::create_directories(dir);
  std::printf("direct durable writes, the limit:\n");
  for (const std::size_t depth : {1U, 4U, 16U, 64U}) print_limit(dir, depth, 4U << 10);
  print_limit(dir, 4, 64U << 10);
  struct Shape {
    std::size_t writers;
    std::size_t partitions;
  };
  for (const auto [writers, partitions] :
       {Shape{1, 1}, Shape{64, 1}, Shape{64, 16}, Shape{64, 256}, Shape{1000, 1000}}) {
    std::printf("%zu writers of 1 KiB, %zu partitions:\n", writers, partitions);
    Load{dir, writers, partitions}.by_segments("segments, 1 thread", 1);
    Load{dir, writers, partitions}.by_segments("segments, 8 threads", 8);
    Load{dir, writers, partitions}.by_segments("segments, 64 threads", 64);
    Load{dir, writers, partitions}.by_journal("journal");
  }
  std::filesystem::remove_all(dir);
  return 0;
}
