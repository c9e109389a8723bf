#include "broker/fetch/cold_reads.hpp"

#include <catch2/catch.hpp>
#include <set>

namespace millrace::broker {
namespace {

constexpr std::uint64_t kStep = ColdReads::kStepBytes;

class EmptyFile final : public FileSource {
 public:
  Result<std::size_t> read_at(std::span<std::byte> /*into*/,
                              std::uint64_t /*position*/) const override {
    return std::size_t{0};
  }
};

/// A page cache, in steps, of a file as long as it takes, and a reader who does what it is told.
struct World {
  explicit World(std::uint64_t ahead_max) : reads{ahead_max} {}
  bool is_resident(Stretch stretch) const {
    for (std::uint64_t at = stretch.position / kStep; at * kStep < stretch.end(); ++at)
      if (!cached.contains(at)) return false;
    return true;
  }
  /// Reads `size` bytes at `position`, and does everything that is due.
  ColdWork read(std::uint64_t position, std::size_t size = kStep) {
    auto work = reads.before({file, position, size, 0}, [&](Stretch s) { return is_resident(s); });
    const auto take = [&](Stretch stretch) {
      for (std::uint64_t at = stretch.position / kStep; at * kStep < stretch.end(); ++at)
        cached.insert(at);
    };
    if (work.wait) take({position, size});
    for (const auto& stretch : work.ahead) take(stretch);
    for (const auto& past : work.behind) {
      if (past.file != file) {
        ++let_go_elsewhere;
        continue;
      }
      for (std::uint64_t at = past.position / kStep; at * kStep < past.end(); ++at)
        cached.erase(at);
    }
    return work;
  }
  std::shared_ptr<const FileSource> file = std::make_shared<EmptyFile>();
  std::set<std::uint64_t> cached;
  std::uint64_t let_go_elsewhere = 0;
  ColdReads reads;
};

}  // namespace

TEST_CASE("cold reads: a warm reader costs nothing", "[broker][fetch]") {
  World w{8 * kStep};
  for (std::uint64_t i = 0; i < 100; ++i) w.cached.insert(i);
  for (std::uint64_t i = 0; i < 100; ++i) REQUIRE(w.read(i * kStep) == ColdWork{});
}

TEST_CASE("cold reads: who reads on is read ahead for, twice as far each time", "[broker][fetch]") {
  World w{8 * kStep};
  CHECK(w.read(0) == ColdWork{.wait = true});
  CHECK(w.read(kStep) == ColdWork{.wait = true, .ahead = {{2 * kStep, kStep}}});
  CHECK(w.read(2 * kStep) == ColdWork{.ahead = {{3 * kStep, kStep}, {4 * kStep, kStep}}});
  CHECK(w.read(3 * kStep).ahead.size() == 3);
  CHECK(w.read(4 * kStep).ahead.size() == 5);
  CHECK(w.read(5 * kStep).ahead == std::vector<Stretch>{{13 * kStep, kStep}});
}

TEST_CASE("cold reads: one who jumps about is not read ahead for", "[broker][fetch]") {
  World w{8 * kStep};
  for (const std::uint64_t at : {70, 10, 90, 30, 50})
    CHECK(w.read(at * kStep) == ColdWork{.wait = true});
}

TEST_CASE("cold reads: a setting of 0 turns reading ahead off", "[broker][fetch]") {
  World w{0};
  for (std::uint64_t i = 0; i < 5; ++i) CHECK(w.read(i * kStep) == ColdWork{.wait = true});
}

TEST_CASE("cold reads: the cache is left as it was found", "[broker][fetch]") {
  World w{4 * kStep};
  const std::set<std::uint64_t> before{20, 21, 50, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99};
  w.cached = before;
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    w.read(i * kStep);
    most = std::max(most, static_cast<std::uint64_t>(w.cached.size()));
    for (const std::uint64_t warm : before) REQUIRE(w.cached.contains(warm));
  }
  // What it keeps at most: what is ahead, what is behind, and the step it is at.
  const std::uint64_t kept = 4 + ColdReads::kBehindBytes / kStep + 1;
  CHECK(most <= before.size() + kept);
  CHECK(w.cached.size() <= before.size() + kept);
}

TEST_CASE("cold reads: parts of any size are followed", "[broker][fetch]") {
  World w{4 * kStep};
  std::uint64_t position = 12'345;
  int waits = 0;
  for (int i = 0; i < 400; ++i) {
    const std::size_t size = 16'384 + static_cast<std::size_t>(i) * 997 % 900'000;
    waits += w.read(position, size).wait ? 1 : 0;
    position += size;
  }
  CHECK(waits <= 4);
  CHECK(w.cached.size() <= 4 + ColdReads::kBehindBytes / kStep + 4);
}

TEST_CASE("cold reads: several files are followed at once, and a bounded number",
          "[broker][fetch]") {
  World w{4 * kStep};
  std::vector<std::shared_ptr<const FileSource>> files;
  for (std::size_t i = 0; i < ColdReads::kStreamsMax; ++i)
    files.push_back(std::make_shared<EmptyFile>());
  const auto nothing_there = [](Stretch) { return false; };
  for (std::uint64_t step = 0; step < 3; ++step) {
    for (const auto& file : files) {
      const auto work = w.reads.before({file, step * kStep, kStep, 0}, nothing_there);
      CHECK(work.ahead.empty() == (step == 0));
    }
  }
  // One more takes the place of the one that was read first.
  (void)w.reads.before({w.file, 0, kStep, 0}, nothing_there);
  CHECK_FALSE(w.reads.before({files[1], 3 * kStep, kStep, 0}, nothing_there).ahead.empty());
  CHECK(w.reads.before({files[0], 3 * kStep, kStep, 0}, nothing_there).ahead.empty());
}

TEST_CASE("cold reads: what was kept of a file is let go when its reader has gone on to others",
          "[broker][fetch]") {
  World w{8 * kStep};
  std::vector<std::shared_ptr<const FileSource>> read;  // stay alive, as in a log
  std::uint64_t kept = 0;
  for (int segment = 0; segment < 50; ++segment) {
    w.cached.clear();
    for (std::uint64_t i = 0; i < 16; ++i) w.read(i * kStep);
    kept += w.cached.size();
    read.push_back(std::exchange(w.file, std::make_shared<EmptyFile>()));
  }
  CHECK(w.let_go_elsewhere > kept * 45 / 50);
  CHECK(w.let_go_elsewhere <= kept);
}

TEST_CASE("cold reads: a file that is gone is not held open", "[broker][fetch]") {
  World w{4 * kStep};
  std::weak_ptr<const FileSource> gone;
  {
    auto file = std::make_shared<EmptyFile>();
    gone = file;
    (void)w.reads.before({std::move(file), 0, kStep, 0}, [](Stretch) { return false; });
  }
  CHECK(gone.expired());
}

}  // namespace millrace::broker
