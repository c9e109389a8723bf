#include "log/bounded_files.hpp"

#include <array>
#include <boost/system/errc.hpp>
#include <thread>

#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

struct Bounded {
  explicit Bounded(std::size_t open_max) : files{disk, open_max} {}
  std::shared_ptr<File> make(int i) {
    auto file = files.open("/" + std::to_string(i), OpenMode::create_new);
    REQUIRE(file.has_value());
    return *file;
  }
  /// A file with its number in it, synced.
  std::shared_ptr<File> make_full(int i) {
    auto file = make(i);
    write(*file, std::to_string(i));
    REQUIRE(file->sync());
    return file;
  }
  static void write(File& file, const std::string& text) {
    const std::array pieces{as_bytes(text)};
    REQUIRE(file.write_at(pieces, 0));
  }
  static std::string read(const File& file) {
    std::array<std::byte, 10> buffer;
    const auto got = file.read_at(buffer, 0);
    REQUIRE(got.has_value());
    return std::string{as_text(Bytes{buffer}.first(*got))};
  }
  MemoryFiles disk;
  BoundedFiles files;
};

}  // namespace

TEST_CASE("bounded files: more files than may be open all work", "[log][files]") {
  Bounded b{10};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 100; ++i) {
    files.push_back(b.make_full(i));
    REQUIRE(b.files.open_now() <= 10);
  }
  SeededRng rng{1};
  for (int i = 0; i < 2000; ++i) {
    const auto which = rng.below(100);
    REQUIRE(Bounded::read(*files[which]) == std::to_string(which));
    REQUIRE(b.files.open_now() <= 10);
  }
  files.clear();
  CHECK(b.files.open_now() == 0);
}

TEST_CASE("bounded files: who is used again and again stays open", "[log][files]") {
  Bounded b{3};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 20; ++i) files.push_back(b.make_full(i));
  REQUIRE(Bounded::read(*files[0]) == "0");
  for (int i = 1; i < 20; ++i) {
    REQUIRE(Bounded::read(*files[static_cast<std::size_t>(i)]) == std::to_string(i));
    const auto opens = b.disk.calls(FileCall::open);
    REQUIRE(Bounded::read(*files[0]) == "0");
    REQUIRE(b.disk.calls(FileCall::open) == opens);
  }
}

TEST_CASE("bounded files: what was not synced is not closed", "[log][files]") {
  Bounded b{4};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(b.make(i));
    Bounded::write(*files.back(), "unsynced");
  }
  CHECK(b.files.open_now() == 20);
  for (int i = 0; i < 15; ++i) REQUIRE(files[static_cast<std::size_t>(i)]->sync());
  b.disk.fail_call(1, FileCall::sync);
  REQUIRE_FALSE(files[15]->sync());  // nothing is known of this one: it stays
  const auto more = b.make(100);
  CHECK(b.files.open_now() == 6);
  for (int i = 15; i < 20; ++i) files[static_cast<std::size_t>(i)]->bear_losses();
  const auto one_more = b.make(101);
  CHECK(b.files.open_now() <= 4);
  CHECK(Bounded::read(*files[15]) == "unsynced");
}

TEST_CASE("bounded files: what is pinned stays open and can be read after it is gone",
          "[log][files]") {
  Bounded b{2};
  const auto file = b.make_full(7);
  const auto pin = pinned(file);
  REQUIRE(pin != file);
  std::vector<std::shared_ptr<File>> others;
  for (int i = 10; i < 30; ++i) others.push_back(b.make_full(i));
  const auto opens = b.disk.calls(FileCall::open);
  CHECK(Bounded::read(*file) == "7");
  CHECK(b.disk.calls(FileCall::open) == opens);
  REQUIRE(b.disk.remove("/7"));
  CHECK(Bounded::read(*pin) == "7");
}

TEST_CASE("bounded files: a file is followed when it is renamed", "[log][files]") {
  Bounded b{1};
  const auto file = b.make_full(7);
  const auto twin = b.files.open("/7", OpenMode::read_only);
  REQUIRE(b.files.rename("/7", "/70"));
  const auto other = b.make_full(7);
  for (int i = 0; i < 3; ++i) (void)b.make_full(100 + i);
  REQUIRE(b.files.open_now() <= 1);
  CHECK(Bounded::read(*file) == "7");
  CHECK(Bounded::read(**twin) == "7");
  REQUIRE(b.files.rename("/70", "/700"));
  for (int i = 0; i < 3; ++i) (void)b.make_full(200 + i);
  CHECK(Bounded::read(*file) == "7");
  CHECK_FALSE(b.files.rename("/no such file", "/x"));
}

TEST_CASE("bounded files: another file of the same name is not taken for it", "[log][files]") {
  Bounded b{1};
  const auto file = b.make_full(7);
  const auto other = b.make_full(8);
  (void)Bounded::read(*other);
  REQUIRE(b.disk.rename("/7", "/was 7"));
  std::array<std::byte, 1> buffer;
  CHECK(file->read_at(buffer, 0).error() == boost::system::errc::no_such_file_or_directory);
  REQUIRE(b.disk.rename("/8", "/7"));
  CHECK(file->read_at(buffer, 0).error().value() == ESTALE);
  REQUIRE(b.disk.rename("/7", "/8"));
  REQUIRE(b.disk.rename("/was 7", "/7"));
  CHECK(Bounded::read(*file) == "7");
}

TEST_CASE("bounded files: many logs share few open files", "[log][files]") {
  MemoryFiles disk;
  REQUIRE(disk.create_directories("/data"));
  BoundedFiles files{disk, 6};
  DamageList damage;
  std::vector<std::unique_ptr<PartitionLog>> logs;
  std::vector<std::vector<std::byte>> expected(30);
  const auto open = [&](std::size_t i) {
    auto opened = PartitionLog::open(files, "/data/orders-" + std::to_string(i),
                                     LogFixture::small_config(), kNow, damage);
    REQUIRE(opened.has_value());
    return std::move(opened->log);
  };
  for (std::size_t i = 0; i < expected.size(); ++i) logs.push_back(open(i));
  SeededRng rng{2};
  for (int step = 0; step < 2000; ++step) {
    const auto i = static_cast<std::size_t>(rng.below(expected.size()));
    auto& log = *logs[i];
    auto batch = batch_of({.value_bytes = rng.below(200), .salt = rng.next()});
    const auto info = log.append(batch, LeaderEpoch{1}, std::nullopt);
    REQUIRE(info.has_value());
    protocol::patch_base_offset_and_epoch(batch, info->base, LeaderEpoch{1});
    expected[i].insert(expected[i].end(), batch.begin(), batch.end());
    REQUIRE(log.sync_now());
    if (const auto work = log.take_checkpoint()) log.checkpointed(*work, work->run());
    REQUIRE(files.open_now() <= 6 + 3);  // a few are in use while others are opened
    if (rng.chance(1, 50)) {
      REQUIRE(logs[i]->close());
      logs[i] = open(i);
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::vector<std::byte> all;
    for (Offset at{0}; at < logs[i]->log_end();) {
      const auto got = logs[i]->read({at, logs[i]->log_end(), 1000, true});
      REQUIRE(got.has_value());
      const auto flat = got->batches.flatten();
      all.insert(all.end(), flat.begin(), flat.end());
      at = got->next;
    }
    REQUIRE(all == expected[i]);
  }
  CHECK(damage.all.empty());
}

TEST_CASE("bounded files: threads may use and drop files as they like", "[log][files]") {
  Bounded b{3};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 12; ++i) files.push_back(b.make_full(i));
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        SeededRng rng{seed};
        std::array<std::byte, 10> buffer;
        for (int i = 0; i < 3000; ++i) {
          const auto which = rng.below(files.size());
          const auto got = files[which]->read_at(buffer, 0);
          const bool right = got && as_text(Bytes{buffer}.first(*got)) == std::to_string(which);
          if (!right) ++wrong;
          if (rng.chance(1, 10)) (void)files[which]->sync();
          if (rng.chance(1, 10)) (void)b.files.open("/" + std::to_string(which), OpenMode::create);
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(b.files.open_now() <= 3 + 4);
}

}  // namespace millrace::log
