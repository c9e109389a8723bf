#include "broker/sender.hpp"

#include <catch2/catch.hpp>
#include <mutex>
#include <set>

#include "protocol/net/errc.hpp"
#include "tests/support/memory_net.hpp"
#include "tests/support/sim_host.hpp"

namespace millrace::broker {
namespace {

constexpr std::uint64_t kStep = ColdReads::kStepBytes;

/// A file behind a page cache that a test can look into. Reading what is not there is an error, so
/// that a thread that would have waited for the disk is found out.
class ColdFile final : public FileSource {
 public:
  explicit ColdFile(std::uint64_t size) : size_{size} {}
  static std::byte at(std::uint64_t position) {
    return static_cast<std::byte>((position * 2654435761U) >> 16);
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t position) const override {
    if (!is_resident(position, into.size()))
      return ErrorInfo{EIO, boost::system::generic_category()};
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = at(position + i);
    return into.size();
  }
  [[nodiscard]] bool is_resident(std::uint64_t position, std::uint64_t size) const override {
    for (std::uint64_t page = position / kPage; page * kPage < std::min(position + size, size_);
         ++page) {
      if (!pages_.contains(page)) return false;
    }
    return true;
  }
  void bring_in(std::uint64_t position, std::uint64_t size) const override {
    for (std::uint64_t page = position / kPage; page * kPage < position + size; ++page)
      pages_.insert(page);
    most_ = std::max(most_, pages_.size());
  }
  void let_go(std::uint64_t position, std::uint64_t size) const override {
    for (std::uint64_t page = position / kPage; page * kPage < position + size; ++page)
      pages_.erase(page);
  }
  [[nodiscard]] std::uint64_t most_bytes() const { return most_ * kPage; }

 private:
  static constexpr std::uint64_t kPage = 4096;
  std::uint64_t size_;
  mutable std::set<std::uint64_t> pages_;
  mutable std::size_t most_ = 0;
};

struct SenderFixture {
  sim::SimWorld world{5};
  sim::SimHost& host = world.make_host("broker");
  sim::SimScheduler& home = host.make_scheduler();
  sim::SimScheduler& far = world.make_host("client").make_scheduler();
  sim::ConnectedPair pair = sim::connected_pair(world, far, home);
};

net::Awaitable<void> send_all(Sender& sender, std::span<const FileRange> ranges,
                              std::optional<Result<void>>& outcome) {
  for (const auto& range : ranges) {
    const std::vector<Piece> pieces{as_bytes("head"), Piece{range}};
    outcome = co_await sender.write(pieces);
    if (!*outcome) co_return;
  }
}

net::Awaitable<std::size_t> read_checked(net::Connection& from, std::span<const FileRange> ranges) {
  std::vector<std::byte> buffer(64 << 10);
  std::size_t range = 0;
  std::size_t in_range = 0;  // head included
  std::size_t total = 0;
  while (range < ranges.size()) {
    const auto got = co_await from.read_some(buffer);
    if (!got) break;
    for (std::size_t i = 0; i < *got; ++i, ++total) {
      const auto expected = in_range < 4 ? std::byte("head"[in_range])
                                         : ColdFile::at(ranges[range].position + in_range - 4);
      REQUIRE(buffer[i] == expected);
      if (++in_range == ranges[range].size + 4) {
        in_range = 0;
        ++range;
      }
    }
  }
  co_return total;
}

}  // namespace

TEST_CASE("sender: cold data arrives whole, and no thread of a shard waits for the disk",
          "[broker][fetch]") {
  SenderFixture f;
  const auto file = std::make_shared<ColdFile>(40 * kStep);
  std::vector<FileRange> ranges;
  std::size_t total = 0;
  for (std::uint64_t at = 100; at < 36 * kStep;) {
    const std::size_t size = 16'384 + at * 31 % (3 * kStep);
    ranges.push_back({file, at, size, 0});
    total += size + 4;
    at += size;
  }
  Sender sender{f.home, f.host.make_pool(), 4 * kStep, *f.pair.server};
  net::TaskGroup tasks{f.home.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(send_all(sender, ranges, outcome));
  const auto got = f.world.run(f.far, read_checked(*f.pair.client, ranges));
  CHECK(got == total);
  f.world.run(f.home, tasks.join());
  CHECK(outcome->has_value());
  // Ahead, behind, and what is being sent; 36 MiB passed through.
  CHECK(file->most_bytes() <= 4 * kStep + ColdReads::kBehindBytes + 4 * kStep);
}

TEST_CASE("sender: a connection that closes while data is brought in ends the write",
          "[broker][fetch]") {
  SenderFixture f;
  const auto file = std::make_shared<ColdFile>(8 * kStep);
  const std::vector<FileRange> ranges{{file, 0, 8 * kStep, 0}};
  auto& pool = f.host.make_pool();
  pool.set_delays(std::chrono::seconds{1}, std::chrono::seconds{1});
  Sender sender{f.home, pool, 4 * kStep, *f.pair.server};
  net::TaskGroup tasks{f.home.executor()};
  std::optional<Result<void>> outcome;
  tasks.spawn(send_all(sender, ranges, outcome));
  f.world.run_for(std::chrono::milliseconds{500});
  CHECK_FALSE(outcome.has_value());
  f.pair.server->close();
  f.world.run(f.home, tasks.join());
  CHECK(outcome->error() == make_error_code(net::Errc::closed));
}

}  // namespace millrace::broker
