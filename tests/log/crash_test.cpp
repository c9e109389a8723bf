// Random histories on the simulated disk: append, sync, roll, truncate, delete, crash, open again.
// Whatever happened, everything below `synced_end()` must be there and equal, and nothing else may
// be there that was not appended.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/log/log_fixture.hpp"

namespace millrace::log {
namespace {

/// What the log should hold: every batch ever appended at an offset, and what is promised.
struct Model {
  struct Batch {
    Offset next;
    std::vector<std::byte> bytes;
  };
  std::map<Offset, Batch> batches;  // those of the present history, acknowledged or not
  Offset start;
  Offset promised;  // synced_end() of the log before the crash
};

struct Run {
  std::uint64_t appends = 0;
  std::uint64_t crashes = 0;
  std::uint64_t truncations = 0;
  std::uint64_t cuts = 0;  // recoveries that had to cut something
  std::string wrong;       // the first broken promise; empty: none
};

class History {
 public:
  History(std::uint64_t seed, bool lying) : rng_{seed} {
    config_.segment_bytes = 700 + rng_.below(2500);
    config_.index_interval_bytes = static_cast<std::uint32_t>(100 + rng_.below(600));
    config_.checkpoint_interval_bytes = 200 + rng_.below(6000);
    config_.tail_cache_bytes = rng_.below(3) * 4096;
    // What is created before the disk begins to lie is there.
    REQUIRE(files_.create_directories("/data"));
    REQUIRE(files_.sync_directory("/"));
    files_.lie_on_sync(lying);
  }

  Run play() {
    open();
    for (int crash = 0; crash < 4 && run_.wrong.empty(); ++crash) {
      const std::uint64_t steps = 5 + rng_.below(40);
      for (std::uint64_t i = 0; i < steps && run_.wrong.empty(); ++i) step();
      if (!run_.wrong.empty()) break;
      model_.promised = log_->synced_end();
      model_.start = log_->log_start();
      if (rng_.chance(1, 8)) {
        expect(log_->close().has_value(), "close failed");
        model_.promised = log_->log_end();
      }
      log_.reset();
      ++run_.crashes;
      if (rng_.chance(1, 5)) {
        files_.kill_process();
        model_.promised = std::max(model_.promised, written_);
      } else {
        files_.crash(rng_);
      }
      open();
      if (run_.wrong.empty()) check();
    }
    return run_;
  }

 private:
  void expect(bool holds, const std::string& what) {
    if (!holds && run_.wrong.empty()) run_.wrong = what;
  }

  void open() {
    damage_.all.clear();
    auto opened = PartitionLog::open(files_, kDir, config_, kNow, damage_);
    if (!opened) return expect(false, "open failed: " + opened.error().message());
    log_ = std::move(opened->log);
    if (opened->report.torn_bytes > 0 || opened->report.damages > 0) ++run_.cuts;
    for (const Damage& damage : damage_.all)
      expect(!damage.acknowledged,
             fmt::format("damage in what was acknowledged, offset {} of {}: {}",
                         damage.offset.value, damage.file.filename().string(), damage.what));
    expect(log_->state() == LogState::writable, "the log is not writable");
  }

  void step() {
    switch (rng_.below(16)) {
      case 0:
        sync_split();
        break;
      case 1:
      case 2:
        expect(log_->sync_now().has_value(), "sync failed");
        break;
      case 3:
        checkpoint();
        break;
      case 4:
        if (rng_.chance(1, 3)) truncate();
        break;
      case 5:
        if (rng_.chance(1, 4)) delete_front();
        break;
      case 6:
      case 7:
        expect(log_->write().has_value(), "write failed");
        break;
      default:
        append();
    }
    written_ = log_->written_end();
  }

  void append() {
    BatchSpec spec{.records = static_cast<int>(1 + rng_.below(4)),
                   .first_timestamp = Timestamp{kNow.value + static_cast<std::int64_t>(salt_)},
                   .value_bytes = rng_.below(120),
                   .salt = ++salt_};
    const ProducerId id{static_cast<std::int64_t>(rng_.below(3))};
    if (rng_.chance(2, 3)) {
      const ProducerEntry* const known = log_->producers().find(id);
      const ProducerBatch* const newest = known ? known->newest() : nullptr;
      const Sequence next = newest ? newest->last_sequence.plus(1) : Sequence{0};
      spec.producer = BatchBuilder::Producer{id, ProducerEpoch{0}, next};
      spec.transactional = rng_.chance(1, 4);
    }
    const auto batch = batch_of(spec);
    if (rng_.chance(1, 10)) ++epoch_;
    const auto info = log_->append(batch, LeaderEpoch{epoch_}, std::nullopt);
    if (!info) return expect(false, "append failed: " + info.error().message());
    auto stored = batch;
    protocol::patch_base_offset_and_epoch(stored, info->base, LeaderEpoch{epoch_});
    model_.batches[info->base] = {info->last.next(), stored};
    ++run_.appends;
  }

  /// The sync runs while the owner goes on.
  void sync_split() {
    expect(log_->write().has_value(), "write failed");
    const auto work = log_->take_sync();
    if (!work) return;
    const auto result = work->run();
    append();
    if (rng_.chance(1, 2)) expect(log_->write().has_value(), "write failed");
    if (rng_.chance(1, 6)) truncate();
    log_->synced(*work, result);
    expect(log_->synced_end() <= log_->written_end(), "synced past what is written");
  }

  void checkpoint() {
    const auto work = log_->take_checkpoint();
    if (!work) return;
    if (rng_.chance(1, 3)) append();
    const bool early = rng_.chance(1, 6);
    if (early) truncate();
    const auto result = work->run();
    if (!early && rng_.chance(1, 6)) truncate();
    log_->checkpointed(*work, result);
  }

  void truncate() {
    const auto span = static_cast<std::uint64_t>((log_->log_end() - log_->log_start()).value);
    const Offset end =
        log_->log_start() + OffsetDelta{static_cast<std::int64_t>(span - rng_.below(span + 1) / 4)};
    const auto done = log_->truncate_to(end);
    if (!done) return expect(false, "truncate failed: " + done.error().message());
    expect(log_->log_end() <= end, "truncated too little");
    std::erase_if(model_.batches,
                  [&](const auto& item) { return item.second.next > log_->log_end(); });
    expect(model_.batches.empty() || model_.batches.rbegin()->second.next == log_->log_end() ||
               log_->log_end() == log_->log_start(),
           "truncated too much");
    ++run_.truncations;
  }

  void delete_front() {
    const auto span = static_cast<std::uint64_t>((log_->synced_end() - log_->log_start()).value);
    const Offset start =
        log_->log_start() + OffsetDelta{static_cast<std::int64_t>(rng_.below(span + 1) / 2)};
    expect(log_->advance_log_start(start).has_value(), "advance failed");
    expect(log_->apply_retention(kNow, log_->synced_end()).has_value(), "retention failed");
    if (rng_.chance(1, 2)) expect(log_->purge(Timestamp{kNow.value * 2}).has_value(), "purge");
  }

  void check() {
    expect(log_->log_start() == model_.start,
           fmt::format("log start {} instead of {}", log_->log_start().value, model_.start.value));
    expect(log_->log_end() >= model_.promised,
           fmt::format("log end {} below the promised {}", log_->log_end().value,
                       model_.promised.value));
    expect(log_->synced_end() == log_->log_end(), "opened, but not synced");
    if (!run_.wrong.empty()) return;
    std::erase_if(model_.batches, [&](const auto& item) {
      return item.second.next > log_->log_end() || item.second.next <= log_->log_start();
    });
    Offset from = log_->log_start();
    for (const auto& [base, batch] : model_.batches) {
      const auto got = log_->read({from, log_->log_end(), 1, true});
      if (!got) return expect(false, "read failed: " + got.error().message());
      expect(got->batches.flatten() == batch.bytes,
             fmt::format("the batch at {} differs", base.value));
      if (!run_.wrong.empty()) return;
      from = got->next;
    }
    expect(from == log_->log_end(), "the log goes on behind the last batch appended");
    check_producers();
    check_epochs();
  }

  /// Windows of producers that still have batches in the log must be those of the batches.
  void check_producers() {
    ProducerState expected;
    for (const auto& [base, batch] : model_.batches) expected.apply(view_of(batch.bytes), kNow);
    for (const auto& [id, entry] : expected.entries()) {
      const ProducerEntry* const found = log_->producers().find(id);
      if (found == nullptr) return expect(false, fmt::format("producer {} is lost", id.value));
      expect(found->epoch == entry.epoch && found->newest() && entry.newest() &&
                 *found->newest() == *entry.newest(),
             fmt::format("producer {} has another newest batch", id.value));
      expect(found->batch_count >= entry.batch_count, "a producer's window shrank");
      for (std::size_t i = 1; i <= entry.batch_count; ++i)
        expect(found->batches[found->batch_count - i] == entry.batches[entry.batch_count - i],
               fmt::format("producer {} remembers other batches", id.value));
    }
    for (const auto& [id, entry] : log_->producers().entries())
      expect(!entry.newest() || entry.newest()->last_offset < log_->log_end(),
             "a producer remembers a batch that is not in the log");
  }

  void check_epochs() {
    for (const auto& [base, batch] : model_.batches) {
      if (base < log_->log_start()) continue;
      expect(log_->epoch_at(base) == view_of(batch.bytes).leader_epoch(),
             fmt::format("the epoch at {} differs", base.value));
    }
  }

  SeededRng rng_;
  LogConfig config_;
  MemoryFiles files_;
  DamageList damage_;
  std::unique_ptr<PartitionLog> log_;
  Model model_;
  Run run_;
  Offset written_;
  std::uint64_t salt_ = 0;
  std::int32_t epoch_ = 0;
};

TEST_CASE("crash: what was synced is there, and nothing else", "[log][crash]") {
  Run all;
  std::string wrong;
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 2000 && failed < 10; ++seed) {
    const Run run = History{seed, false}.play();
    if (!run.wrong.empty()) {
      ++failed;
      wrong += fmt::format("seed {}: {}\n", seed, run.wrong);
    }
    all.appends += run.appends;
    all.crashes += run.crashes;
    all.truncations += run.truncations;
    all.cuts += run.cuts;
  }
  REQUIRE(wrong == "");
  // The histories must have met what they are about.
  CHECK(all.appends > 20'000);
  CHECK(all.crashes > 6'000);
  CHECK(all.truncations > 1'000);
  CHECK(all.cuts > 500);
}

TEST_CASE("crash: a disk that lies about syncs is found out", "[log][crash]") {
  int found_out = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed)
    if (!History{seed, true}.play().wrong.empty()) ++found_out;
  REQUIRE(found_out > 40);
}

}  // namespace
}  // namespace millrace::log
