#include "tests/support/memory_files.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "log/errc.hpp"

namespace millrace::sim {
namespace {

using log::OpenMode;

std::shared_ptr<log::File> created(MemoryFiles& files, const char* path) {
  return files.open(path, OpenMode::create).value();
}

Result<void> put(log::File& file, std::string_view text, std::uint64_t at) {
  const std::array pieces{as_bytes(text)};
  return file.write_at(pieces, at);
}

std::string text(const MemoryFiles& files, const char* path) {
  return std::string{as_text(files.contents(path))};
}

TEST_CASE("memory files: what was synced survives every crash", "[log][memory_files]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRng rng{seed};
    MemoryFiles files;
    const auto file = created(files, "/a");
    REQUIRE(put(*file, "kept", 0));
    REQUIRE(file->sync());
    REQUIRE(files.sync_directory("/"));
    REQUIRE(put(*file, "lost?", 4));
    files.crash(rng);
    REQUIRE(text(files, "/a").starts_with("kept"));
    std::array<std::byte, 1> byte;
    REQUIRE(file->read_at(byte, 0).has_error());  // a handle from before the crash
  }
}

TEST_CASE("memory files: what was not synced meets every fate", "[log][memory_files]") {
  std::set<std::string> fates;
  std::set<bool> created_file;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SeededRng rng{seed};
    MemoryFiles files;
    const auto file = created(files, "/a");
    REQUIRE(files.sync_directory("/"));
    REQUIRE(put(*file, "xy", 0));
    created(files, "/b");
    files.crash(rng);
    fates.insert(text(files, "/a"));
    created_file.insert(*files.exists("/b"));
  }
  REQUIRE(fates == std::set<std::string>{"", "x", "xy", std::string(2, '\0')});
  REQUIRE(created_file.size() == 2);
}

TEST_CASE("memory files: a rename leaves the old or the new file", "[log][memory_files]") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRng rng{seed};
    MemoryFiles files;
    files.put("/a", as_bytes("old"));
    files.put("/a.tmp", as_bytes("new"));
    REQUIRE(files.rename("/a.tmp", "/a"));
    REQUIRE(text(files, "/a") == "new");
    files.crash(rng);
    seen.insert(text(files, "/a"));
  }
  REQUIRE(seen == std::set<std::string>{"old", "new"});
}

TEST_CASE("memory files: a lying sync loses what it reported durable", "[log][memory_files]") {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRng rng{seed};
    MemoryFiles files;
    files.lie_on_sync(true);
    const auto file = created(files, "/a");
    REQUIRE(put(*file, "kept", 0));
    REQUIRE(file->sync());
    REQUIRE(files.sync_directory("/"));
    files.crash(rng);
    lost = lost || text(files, "/a") != "kept";
  }
  REQUIRE(lost);
}

TEST_CASE("memory files: the asked call fails, once", "[log][memory_files]") {
  MemoryFiles files;
  const auto file = created(files, "/a");
  files.fail_call(2, FileCall::write);
  REQUIRE(put(*file, "12", 0));
  REQUIRE(put(*file, "3456", 2).has_error());
  REQUIRE(text(files, "/a") == "1234");  // half of it
  REQUIRE(put(*file, "3456", 2));
  REQUIRE(files.calls(FileCall::write) == 3);
  files.fail_call(1);
  REQUIRE(files.list("/").has_error());
  REQUIRE(files.list("/").has_value());
}

TEST_CASE("memory files: a full disk takes what fits", "[log][memory_files]") {
  MemoryFiles files;
  const auto file = created(files, "/a");
  files.set_space(3);
  const auto written = put(*file, "12345", 0);
  REQUIRE(written.has_error());
  REQUIRE(written.error() == boost::system::errc::no_space_on_device);
  REQUIRE(text(files, "/a") == "123");
  REQUIRE(put(*file, "321", 0));  // growing by nothing
  REQUIRE(files.space("/").value().available == 0);
}

TEST_CASE("memory files: one holder of a directory lock at a time", "[log][memory_files]") {
  MemoryFiles files;
  auto held = files.lock_directory("/");
  REQUIRE(held.has_value());
  REQUIRE(files.lock_directory("/").error() == make_error_code(log::Errc::directory_in_use));
  held->reset();
  auto again = files.lock_directory("/");
  REQUIRE(again.has_value());
  files.kill_process();
  REQUIRE(files.lock_directory("/").has_value());
}

}  // namespace
}  // namespace millrace::sim
