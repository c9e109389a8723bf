#include "log/posix_files.hpp"

#include <unistd.h>

#include <boost/system/errc.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "log/errc.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// A directory of its own that goes with the test.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-log-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

TEST_CASE("posix files: gathered writes of many pieces come back whole", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto file = files.open(scratch.path / "a", OpenMode::create_new).value();
  std::string all;
  std::vector<std::string> texts;
  for (int i = 0; i < 2500; ++i) texts.push_back(i % 7 == 0 ? "" : std::to_string(i));
  std::vector<Bytes> pieces;
  for (const auto& text : texts) {
    pieces.push_back(as_bytes(text));
    all += text;
  }
  REQUIRE(file->write_at(pieces, 3));
  REQUIRE(file->sync());
  CHECK(file->size().value() == 3 + all.size());
  std::vector<std::byte> back(all.size() + 10);
  REQUIRE(file->read_at(back, 3).value() == all.size());
  CHECK(as_text(Bytes{back}.first(all.size())) == all);
  REQUIRE(file->truncate(5));
  CHECK(file->read_at(back, 3).value() == 2);
  CHECK(file->read_at(back, 100).value() == 0);
  CHECK(file->descriptor().has_value());
}

TEST_CASE("posix files: modes and errors are those of the system", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto path = scratch.path / "a";
  CHECK(files.open(path, OpenMode::read_only).error() ==
        boost::system::errc::no_such_file_or_directory);
  REQUIRE(files.open(path, OpenMode::create).has_value());
  CHECK(files.open(path, OpenMode::create_new).error() == boost::system::errc::file_exists);
  CHECK(files.exists(path).value());
  REQUIRE(files.remove(path));
  REQUIRE(files.remove(path));  // gone already
  CHECK_FALSE(files.exists(path).value());
  CHECK(files.list(scratch.path / "none").has_error());
  const auto space = files.space(scratch.path).value();
  CHECK(space.available > 0);
  CHECK(space.total >= space.available);
}

TEST_CASE("posix files: directories list by name and small files are replaced", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  REQUIRE(files.create_directories(scratch.path / "d" / "e"));
  REQUIRE(files.write_atomically(scratch.path / "b", as_bytes("one")));
  REQUIRE(files.write_atomically(scratch.path / "b", as_bytes("2")));
  CHECK(as_text(files.read_all(scratch.path / "b").value()) == "2");
  const auto entries = files.list(scratch.path).value();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0] == DirectoryEntry{"b", false});
  CHECK(entries[1] == DirectoryEntry{"d", true});
  REQUIRE(files.remove_all(scratch.path / "d"));
  CHECK(files.list(scratch.path).value().size() == 1);
}

TEST_CASE("posix files: a locked directory is refused until it is given back", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  auto held = files.lock_directory(scratch.path);
  REQUIRE(held.has_value());
  CHECK(files.lock_directory(scratch.path).error() == make_error_code(Errc::directory_in_use));
  held->reset();
  CHECK(files.lock_directory(scratch.path).has_value());
}

TEST_CASE("posix files: a log lives on them", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto dir = scratch.path / "orders-0";
  for (int round = 0; round < 3; ++round) {
    DamageList damage;
    auto opened = PartitionLog::open(files, dir, LogFixture::small_config(), kNow, damage);
    REQUIRE(opened.has_value());
    CHECK(damage.all.empty());
    CHECK(opened->report.clean == (round > 0));
    PartitionLog& log = *opened->log;
    CHECK(log.log_end() == Offset{60 * round});
    for (int i = 0; i < 20; ++i) {
      REQUIRE(log.append(batch_of({.records = 3}), LeaderEpoch{0}, std::nullopt).has_value());
      REQUIRE(log.sync_now());
    }
    Offset from{0};
    while (from < log.log_end()) from = log.read({from, log.log_end(), 500, true}).value().next;
    REQUIRE(log.close());
  }
}

TEST_CASE("posix files: what was written can be read without waiting, or says that it cannot",
          "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto file = files.open(scratch.path / "a", OpenMode::create_new).value();
  const std::string text(300'000, 'x');
  const std::vector<Bytes> pieces{as_bytes(text)};
  REQUIRE(file->write_at(pieces, 0));
  REQUIRE(file->sync());
  file->let_go(0, text.size());
  file->bring_in(0, text.size());
  std::vector<std::byte> back(text.size());
  const auto got = file->read_resident(back, 0);
  // Not every file system can tell, and memory may be short.
  if (got) {
    CHECK(as_text(Bytes{back}.first(*got)) == std::string_view{text}.substr(0, *got));
  } else {
    CHECK(got.error() == boost::system::errc::resource_unavailable_try_again);
  }
  if (file->is_resident(0, text.size())) CHECK(file->is_resident(text.size() - 1, 100'000));
}

TEST_CASE("posix files: a cut is counted, growth is not", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto file = files.open(scratch.path / "a", OpenMode::create_new).value();
  const std::vector<Bytes> pieces{as_bytes("0123456789")};
  REQUIRE(file->write_at(pieces, 0));
  REQUIRE(file->truncate(20));
  REQUIRE(file->truncate(20));
  CHECK(file->cuts() == 0);
  REQUIRE(file->truncate(19));
  CHECK(file->cuts() == 1);
}

TEST_CASE("posix files: a new file of an old name is told apart", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  const auto identity = [&](OpenMode mode) {
    return files.open(scratch.path / "a", mode).value()->identity().value();
  };
  const auto first = identity(OpenMode::create_new);
  CHECK(identity(OpenMode::read_only) == first);
  REQUIRE(files.remove(scratch.path / "a"));
  CHECK(identity(OpenMode::create_new) != first);
}

TEST_CASE("posix files: records without a time are as old as their file", "[log][posix]") {
  const Scratch scratch;
  PosixFiles files;
  DamageList damage;
  auto config = LogFixture::small_config();
  config.retention_ms = std::chrono::hours{1};
  const auto real_now = Timestamp{std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count()};
  auto opened = PartitionLog::open(files, scratch.path / "t-0", config, real_now, damage);
  REQUIRE(opened.has_value());
  PartitionLog& log = *opened->log;
  for (int i = 0; i < 60; ++i) {
    BatchBuilder builder;
    builder.add(std::nullopt, std::nullopt, as_bytes("some value without a time"));
    REQUIRE(log.append(builder.build().value(), LeaderEpoch{1}, std::nullopt).has_value());
  }
  REQUIRE(log.sync_now());
  REQUIRE(log.segments() > 2);
  CHECK_FALSE(log.max_timestamp_so_far().has_value());
  CHECK(log.apply_retention(real_now, log.log_end())->segments == 0);
  const auto first = scratch.path / "t-0" / "00000000000000000000.log";
  std::filesystem::last_write_time(first,
                                   std::filesystem::last_write_time(first) - std::chrono::hours{2});
  CHECK(log.apply_retention(real_now, log.log_end())->segments == 1);
  CHECK(log.log_start() > Offset{0});
}

}  // namespace
}  // namespace millrace::log
