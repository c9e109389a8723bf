// Random histories of several logs that share one journal, on the simulated disk. Whatever a power
// failure leaves of segments and journal: what was promised is there, in order, and nothing else
// that was not appended there.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "log/file_names.hpp"
#include "log/journal/journal.hpp"
#include "log/journal/journal_files.hpp"
#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

const std::filesystem::path kJournalDir{"/data/journal"};
constexpr std::size_t kLogs = 3;
/// Small, so that files are used again soon, or large enough for more groups than are in flight.
constexpr std::uint64_t kFileBytes[] = {2 * kJournalBlockBytes, 24 * kJournalBlockBytes};

enum class Mutant : std::uint8_t {
  none,
  no_floor,           // a truncation does not tell the journal's reader
  early_recycling,    // a journal file is used again before the segments are synced
  unordered_durable,  // a group counts although one before it is still on its way
};

struct Replica {
  std::filesystem::path dir;
  JournalKey key;
  std::unique_ptr<PartitionLog> log;
  std::map<Offset, std::pair<Offset, std::vector<std::byte>>> model;  // base: next, bytes
  Offset promised;
  Offset start;
};

struct Totals {
  std::uint64_t journaled = 0;
  std::uint64_t replayed_bytes = 0;
  std::uint64_t truncations = 0;
};

/// Hides the floor of the journal, as if nobody had written it.
class NoFloorFiles final : public Files {
 public:
  explicit NoFloorFiles(Files& files) : files_{files} {}
  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override {
    return files_.open(path, mode);
  }
  Result<void> create_directories(const Path& path) override {
    return files_.create_directories(path);
  }
  Result<void> rename(const Path& from, const Path& to) override {
    if (to.filename() == kJournalFloorFile) return files_.remove(from);
    return files_.rename(from, to);
  }
  Result<void> remove(const Path& path) override { return files_.remove(path); }
  Result<void> remove_all(const Path& path) override { return files_.remove_all(path); }
  Result<std::vector<DirectoryEntry>> list(const Path& dir) override { return files_.list(dir); }
  Result<bool> exists(const Path& path) override { return files_.exists(path); }
  Result<void> sync_directory(const Path& dir) override { return files_.sync_directory(dir); }
  Result<void> sync_all(const Path& dir) override { return files_.sync_all(dir); }
  Result<DiskSpace> space(const Path& path) override { return files_.space(path); }
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const Path& dir) override {
    return files_.lock_directory(dir);
  }

 private:
  Files& files_;
};

class SharedHistory {
 public:
  SharedHistory(std::uint64_t seed, Mutant mutant) : rng_{seed}, mutant_{mutant}, no_floor_{disk_} {
    file_bytes_ = kFileBytes[rng_.below(2)];
    config_.segment_bytes = 700 + rng_.below(2500);
    config_.index_interval_bytes = static_cast<std::uint32_t>(100 + rng_.below(600));
    config_.checkpoint_interval_bytes = 200 + rng_.below(6000);
    config_.tail_cache_bytes = rng_.below(3) * 4096;
    REQUIRE(disk_.create_directories("/data"));
    REQUIRE(disk_.sync_directory("/"));
    for (std::size_t i = 0; i < kLogs; ++i) {
      logs_[i].dir = fmt::format("/data/orders-{}", i);
      logs_[i].key.topic.bytes[0] = static_cast<std::uint8_t>(1 + i);
    }
  }

  /// The first broken promise; empty: none.
  std::string play(Totals& totals) {
    open();
    for (int crash = 0; crash < 4 && wrong_.empty(); ++crash) {
      const std::uint64_t steps = 10 + rng_.below(110);
      for (std::uint64_t i = 0; i < steps && wrong_.empty(); ++i) step();
      for (Replica& replica : logs_) {
        replica.promised = replica.log->synced_end();
        replica.start = replica.log->log_start();
      }
      for (JournalWrite& work : out_)  // some arrived, and nobody heard of it
        if (rng_.chance(1, 2)) static_cast<void>(work.run());
      out_.clear();
      for (Replica& replica : logs_) replica.log.reset();
      if (rng_.chance(1, 6))
        disk_.kill_process();
      else
        disk_.crash(rng_);
      open();
      for (Replica& replica : logs_)
        if (wrong_.empty()) check(replica);
    }
    totals.journaled += totals_.journaled;
    totals.replayed_bytes += totals_.replayed_bytes;
    totals.truncations += totals_.truncations;
    return wrong_;
  }

 private:
  Files& files() {
    if (mutant_ == Mutant::no_floor) return no_floor_;
    return disk_;
  }
  void expect(bool holds, const std::string& what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }

  void open() {
    damage_.all.clear();
    JournalContents contents;
    const auto life = read_journal_life(files(), kJournalDir);
    if (!life) return expect(false, "the journal's life cannot be read");
    if (*life && (*life)->in_use)
      contents = JournalContents::read(files(), kJournalDir, (*life)->number, damage_).value();
    for (Replica& replica : logs_) {
      auto opened = PartitionLog::open(files(), replica.dir, config_, kNow, damage_,
                                       contents.of(replica.key));
      if (!opened) return expect(false, "open failed: " + opened.error().message());
      replica.log = std::move(opened->log);
      totals_.replayed_bytes += opened->report.journal_bytes;
      expect(replica.log->state() == LogState::writable, "a log is not writable");
    }
    for (const Damage& damage : damage_.all)
      expect(!damage.acknowledged,
             fmt::format("damage in what was acknowledged, offset {} of {}: {}",
                         damage.offset.value, damage.file.string(), damage.what));
    auto prepared = prepare_journal_files(files(), kJournalDir, 0, 2, file_bytes_).value();
    const JournalLife next{.number = rng_.next(), .in_use = true};
    REQUIRE(write_journal_life(files(), kJournalDir, next));
    journal_ = std::make_unique<Journal>(std::move(prepared.files), file_bytes_, next.number);
  }

  void step() {
    Replica& replica = logs_[rng_.below(kLogs)];
    switch (rng_.below(20)) {
      case 0:
        sync(replica);
        break;
      case 1:
        checkpoint(replica);
        break;
      case 2:
        if (rng_.chance(1, 2)) truncate(replica);
        break;
      case 3:
        if (rng_.chance(1, 3)) delete_front(replica);
        break;
      case 4:
      case 5:
      case 6:
        finish_write();
        break;
      case 7:
      case 8:
        start_write();
        break;
      case 9:
        settle();
        break;
      case 10:
      case 11:
      case 12:
      case 13:
        journal(replica);
        break;
      default:
        append(replica);
    }
  }

  void append(Replica& replica) {
    const auto batch = batch_of({.records = static_cast<int>(1 + rng_.below(4)),
                                 .value_bytes = rng_.below(150),
                                 .salt = ++salt_});
    const auto info = replica.log->append(batch, LeaderEpoch{0}, std::nullopt);
    if (!info) return expect(false, "append failed: " + info.error().message());
    auto stored = batch;
    protocol::patch_base_offset_and_epoch(stored, info->base, LeaderEpoch{0});
    replica.model[info->base] = {info->last.next(), stored};
  }

  void journal(Replica& replica) {
    expect(replica.log->write_and_keep().has_value(), "write failed");
    if (const auto part = replica.log->unjournaled()) {
      const auto position = journal_->add({.key = replica.key,
                                           .base = part->base,
                                           .end = part->end,
                                           .generation = part->generation},
                                          part->batches);
      if (position) {
        replica.log->journal_took(part->end, *position);
        ++totals_.journaled;
      }
    }
    if (rng_.chance(3, 4)) replica.log->trim_cache();
  }

  void start_write() {
    if (auto work = journal_->take_write()) out_.push_back(std::move(*work));
    if (mutant_ == Mutant::early_recycling)
      for (const JournalKey& key : journal_->take_unsettled()) journal_->forget(key);
  }

  void finish_write() {
    if (out_.empty()) return;
    const std::size_t which = rng_.below(out_.size());
    JournalWrite work = std::move(out_[which]);
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(which));
    const auto result = work.run();
    auto outcome = journal_->written(std::move(work), result);
    expect(outcome.lost.empty(), "a journal write failed");
    for (const auto& entry : outcome.durable) {
      for (Replica& replica : logs_)
        if (replica.key == entry.key) replica.log->journaled(entry.end, entry.generation);
    }
    if (mutant_ == Mutant::unordered_durable && outcome.durable.empty()) {
      for (Replica& replica : logs_)
        if (const auto part = last_taken(replica)) replica.log->journaled(*part, 0);
    }
  }

  /// What the mutant takes for durable: everything that was ever given to the journal.
  static std::optional<Offset> last_taken(const Replica& replica) {
    if (replica.log->needs_sync()) return std::nullopt;
    return replica.log->written_end();
  }

  void settle() {
    for (const JournalKey& key : journal_->take_unsettled()) unsettled_.push_back(key);
    if (unsettled_.empty()) return;
    for (Replica& replica : logs_)
      if (replica.key == unsettled_.back()) sync(replica);
    unsettled_.pop_back();
  }

  void sync(Replica& replica) {
    expect(replica.log->write().has_value(), "write failed");
    const auto work = replica.log->take_sync();
    if (work) {
      const auto result = work->run();
      if (rng_.chance(1, 3)) append(replica);
      if (rng_.chance(1, 3)) journal(replica);
      if (rng_.chance(1, 8)) truncate(replica);
      replica.log->synced(*work, result);
    }
    journal_->settled(replica.key, replica.log->files_synced_end());
  }

  void checkpoint(Replica& replica) {
    const auto work = replica.log->take_checkpoint();
    if (work) replica.log->checkpointed(*work, work->run());
  }

  void truncate(Replica& replica) {
    PartitionLog& log = *replica.log;
    const auto span = static_cast<std::uint64_t>((log.log_end() - log.log_start()).value);
    const Offset end =
        log.log_start() + OffsetDelta{static_cast<std::int64_t>(span - rng_.below(span + 1) / 3)};
    const auto done = log.truncate_to(end);
    if (!done) return expect(false, "truncate failed: " + done.error().message());
    std::erase_if(replica.model,
                  [&](const auto& item) { return item.second.first > log.log_end(); });
    if (!log.has_unsynced_files() && !log.needs_sync()) journal_->forget(replica.key);
    ++totals_.truncations;
  }

  void delete_front(Replica& replica) {
    PartitionLog& log = *replica.log;
    const auto span = static_cast<std::uint64_t>((log.synced_end() - log.log_start()).value);
    const Offset start =
        log.log_start() + OffsetDelta{static_cast<std::int64_t>(rng_.below(span + 1))};
    expect(log.advance_log_start(start).has_value(), "advance failed");
    expect(log.apply_retention(kNow, log.synced_end()).has_value(), "retention failed");
  }

  void check(Replica& replica) {
    const PartitionLog& log = *replica.log;
    const std::string who = replica.dir.filename().string() + ": ";
    expect(log.log_start() == replica.start,
           who + fmt::format("log start {} instead of {}", log.log_start().value,
                             replica.start.value));
    expect(log.log_end() >= replica.promised,
           who + fmt::format("log end {} below the promised {}", log.log_end().value,
                             replica.promised.value));
    std::erase_if(replica.model, [&](const auto& item) {
      return item.second.first > log.log_end() || item.second.first <= log.log_start();
    });
    Offset from = log.log_start();
    for (const auto& [base, batch] : replica.model) {
      if (!wrong_.empty()) return;
      const auto got = log.read({from, log.log_end(), 1, true});
      if (!got) return expect(false, who + "read failed: " + got.error().message());
      expect(got->batches.flatten() == batch.second,
             who + fmt::format("the batch at {} differs", base.value));
      from = got->next;
    }
    expect(from == log.log_end(), who + "the log goes on behind the last batch appended");
  }

  SeededRng rng_;
  std::uint64_t file_bytes_ = 0;
  Mutant mutant_;
  LogConfig config_;
  MemoryFiles disk_;
  NoFloorFiles no_floor_;
  DamageList damage_;
  std::array<Replica, kLogs> logs_;
  std::unique_ptr<Journal> journal_;
  std::vector<JournalWrite> out_;
  std::vector<JournalKey> unsettled_;
  Totals totals_;
  std::string wrong_;
  std::uint64_t salt_ = 0;
};

TEST_CASE("journal: what was promised survives power failures, and nothing else comes up",
          "[log][journal][crash]") {
  Totals totals;
  std::string wrong;
  for (std::uint64_t seed = 1; seed <= 1500 && wrong.empty(); ++seed) {
    wrong = SharedHistory{seed, Mutant::none}.play(totals);
    if (!wrong.empty()) wrong = fmt::format("seed {}: {}", seed, wrong);
  }
  REQUIRE(wrong == "");
  // The runs were of some use.
  CHECK(totals.journaled > 10'000);
  CHECK(totals.replayed_bytes > 100'000);
  CHECK(totals.truncations > 500);
}

TEST_CASE("journal: the histories tell each way to get it wrong", "[log][journal][crash]") {
  const auto mutant =
      GENERATE(Mutant::no_floor, Mutant::early_recycling, Mutant::unordered_durable);
  Totals totals;
  std::string wrong;
  for (std::uint64_t seed = 1; seed <= 1500 && wrong.empty(); ++seed)
    wrong = SharedHistory{seed, mutant}.play(totals);
  CAPTURE(static_cast<int>(mutant));
  CHECK(wrong != "");
}

}  // namespace
}  // namespace millrace::log
