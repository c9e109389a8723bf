// Writes that mix pieces in memory with pieces of files.
#include <algorithm>
#include <array>
#include <boost/system/errc.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "log/posix_files.hpp"
#include "tests/protocol/net/fixtures.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::net::testing {
namespace {

std::vector<std::byte> noise(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t x = 1;
  for (auto& byte : bytes) byte = static_cast<std::byte>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

/// A file with `contents`: one that the system has, which can be sent from where it lies, or one of
/// ours, which is copied.
class TestFile {
 public:
  TestFile(bool real, std::vector<std::byte> contents) : contents_{std::move(contents)} {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-send-XXXXXX").string();
    if (real) {
      REQUIRE(::mkdtemp(name.data()) != nullptr);
      directory_ = name;
      file_ = *posix_.open(directory_ / "file", log::OpenMode::create_new);
    } else {
      file_ = *memory_.open("/file", log::OpenMode::create_new);
    }
    REQUIRE(file_->descriptor().has_value() == real);
    const std::array pieces{Bytes{contents_}};
    REQUIRE(file_->write_at(pieces, 0));
  }
  ~TestFile() {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  [[nodiscard]] FileRange range(std::uint64_t position, std::size_t size) const {
    return {file_, position, size, file_->cuts()};
  }
  [[nodiscard]] std::string text(std::size_t position, std::size_t size) const {
    return std::string{as_text(Bytes{contents_}.subspan(position, size))};
  }
  [[nodiscard]] log::File& file() const { return *file_; }

 private:
  std::vector<std::byte> contents_;
  std::filesystem::path directory_;
  log::PosixFiles posix_;
  sim::MemoryFiles memory_;
  std::shared_ptr<log::File> file_;
};

Awaitable<void> write_all(Connection& to, std::span<const Piece> pieces,
                          std::optional<Result<void>>& outcome) {
  outcome = co_await to.write(pieces);
}

Awaitable<void> check_mixed(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(300'000)};
  const std::vector<FileRange> ranges{file.range(0, 1), file.range(4095, 2),
                                      file.range(10'000, 250'000), file.range(299'999, 1)};
  std::vector<Piece> pieces{as_bytes("head")};
  std::string expected = "head";
  for (const auto& range : ranges) {
    pieces.emplace_back(range);
    expected += file.text(range.position, range.size);
    // Ranges one behind the other, and with bytes in between.
    if (range.size > 1) pieces.emplace_back(as_bytes("between"));
    if (range.size > 1) expected += "between";
  }
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  const auto got = co_await read_text(*pair.server, expected.size());
  co_await tasks.join();
  REQUIRE(*outcome);
  REQUIRE(got == expected);
}

Awaitable<void> check_slow_reader(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(16 << 20)};
  const auto range = file.range(7, (16 << 20) - 7);
  const std::array<Piece, 2> pieces{as_bytes("head"), Piece{range}};
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  for (int i = 0; i < 20; ++i) co_await pass_a_turn(client);
  CHECK_FALSE(outcome.has_value());  // nobody reads, so the writer must wait
  const auto got = co_await read_text(*pair.server, range.size + 4);
  co_await tasks.join();
  REQUIRE(*outcome);
  REQUIRE(got == "head" + file.text(7, range.size));
}

Awaitable<void> check_cut(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(16 << 20)};
  const auto range = file.range(0, 16 << 20);
  const std::array<Piece, 1> pieces{Piece{range}};
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  for (int i = 0; i < 20; ++i) co_await pass_a_turn(client);
  REQUIRE_FALSE(outcome.has_value());
  REQUIRE(file.file().truncate(15 << 20));
  // What is written there later must not be taken for what was promised.
  const auto other = noise(1 << 20);
  const std::array again{Bytes{other}};
  REQUIRE(file.file().write_at(again, 15 << 20));
  std::size_t got = 0;
  std::vector<std::byte> buffer(100'000);
  while (!outcome) {
    const auto count = co_await pair.server->read_some(buffer);
    REQUIRE(count);
    got += *count;
    co_await pass_a_turn(client);
  }
  co_await tasks.join();
  REQUIRE(outcome->error() == Errc::file_cut);
  CHECK(got < 15 << 20);

  const auto late = co_await pair.client->write(pieces);
  CHECK(late.error() == Errc::file_cut);
}

Awaitable<void> check_short(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(1000)};
  const auto range = file.range(500, 501);
  const std::array<Piece, 1> pieces{Piece{range}};
  const auto written = co_await pair.client->write(pieces);
  CHECK(written.error() == Errc::file_cut);
}

Awaitable<void> check_gone_peer(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(1000)};
  const auto range = file.range(0, 1000);
  const std::array<Piece, 1> pieces{Piece{range}};
  pair.server.reset();
  ErrorInfo error;
  for (int i = 0; i < 1000 && !error; ++i) {
    const auto written = co_await pair.client->write(pieces);
    if (!written) error = written.error();
    const auto slept = co_await sleep_until(client, client.clock().now() + 1ms);
    REQUIRE(slept);
  }
  CHECK((error == boost::system::errc::connection_reset ||
         error == boost::system::errc::broken_pipe));
}

Awaitable<void> check_close(Scheduler& client, Scheduler& server, bool real) {
  auto pair = co_await connected(client, server);
  const TestFile file{real, noise(16 << 20)};
  const auto range = file.range(0, 16 << 20);
  const std::array<Piece, 1> pieces{Piece{range}};
  TaskGroup tasks{client.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(write_all(*pair.client, pieces, outcome));
  for (int i = 0; i < 20; ++i) co_await pass_a_turn(client);
  REQUIRE_FALSE(outcome.has_value());
  pair.client->close();
  co_await tasks.join();
  REQUIRE(outcome->error() == Errc::closed);
}

template <class Net, class Check>
void check_both_files(Check check) {
  for (const bool real : {true, false}) {
    Net net;
    net.run(check(net.client(), net.server(), real));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("connection: pieces in memory and in files arrive in their order",
                   "[protocol][net]", RealNet, SimNet) {
  check_both_files<TestType>(check_mixed);
}

TEMPLATE_TEST_CASE("connection: a slow reader holds a file back and loses nothing of it",
                   "[protocol][net]", RealNet, SimNet) {
  check_both_files<TestType>(check_slow_reader);
}

TEMPLATE_TEST_CASE("connection: a file that is cut while it is sent ends the write",
                   "[protocol][net]", RealNet, SimNet) {
  check_both_files<TestType>(check_cut);
}

TEMPLATE_TEST_CASE("connection: a file that is shorter than promised ends the write",
                   "[protocol][net]", RealNet, SimNet) {
  check_both_files<TestType>(check_short);
}

TEMPLATE_TEST_CASE("connection: sending a file to a peer that is gone fails, and only that",
                   "[protocol][net]", RealNet, SimNet) {
  check_both_files<TestType>(check_gone_peer);
}

TEMPLATE_TEST_CASE("connection: close ends the sending of a file", "[protocol][net]", RealNet,
                   SimNet) {
  check_both_files<TestType>(check_close);
}

}  // namespace millrace::net::testing
