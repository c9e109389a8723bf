#include "log/journal/journal.hpp"

#include "log/journal/journal_files.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

const std::filesystem::path kJournalDir{"/data/journal"};
constexpr std::uint64_t kLife = 0x1234567890abcdef;

JournalKey key_of(int n) {
  JournalKey key;
  key.topic.bytes[15] = static_cast<std::uint8_t>(n);
  key.partition = PartitionIndex{n};
  return key;
}

BytesChain bytes_of(std::size_t size, char fill) {
  return BytesChain{SharedBytes::copy_of(as_bytes(std::string(size, fill)))};
}

Journal::Entry entry_of(int key, int base, int end) {
  return {.key = key_of(key), .base = Offset{base}, .end = Offset{end}, .generation = 7};
}

/// A journal of small files on a memory disk.
struct JournalFixture {
  explicit JournalFixture(std::size_t slots = 2,
                          std::uint64_t file_bytes = 4 * kJournalBlockBytes) {
    REQUIRE(files.create_directories("/data"));
    REQUIRE(files.sync_directory("/"));
    auto prepared = prepare_journal_files(files, kJournalDir, 0, slots, file_bytes).value();
    journal = std::make_unique<Journal>(std::move(prepared.files), file_bytes, kLife);
  }
  Journal::Outcome run(JournalWrite work) {
    const auto result = work.run();
    return journal->written(std::move(work), result);
  }
  JournalContents contents() {
    return JournalContents::read(files, kJournalDir, kLife, damage).value();
  }
  MemoryFiles files;
  DamageList damage;
  std::unique_ptr<Journal> journal;
};

TEST_CASE("journal: one write makes the batches of many partitions durable", "[log][journal]") {
  JournalFixture f;
  REQUIRE((f.journal->add(entry_of(1, 0, 3), bytes_of(100, 'a')) == JournalPosition{kLife, 1, 0}));
  REQUIRE((f.journal->add(entry_of(2, 5, 6), bytes_of(200, 'b')) == JournalPosition{kLife, 1, 1}));
  auto work = f.journal->take_write();
  REQUIRE(work);
  REQUIRE_FALSE(f.journal->take_write());
  const auto outcome = f.run(std::move(*work));
  REQUIRE(outcome.durable == std::vector{entry_of(1, 0, 3), entry_of(2, 5, 6)});
  REQUIRE(outcome.lost.empty());

  SeededRng rng{1};
  f.files.crash(rng);
  const auto contents = f.contents();
  REQUIRE(contents.partitions() == 2);
  const auto runs = contents.of(key_of(2));
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].base == Offset{5});
  CHECK(runs[0].end == Offset{6});
  CHECK(runs[0].batches == SharedBytes::copy_of(as_bytes(std::string(200, 'b'))));
  CHECK(contents.of(key_of(3)).empty());
}

TEST_CASE("journal: groups count as durable in their order, however they finish",
          "[log][journal]") {
  JournalFixture f;
  std::vector<JournalWrite> out;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.journal->add(entry_of(i, i, i + 1), bytes_of(10, 'x')));
    out.push_back(f.journal->take_write().value());
  }
  CHECK(f.run(std::move(out[2])).durable.empty());
  CHECK(f.run(std::move(out[1])).durable.empty());
  CHECK(f.run(std::move(out[0])).durable ==
        std::vector{entry_of(0, 0, 1), entry_of(1, 1, 2), entry_of(2, 2, 3)});
}

TEST_CASE("journal: a few writes are out at a time, and the next group builds up meanwhile",
          "[log][journal]") {
  JournalFixture f{2, 64 * kJournalBlockBytes};
  std::vector<JournalWrite> out;
  for (std::size_t i = 0; i < Journal::kInFlightMax; ++i) {
    REQUIRE(f.journal->add(entry_of(1, static_cast<int>(i), static_cast<int>(i + 1)),
                           bytes_of(10, 'x')));
    out.push_back(f.journal->take_write().value());
  }
  REQUIRE(f.journal->add(entry_of(2, 0, 1), bytes_of(10, 'x')));
  REQUIRE(f.journal->add(entry_of(3, 0, 1), bytes_of(10, 'x')));
  REQUIRE_FALSE(f.journal->take_write());
  f.run(std::move(out[0]));
  auto next = f.journal->take_write();
  REQUIRE(next);
  for (std::size_t i = 1; i < out.size(); ++i) f.run(std::move(out[i]));
  CHECK(f.run(std::move(*next)).durable == std::vector{entry_of(2, 0, 1), entry_of(3, 0, 1)});
}

TEST_CASE("journal: what is written and waits for a slow one before it counts as being out",
          "[log][journal]") {
  // Recovery takes a group for durable that lies so many behind the newest: the slow one must not.
  JournalFixture f{2, 64 * kJournalBlockBytes};
  std::vector<JournalWrite> out;
  for (std::size_t i = 0; i < Journal::kInFlightMax; ++i) {
    REQUIRE(f.journal->add(entry_of(1, static_cast<int>(i), static_cast<int>(i + 1)),
                           bytes_of(10, 'x')));
    out.push_back(f.journal->take_write().value());
  }
  REQUIRE(f.journal->add(entry_of(2, 0, 1), bytes_of(10, 'x')));
  for (std::size_t i = 1; i < out.size(); ++i) CHECK(f.run(std::move(out[i])).durable.empty());
  CHECK_FALSE(f.journal->take_write());
  CHECK(f.run(std::move(out[0])).durable.size() == Journal::kInFlightMax);
  CHECK(f.journal->take_write());
}

TEST_CASE("journal: a failed write loses what lies behind it too, and nothing is taken any more",
          "[log][journal]") {
  JournalFixture f;
  std::vector<JournalWrite> out;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.journal->add(entry_of(i, 0, 1), bytes_of(10, 'x')));
    out.push_back(f.journal->take_write().value());
  }
  REQUIRE(f.journal->add(entry_of(3, 0, 1), bytes_of(10, 'x')));
  CHECK(f.run(std::move(out[0])).durable == std::vector{entry_of(0, 0, 1)});
  f.files.fail_call(1, FileCall::write);
  const auto failed = f.run(std::move(out[1]));
  CHECK(failed.durable.empty());
  CHECK(failed.lost == std::vector{entry_of(1, 0, 1), entry_of(2, 0, 1), entry_of(3, 0, 1)});
  const auto late = f.run(std::move(out[2]));
  CHECK(late.durable.empty());
  CHECK(late.lost.empty());
  CHECK_FALSE(f.journal->add(entry_of(4, 0, 1), bytes_of(10, 'x')));
  CHECK_FALSE(f.journal->take_write());
}

TEST_CASE("journal: a file is used again once its partitions' segments are synced",
          "[log][journal]") {
  JournalFixture f{2, 2 * kJournalBlockBytes};
  const auto put = [&](int key, int base) {
    if (!f.journal->add(entry_of(key, base, base + 1), bytes_of(10, 'x'))) return false;
    auto work = f.journal->take_write();
    if (!work) return false;
    f.run(std::move(*work));
    return true;
  };
  REQUIRE(put(1, 0));
  REQUIRE(put(2, 0));
  REQUIRE(f.journal->take_unsettled().empty());
  REQUIRE(put(1, 1));  // the second file
  REQUIRE(f.journal->take_unsettled() == std::vector{key_of(1), key_of(2)});
  REQUIRE(put(1, 2));
  // Both files are full. One entry is taken and waits, the next ones are for the segments to sync.
  REQUIRE_FALSE(put(3, 0));
  REQUIRE_FALSE(f.journal->add(entry_of(4, 0, 1), bytes_of(10, 'x')));
  REQUIRE(f.journal->take_unsettled() == std::vector{key_of(1)});
  f.journal->settled(key_of(1), Offset{3});
  REQUIRE_FALSE(f.journal->take_write());
  SECTION("the other partition is synced") {
    f.journal->settled(key_of(2), Offset{1});
  }
  SECTION("the other partition is deleted") {
    f.journal->forget(key_of(2));
  }
  auto work = f.journal->take_write();
  REQUIRE(work);
  CHECK(f.run(std::move(*work)).durable == std::vector{entry_of(3, 0, 1)});
  CHECK(put(4, 0));
}

TEST_CASE("journal: what is too large for it is left to the segment's own sync", "[log][journal]") {
  JournalFixture f;
  CHECK_FALSE(f.journal->add(entry_of(1, 0, 1), bytes_of(Journal::kEntryBytesMax + 1, 'x')));
  CHECK_FALSE(f.journal->add(entry_of(1, 0, 1), bytes_of(4 * kJournalBlockBytes, 'x')));
  CHECK_FALSE(f.journal->take_write());
}

TEST_CASE("journal: no changed byte of a group passes for one", "[log][journal]") {
  JournalFixture f;
  REQUIRE(f.journal->add(entry_of(1, 0, 3), bytes_of(100, 'a')));
  f.run(f.journal->take_write().value());
  const auto file = f.files.read_all(kJournalDir / journal_file_name(0, 0)).value();
  const auto whole = parse_journal_group(file);
  REQUIRE(whole);
  for (std::size_t at = 0; at < whole->size_bytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = file;
      changed[at] ^= static_cast<std::byte>(1 << bit);
      CHECK_FALSE(parse_journal_group(changed));
    }
  }
  for (std::size_t length = 0; length < whole->size_bytes; ++length)
    CHECK_FALSE(parse_journal_group(Bytes{file}.first(length)));
}

TEST_CASE("journal: groups of other lives and of earlier rounds are not read", "[log][journal]") {
  JournalFixture f{2, 2 * kJournalBlockBytes};
  for (int i = 0; i < 5; ++i) {
    REQUIRE(f.journal->add(entry_of(1, i, i + 1), bytes_of(10, static_cast<char>('a' + i))));
    f.run(f.journal->take_write().value());
    f.journal->settled(key_of(1), Offset{i + 1});
  }
  // Two files of two blocks: groups 3 and 4 in the second, 5 over 1 in the first, 2 behind it.
  std::vector<Offset> bases;
  for (const JournalRun& run : f.contents().of(key_of(1))) bases.push_back(run.base);
  CHECK(bases == std::vector{Offset{2}, Offset{3}, Offset{4}});
  CHECK(f.damage.all.empty());
  CHECK(JournalContents::read(f.files, kJournalDir, kLife + 1, f.damage)->partitions() == 0);
}

TEST_CASE("journal: a hole is damage where groups were durable, and a torn end above",
          "[log][journal]") {
  JournalFixture f{2, 16 * kJournalBlockBytes};
  for (int i = 0; i < 8; ++i) {
    REQUIRE(f.journal->add(entry_of(i, 0, 1), bytes_of(10, 'x')));
    f.run(f.journal->take_write().value());
  }
  const auto path = kJournalDir / journal_file_name(0, 0);
  const auto zero_block = [&](std::uint64_t block) {
    const auto file = f.files.open(path, OpenMode::read_write).value();
    const std::vector<std::byte> zeros(kJournalBlockBytes);
    const std::vector<Bytes> pieces{zeros};
    REQUIRE(file->write_at(pieces, block * kJournalBlockBytes));
  };
  SECTION("above") {
    zero_block(6);
    const auto contents = f.contents();
    CHECK(f.damage.all.empty());
    CHECK(contents.of(key_of(6)).empty());
    REQUIRE(contents.of(key_of(7)).size() == 1);
    CHECK_FALSE(contents.of(key_of(7))[0].confirmed);
    CHECK(contents.of(key_of(3))[0].confirmed);
  }
  SECTION("below") {
    zero_block(2);
    const auto contents = f.contents();
    REQUIRE(f.damage.all.size() == 1);
    CHECK(f.damage.all[0].file == path);
    CHECK(f.damage.all[0].acknowledged);
    CHECK(contents.of(key_of(3)).size() == 1);
  }
}

TEST_CASE("journal: its life comes back as it was written", "[log][journal]") {
  MemoryFiles files;
  REQUIRE(files.create_directories(kJournalDir));
  REQUIRE_FALSE(read_journal_life(files, kJournalDir).value().has_value());
  const JournalLife life{.number = 77, .in_use = true};
  REQUIRE(write_journal_life(files, kJournalDir, life));
  CHECK((read_journal_life(files, kJournalDir).value() == life));
  auto bytes = life.encode();
  bytes.back() ^= std::byte{2};
  CHECK(JournalLife::decode(bytes).error() == make_error_code(Errc::corrupt_file));
}

TEST_CASE("journal: files that are there are kept, others are written, surplus ones go",
          "[log][journal]") {
  JournalFixture f{3, 2 * kJournalBlockBytes};
  REQUIRE(f.journal->add(entry_of(1, 0, 1), bytes_of(10, 'x')));
  f.run(f.journal->take_write().value());
  REQUIRE(prepare_journal_files(f.files, kJournalDir, 0, 2, 2 * kJournalBlockBytes).has_value());
  REQUIRE(prepare_journal_files(f.files, kJournalDir, 1, 2, 2 * kJournalBlockBytes).has_value());
  CHECK(f.contents().of(key_of(1)).size() == 1);
  CHECK(f.files.list(kJournalDir)->size() == 4);
  REQUIRE(remove_surplus_journals(f.files, kJournalDir, 1));
  CHECK(f.files.list(kJournalDir)->size() == 2);
}

}  // namespace
}  // namespace millrace::log
