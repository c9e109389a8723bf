#include "replication/quorum/quorum_disk.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "replication/quorum/entry_frame.hpp"
#include "replication/quorum/entry_log.hpp"
#include "tests/support/memory_files.hpp"

namespace millrace::replication::quorum {
namespace {

using consensus::Configuration;
using consensus::Entry;
using consensus::Index;
using consensus::Member;
using consensus::NodeId;
using consensus::NoOp;
using consensus::Payload;
using consensus::Position;
using consensus::Snapshot;
using consensus::Term;
using consensus::Ticket;
using consensus::VoterState;
using consensus::Write;

const std::filesystem::path kDirectory = "/data/quorum";

Member self() {
  SeededRng rng{7};
  return {NodeId{1}, rng.uuid()};
}

Entry said(std::int32_t term, std::string text) {
  return {Term{term}, Payload{std::move(text)}};
}

Write entries(std::int64_t first, std::vector<Entry> entries) {
  Write write;
  write.first = Index{first};
  write.entries = std::move(entries);
  return write;
}

Write state(std::int32_t term) {
  Write write;
  write.state = VoterState{Term{term}, self()};
  return write;
}

/// What a member remembers.
struct Memory {
  friend bool operator==(const Memory&, const Memory&) = default;
  VoterState state;
  Position snapshot;
  Index last;
  std::vector<Entry> entries;  // behind the snapshot
};

Memory memory_of(const Recovered& found) {
  Memory memory{found.voter.state,
                found.snapshot.snapshot.at,
                found.start.index.plus(found.entries.size()),
                {}};
  const auto kept = static_cast<std::size_t>(memory.snapshot.index - found.start.index);
  memory.entries.assign(found.entries.begin() + static_cast<std::ptrdiff_t>(kept),
                        found.entries.end());
  return memory;
}

std::variant<Memory, Problem> look(log::Files& files) {
  QuorumDisk disk{files, kDirectory};
  auto found = disk.recover();
  if (auto* problem = std::get_if<Problem>(&found)) return *problem;
  const auto& recovered = std::get<Recovered>(found);
  CHECK(recovered.voter.directory == self().directory);
  CHECK(recovered.shape().last().index == recovered.start.index.plus(recovered.entries.size()));
  return memory_of(recovered);
}

struct Stand {
  Stand() {
    REQUIRE(files.create_directories("/data"));
    REQUIRE(files.sync_directory("/"));
  }
  QuorumDisk open() {
    QuorumDisk disk{files, kDirectory};
    REQUIRE(std::holds_alternative<Recovered>(disk.recover()));
    return disk;
  }
  Memory memory() {
    auto found = look(files);
    if (const auto* problem = std::get_if<Problem>(&found)) FAIL(problem->text);
    return std::get<Memory>(found);
  }
  std::string refusal() {
    auto found = look(files);
    REQUIRE(std::holds_alternative<Problem>(found));
    return std::get<Problem>(found).text;
  }
  sim::MemoryFiles files;
};

Result<void> write(QuorumDisk& disk, Write what) {
  return disk.write(std::span{&what, 1});
}

TEST_CASE("quorum disk: a first voter begins with a snapshot that names it", "[quorum]") {
  Stand stand;
  QuorumDisk disk{stand.files, kDirectory};
  REQUIRE(disk.format_first(self()));
  const auto memory = stand.memory();
  CHECK(memory.snapshot == Position{Index{1}, Term{1}});
  CHECK(memory.state == VoterState{Term{1}, std::nullopt});
  auto found = QuorumDisk{stand.files, kDirectory}.recover();
  CHECK(std::get<Recovered>(found).snapshot.snapshot.configuration ==
        Configuration{.voters = {self()}, .learners = {}});
}

TEST_CASE("quorum disk: who will join begins with nothing but its id", "[quorum]") {
  Stand stand;
  QuorumDisk disk{stand.files, kDirectory};
  REQUIRE(disk.format_joining(self()));
  CHECK(stand.memory() == Memory{});
}

TEST_CASE("quorum disk: what was written is there at the next start, cut where it was cut",
          "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
  auto disk = stand.open();
  REQUIRE(write(disk, state(2)));
  REQUIRE(write(disk, entries(2, {{Term{2}, NoOp{}}, said(2, "a"), said(2, "b")})));
  REQUIRE(write(disk, state(4)));
  const Configuration two{.voters = {self()}, .learners = {{NodeId{2}, Uuid{}}}};
  REQUIRE(write(disk, entries(3, {said(3, "c"), {Term{4}, two}})));
  const auto memory = stand.memory();
  CHECK(memory.state.term == Term{4});
  CHECK(memory.last == Index{4});
  CHECK(memory.entries == std::vector<Entry>{{Term{2}, NoOp{}}, said(3, "c"), {Term{4}, two}});
}

TEST_CASE("quorum disk: a snapshot lets old files go, and a follower a little behind goes on",
          "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
  auto disk = stand.open();
  std::int64_t index = 2;
  Index before{1};
  for (int round = 0; round < 4; ++round) {
    REQUIRE(write(disk, entries(index, {said(1, "x"), said(1, "y")})));
    index += 2;
    const Snapshot snapshot{.at = {Index{index - 1}, Term{1}},
                            .configuration = {.voters = {self()}, .learners = {}}};
    REQUIRE(write_snapshot(stand.files, kDirectory, {snapshot, {"image"}}));
    REQUIRE(disk.compact(before));
    before = snapshot.at.index;
  }
  auto found = QuorumDisk{stand.files, kDirectory}.recover();
  const auto& recovered = std::get<Recovered>(found);
  CHECK(recovered.snapshot.snapshot.at.index == Index{9});
  CHECK(recovered.snapshot.pieces == std::vector<std::string>{"image"});
  CHECK(recovered.start.index == Index{7});
  CHECK(recovered.entries.size() == 2);
  CHECK(stand.files.names(kDirectory).size() == 5);  // two snapshots, state, sync-point, segment
}

TEST_CASE("quorum disk: a restore replaces the log, and what comes behind it is kept", "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
  auto disk = stand.open();
  REQUIRE(write(disk, entries(2, {said(1, "a"), said(1, "b")})));
  const Snapshot far{.at = {Index{50}, Term{3}},
                     .configuration = {.voters = {self()}, .learners = {}}};
  REQUIRE(write_snapshot(stand.files, kDirectory, {far, {"far"}}));
  REQUIRE(write(disk, state(3)));
  Write write_it = entries(51, {said(3, "c")});
  write_it.restore = far;
  REQUIRE(write(disk, write_it));
  const auto memory = stand.memory();
  CHECK(memory.snapshot == far.at);
  CHECK(memory.entries == std::vector<Entry>{said(3, "c")});
}

/// A history of writes; what the memory was before each is noted, and after the last.
struct History {
  using Step = std::function<Result<void>(QuorumDisk&, log::Files&)>;
  static std::vector<Step> steps() {
    const auto put = [](Write what) {
      return [what](QuorumDisk& disk, log::Files&) { return write(disk, what); };
    };
    const Snapshot taken{.at = {Index{4}, Term{2}},
                         .configuration = {.voters = {self()}, .learners = {}}};
    const Snapshot far{.at = {Index{40}, Term{5}},
                       .configuration = {.voters = {self()}, .learners = {}}};
    Write restore = entries(41, {said(5, "after")});
    restore.restore = far;
    return {
        put(state(2)),
        put(entries(2, {{Term{2}, NoOp{}}, said(2, "a"), said(2, "b"), said(2, "c")})),
        put(entries(6, {said(2, std::string(5'000, 'd')), said(2, "e")})),
        [taken](QuorumDisk& disk, log::Files& files) {
          if (auto done = write_snapshot(files, kDirectory, {taken, {"taken"}}); !done) return done;
          return disk.compact(Index{1});
        },
        put(entries(8, {said(2, "f"), said(2, "g")})),
        put(state(3)),
        put(entries(7, {said(3, "h")})),  // cuts across files
        put(state(5)),
        [far](QuorumDisk&, log::Files& files) {
          return write_snapshot(files, kDirectory, {far, {"far"}});
        },
        put(restore),
        put(entries(42, {said(5, "i"), said(5, "j")})),
    };
  }
};

/// What a start may make of a crash in a step: the memory before it or after it. Of entries that
/// the step appends any beginning may be there, and of those that it cuts off.
bool between(const Memory& found, const Memory& before, const Memory& after) {
  if (found == before || found == after) return true;
  if (found.state != before.state && found.state != after.state) return false;
  const auto common = [&](const Memory& whole) -> std::size_t {
    if (found.snapshot != whole.snapshot) return 0;
    const auto [mine, theirs] = std::ranges::mismatch(found.entries, whole.entries);
    return static_cast<std::size_t>(mine - found.entries.begin());
  };
  const auto [kept, end] = std::ranges::mismatch(before.entries, after.entries);
  const auto kept_by_both = static_cast<std::size_t>(kept - before.entries.begin());
  const auto here = found.entries.size();
  if (found.snapshot != before.snapshot && found.snapshot != after.snapshot) return false;
  if (before.snapshot != after.snapshot) return common(after) == here || common(before) == here;
  return here >= kept_by_both && (common(after) == here || common(before) == here);
}

TEST_CASE("quorum disk: a crash behind each call of each step leaves the old or the new",
          "[quorum]") {
  const auto steps = History::steps();
  std::size_t crashes = 0;
  for (std::size_t broken = 0; broken < steps.size(); ++broken) {
    for (std::uint64_t call = 1;; ++call) {
      Stand stand;
      REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
      auto disk = stand.open();
      for (std::size_t i = 0; i < broken; ++i) REQUIRE(steps[i](disk, stand.files));
      const auto before = stand.memory();
      auto fresh = stand.open();
      stand.files.lose_power_at_call(call);
      const bool done = steps[broken](fresh, stand.files).has_value();
      SeededRng rng{call * 31 + broken};
      stand.files.crash(rng);
      INFO("step " << broken << ", call " << call);
      const auto found = stand.memory();
      Stand whole;
      REQUIRE(QuorumDisk{whole.files, kDirectory}.format_first(self()));
      auto again = whole.open();
      for (std::size_t i = 0; i <= broken; ++i) REQUIRE(steps[i](again, whole.files));
      const auto after = whole.memory();
      if (done) {
        CHECK(found == after);
        break;
      }
      CHECK(between(found, before, after));
      ++crashes;
      // And it goes on from there.
      auto next = stand.open();
      REQUIRE(write(next, state(9)));
      REQUIRE(write(next, entries(found.last.value + 1, {said(9, "next")})));
      CHECK(stand.memory().entries.back() == said(9, "next"));
    }
  }
  CHECK(crashes > 50);
}

TEST_CASE("quorum disk: an entry that was durable and cannot be read is damage", "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
  auto disk = stand.open();
  REQUIRE(write(disk, entries(2, {said(1, "aaaa"), said(1, "bbbb")})));
  REQUIRE(write(disk, entries(4, {said(1, "cccc")})));
  const auto path = kDirectory / "00000000000000000002.log";
  const auto size = stand.files.size_of(path);
  SECTION("in the middle") {
    stand.files.flip_bit(path, 34, 3);
    CHECK(stand.refusal().find("damaged at byte 0") != std::string::npos);
  }
  SECTION("the last one, by the sync-point") {
    stand.files.flip_bit(path, size - 1, 3);
    CHECK(stand.refusal().find("ends with entry 3") != std::string::npos);
  }
  SECTION("the middle one, by what was written later, when the sync-point is lost") {
    stand.files.erase(kDirectory / "sync-point");
    stand.files.flip_bit(path, 34, 3);
    CHECK(stand.refusal().find("that was durable") != std::string::npos);
  }
  SECTION("the whole file") {
    stand.files.erase(path);
    CHECK(stand.refusal().find("was durable up to entry 4") != std::string::npos);
  }
  SECTION("the vote") {
    stand.files.flip_bit(kDirectory / "voter-state", 12, 0);
    CHECK(stand.refusal().find("voter-state") != std::string::npos);
  }
  SECTION("the vote is missing") {
    stand.files.erase(kDirectory / "voter-state");
    CHECK(stand.refusal().find("missing") != std::string::npos);
  }
  SECTION("the snapshot") {
    stand.files.flip_bit(kDirectory / "00000000000000000001-0000000001.snapshot", 20, 0);
    CHECK(stand.refusal().find("snapshot is damaged") != std::string::npos);
  }
}

TEST_CASE("quorum disk: bytes that nobody acknowledged are cut off", "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_first(self()));
  auto disk = stand.open();
  REQUIRE(write(disk, entries(2, {said(1, "a"), said(1, "b")})));
  const auto path = kDirectory / "00000000000000000002.log";
  auto bytes = stand.files.contents(path);
  const auto sound = bytes.size();
  // A write of two entries of which the disk got the second only.
  std::string torn;
  append_frame(torn, {Index{4}, Term{1}, Index{3}, said(1, "c")});
  const auto lost = torn.size();
  append_frame(torn, {Index{5}, Term{1}, Index{3}, said(1, "d")});
  std::fill_n(torn.begin(), lost, '\0');
  for (const char c : torn) bytes.push_back(static_cast<std::byte>(c));
  stand.files.put(path, bytes);
  CHECK(stand.memory().last == Index{3});
  CHECK(stand.files.size_of(path) == sound);
}

TEST_CASE("quorum disk: a snapshot that was received is checked as a whole", "[quorum]") {
  Stand stand;
  REQUIRE(QuorumDisk{stand.files, kDirectory}.format_joining(self()));
  auto disk = stand.open();
  REQUIRE(write(disk, state(2)));
  const Snapshot snapshot{.at = {Index{9}, Term{2}},
                          .configuration = {.voters = {self()}, .learners = {}}};
  REQUIRE(stand.files.create_directories("/other"));
  REQUIRE(write_snapshot(stand.files, "/other", {snapshot, {"one", "two"}}));
  const auto bytes = stand.files.contents(snapshot_path("/other", snapshot.at));
  auto receiver = SnapshotReceiver::begin(stand.files, kDirectory, snapshot.at);
  REQUIRE(receiver.has_value());
  const auto half = bytes.size() / 2;
  REQUIRE(receiver->add(Bytes{bytes}.first(half)));
  CHECK(receiver->finish().has_error());
  REQUIRE(receiver->add(Bytes{bytes}.subspan(half)));
  const auto contents = receiver->finish();
  REQUIRE(contents.has_value());
  CHECK(contents->snapshot == snapshot);
  CHECK(contents->pieces == std::vector<std::string>{"one", "two"});
  CHECK(stand.memory().snapshot.index == Index{9});
}

TEST_CASE("entry log: reads as much as was asked for, and forgets what is not kept", "[quorum]") {
  EntryLog log{{Index{3}, Term{1}}, {said(1, "aaaa"), said(1, "bbbb")}};
  log.take(entries(5, {said(2, "cccc"), said(2, "dddd")}));
  CHECK(log.last() == Index{6});
  CHECK(log.read(Index{4}, Index{6}, 1) == std::vector<Entry>{said(1, "aaaa")});
  CHECK(log.read(Index{4}, Index{6}, 1'000).size() == 3);
  log.forget(Index{5});
  CHECK(log.start() == Index{5});
  CHECK(log.at(Index{6}) == said(2, "dddd"));
}

}  // namespace
}  // namespace millrace::replication::quorum
