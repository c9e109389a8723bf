// Random histories of keyed records with compaction in the middle of everything, on the simulated
// disk: whatever happens, a reader of committed data finds the latest value of every key, nothing
// that was not written, and no offset twice.
#include <fmt/format.h>

#include <algorithm>

#include "log/file_names.hpp"
#include "tests/log/compaction/compaction_fixture.hpp"

namespace millrace::log {
namespace {

using protocol::ControlType;
using std::chrono::milliseconds;

using Table = std::map<std::string, std::pair<Offset, std::optional<std::string>>>;

/// A reader of committed data: takes a transaction's records when it commits.
class CommittedReader {
 public:
  void take(const BatchView& batch) {
    const auto producer = batch.producer_id();
    if (batch.is_control()) {
      const auto key = records_of(batch);
      if (key.empty()) return;  // a marker that compaction emptied
      const auto type = load_be<std::int16_t>(as_bytes(*key.front().record.key).data() + 2);
      for (auto& found : std::exchange(pending_[*producer], {}))
        if (type == static_cast<std::int16_t>(ControlType::commit)) accept(found);
      return;
    }
    for (auto& found : records_of(batch)) {
      if (batch.is_transactional())
        pending_[*producer].push_back(found);
      else
        accept(found);
    }
  }
  /// Latest by offset, not by time of commit: that is what a compacted log keeps.
  Table table;

 private:
  void accept(const FoundRecord& found) {
    auto& [offset, value] = table[*found.record.key];
    if (found.offset < offset) return;
    offset = found.offset;
    value = found.record.value;
  }
  std::map<ProducerId, std::vector<FoundRecord>> pending_;
};

struct Tally {
  std::uint64_t passes = 0;
  std::uint64_t swaps = 0;
  std::uint64_t crashes = 0;
  std::uint64_t in_pass = 0;  // crashes with a pass out
  std::uint64_t dropped = 0;
  std::string wrong;
};

enum class Cheat : std::uint8_t { none, disk_lies, last_value_lost };

class KeyedHistory {
 public:
  KeyedHistory(std::uint64_t seed, Cheat cheat) : rng_{seed}, cheat_{cheat} {
    config_ = CompactionFixture::compact_config();
    config_.segment_bytes = 400 + rng_.below(1200);
    config_.index_interval_bytes = static_cast<std::uint32_t>(80 + rng_.below(400));
    config_.checkpoint_interval_bytes = 200 + rng_.below(2000);
    config_.delete_retention = milliseconds{rng_.below(3) * 40};
    config_.tail_cache_bytes = rng_.below(2) * 4096;
    if (rng_.chance(1, 3)) config_.max_compaction_lag = milliseconds{50};
    if (rng_.chance(1, 3)) config_.min_compaction_lag = milliseconds{20};
    REQUIRE(files_.create_directories("/data"));
    REQUIRE(files_.sync_directory("/"));
    files_.lie_on_sync(cheat == Cheat::disk_lies);
  }

  Tally play() {
    open();
    for (int crash = 0; crash < 4 && fine(); ++crash) {
      for (std::uint64_t i = 20 + rng_.below(80); i > 0 && fine(); --i) step();
      if (fine()) end_of_life();
    }
    return tally_;
  }

 private:
  struct Batch {
    Offset next;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] bool fine() const { return tally_.wrong.empty(); }
  void expect(bool holds, const std::string& what) {
    if (!holds && fine()) tally_.wrong = what;
  }
  [[nodiscard]] Timestamp now() const { return Timestamp{kNow.value + clock_}; }

  void open() {
    damage_.all.clear();
    auto opened = PartitionLog::open(files_, kDir, config_, now(), damage_);
    if (!opened) return expect(false, "open failed: " + opened.error().message());
    log_ = std::move(opened->log);
    for (const Damage& damage : damage_.all)
      expect(!damage.acknowledged, "damage in what was acknowledged: " + damage.what);
    expect(log_->state() == LogState::writable, "the log is not writable");
  }

  void step() {
    clock_ += static_cast<std::int64_t>(rng_.below(4));
    switch (rng_.below(18)) {
      case 0:
      case 1:
        return expect(log_->sync_now().has_value(), "sync failed");
      case 2:
        return settle();
      case 3:
      case 4:
      case 5:
        return compaction_step();
      case 6:
        settle();
        return whole_pass();
      case 7:
        if (rng_.chance(1, 8)) truncate();
        return;
      case 8:
        if (rng_.chance(1, 4)) advance_start();
        return;
      case 9:
        return marker();
      default:
        return append();
    }
  }

  void settle() {
    expect(log_->sync_now().has_value(), "sync failed");
    if (const auto work = log_->take_checkpoint()) log_->checkpointed(*work, work->run());
  }

  void append() {
    KeyedBatch spec{.first_timestamp = now(), .codec = static_cast<protocol::Codec>(rng_.below(5))};
    for (std::uint64_t n = 1 + rng_.below(4); n > 0; --n) {
      const std::string key = fmt::format("k{}", rng_.below(12));
      std::optional<std::string> value = fmt::format("v{}", ++salt_);
      if (rng_.chance(1, 6)) value.reset();
      spec.records.push_back({key, value});
    }
    const ProducerId id{static_cast<std::int64_t>(rng_.below(3))};
    const ProducerEntry* const known = log_->producers().find(id);
    if (rng_.chance(1, 2)) {
      const ProducerBatch* const newest = known ? known->newest() : nullptr;
      spec.producer = BatchBuilder::Producer{id, ProducerEpoch{0},
                                             newest ? newest->last_sequence.plus(1) : Sequence{0}};
      spec.transactional =
          (known && known->transaction_start) || (id.value > 0 && rng_.chance(1, 2));
    }
    take_in(keyed_batch(spec));
  }

  void marker() {
    for (const auto& [id, entry] : log_->producers().entries()) {
      if (!entry.transaction_start) continue;
      return take_in(protocol::build_control_batch(
          {.type = rng_.chance(1, 2) ? ControlType::commit : ControlType::abort,
           .producer_id = id,
           .producer_epoch = entry.epoch,
           .timestamp = now()}));
    }
  }

  void take_in(std::vector<std::byte> batch) {
    const auto info = log_->append(batch, LeaderEpoch{1}, std::nullopt);
    if (!info) return expect(false, "append failed: " + info.error().message());
    expect(batches_.empty() || info->base >= batches_.rbegin()->second.next,
           "an offset was given twice");
    protocol::patch_base_offset_and_epoch(batch, info->base, LeaderEpoch{1});
    batches_[info->base] = {info->last.next(), std::move(batch)};
  }

  CompactionRequest request() {
    auto request = request_for(*log_, now());
    high_watermark_ = request.high_watermark;
    request.hash_secret = {rng_.next(), rng_.next()};
    if (rng_.chance(1, 3)) request.key_map_bytes = KeyMap::kSlotBytes * (2 + rng_.below(12));
    request.buffer_bytes = 100 + rng_.below(3000);
    return request;
  }

  void compaction_step() {
    if (!work_) {
      work_ = log_->take_compaction(request());
      return;
    }
    auto result = work_->step();
    if (rng_.chance(1, 4)) append();  // the log goes on meanwhile
    if (result && result->swap_due) ++tally_.swaps;
    const bool more = log_->compacted(*work_, result);
    expect(result.has_value() || result.error() == make_error_code(Errc::superseded),
           "a step failed");
    if (more) return;
    ++tally_.passes;
    tally_.dropped += static_cast<std::uint64_t>(work_->stats().records_dropped);
    work_.reset();
    check();
  }

  void whole_pass() {
    do compaction_step();
    while (work_ && fine());
  }

  void truncate() {
    const auto span = static_cast<std::uint64_t>((log_->log_end() - log_->log_start()).value);
    const Offset end =
        log_->log_start() + OffsetDelta{static_cast<std::int64_t>(span - rng_.below(span + 1) / 6)};
    if (end < high_watermark_) return;  // that is committed
    expect(log_->truncate_to(end).has_value(), "truncate failed");
    forget_behind(log_->log_end());
  }
  void forget_behind(Offset end) {
    std::erase_if(batches_, [&](const auto& item) { return item.second.next > end; });
  }

  void advance_start() {
    const auto span = static_cast<std::uint64_t>((log_->synced_end() - log_->log_start()).value);
    const Offset start =
        log_->log_start() + OffsetDelta{static_cast<std::int64_t>(rng_.below(span + 1) / 3)};
    expect(log_->advance_log_start(start).has_value(), "advance failed");
    expect(log_->apply_retention(now(), log_->synced_end()).has_value(), "retention failed");
    if (rng_.chance(1, 2)) expect(log_->purge(Timestamp{kNow.value * 2}).has_value(), "purge");
  }

  void end_of_life() {
    if (cheat_ == Cheat::last_value_lost) take_in_model_only();
    const Offset promised = log_->synced_end();
    const Offset before = log_->log_end();
    const Offset start = log_->log_start();
    ++tally_.crashes;
    if (work_) ++tally_.in_pass;
    if (rng_.chance(1, 6)) {
      expect(log_->close().has_value(), "close failed");
      work_.reset();
    }
    log_.reset();
    if (rng_.chance(1, 2)) work_.reset();
    if (rng_.chance(1, 4))
      files_.kill_process();
    else
      files_.crash(rng_);
    work_.reset();
    // These can always be rebuilt.
    if (rng_.chance(1, 4)) lose_snapshots();
    open();
    if (!fine()) return;
    expect(log_->log_start() == start, "the log start moved");
    expect(log_->log_end() >= promised, fmt::format("the log ends at {}, {} were promised",
                                                    log_->log_end().value, promised.value));
    expect(log_->log_end() <= before, "the log grew");
    forget_behind(log_->log_end());
    check();
    check_producers();
  }

  /// The record of a history in which the log lost the last value of a key.
  void take_in_model_only() {
    auto batch = keyed_batch({.records = {{"k0", "lost"}}});
    const auto info =
        log_->append(keyed_batch({.records = {{"k1", "taken"}}}), LeaderEpoch{1}, std::nullopt);
    REQUIRE(info.has_value());
    REQUIRE(log_->sync_now());
    protocol::patch_base_offset_and_epoch(batch, info->base, LeaderEpoch{1});
    batches_[info->base] = {info->last.next(), std::move(batch)};
  }

  void lose_snapshots() {
    const auto entries = files_.list(kDir);
    if (!entries) return;  // a disk that lies may have lost the folder
    for (const auto& entry : *entries)
      if (entry.name.ends_with(kSnapshotSuffix)) files_.erase(kDir / entry.name);
  }

  /// Every batch that the log holds.
  std::vector<std::vector<std::byte>> read_log() {
    std::vector<std::vector<std::byte>> all;
    Offset from = log_->log_start();
    while (from < log_->log_end()) {
      const auto got = log_->read({from, log_->log_end(), 1, true});
      expect(got.has_value(), "read failed");
      if (!got || got->next == from) break;
      all.push_back(got->batches.flatten());
      from = got->next;
    }
    return all;
  }

  void check() {
    CommittedReader written;
    for (const auto& [base, batch] : batches_) written.take(view_of(batch.bytes));
    CommittedReader found;
    for (const auto& bytes : read_log()) {
      const BatchView batch = view_of(bytes);
      expect(batch.crc_ok(), "a batch does not verify");
      if (!fine()) return;
      check_batch(batch);
      found.take(batch);
    }
    const auto visible = [&](const auto& item) { return item.second.first >= log_->log_start(); };
    for (const auto& item : written.table) {
      if (!visible(item)) continue;
      const auto place = found.table.find(item.first);
      if (!item.second.second) {
        // Its tombstone may be gone, but then so is everything before.
        expect(place == found.table.end() || !visible(*place) || !place->second.second,
               fmt::format("{} came back", item.first));
        continue;
      }
      expect(place != found.table.end() && place->second == item.second,
             fmt::format("{} is not what was written last, at {}", item.first,
                         item.second.first.value));
    }
    for (const auto& item : found.table)
      expect(!visible(item) || written.table.contains(item.first),
             fmt::format("{} was not written or not committed", item.first));
  }

  /// Nothing is in a batch that was not appended there.
  void check_batch(const BatchView& batch) {
    auto original = batches_.upper_bound(batch.base_offset());
    if (original == batches_.begin()) return expect(false, "a batch was invented");
    --original;
    const BatchView before = view_of(original->second.bytes);
    expect(
        batch.base_offset() == before.base_offset() && batch.last_offset() == before.last_offset(),
        fmt::format("the batch at {} has other offsets", batch.base_offset().value));
    const auto records = records_of(before);
    for (const auto& record : records_of(batch))
      expect(std::ranges::find(records, record) != records.end(),
             fmt::format("the record at {} was not written", record.offset.value));
  }

  void check_producers() {
    ProducerState expected;
    for (const auto& [base, batch] : batches_)
      if (batch.next > log_->log_start()) expected.apply(view_of(batch.bytes), now());
    for (const auto& [id, entry] : expected.entries()) {
      const ProducerEntry* const found = log_->producers().find(id);
      if (found == nullptr) return expect(false, fmt::format("producer {} is lost", id.value));
      expect(found->epoch == entry.epoch, "a producer has another epoch");
      if (!entry.newest()) continue;
      expect(found->newest() && found->newest()->last_sequence == entry.newest()->last_sequence,
             fmt::format("producer {} has another last sequence", id.value));
      expect(found->transaction_start.has_value() == entry.transaction_start.has_value(),
             fmt::format("producer {}: a transaction is open or is not", id.value));
    }
  }

  SeededRng rng_;
  Cheat cheat_;
  LogConfig config_;
  MemoryFiles files_;
  DamageList damage_;
  std::unique_ptr<PartitionLog> log_;
  std::unique_ptr<CompactionWork> work_;
  std::map<Offset, Batch> batches_;
  Tally tally_;
  Offset high_watermark_;
  std::int64_t clock_ = 0;
  std::uint64_t salt_ = 0;
};

TEST_CASE("compaction model: the latest committed value of each key survives anything",
          "[log][compaction]") {
  Tally all;
  std::string wrong;
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 1000 && failed < 5; ++seed) {
    const Tally one = KeyedHistory{seed, Cheat::none}.play();
    if (!one.wrong.empty()) {
      ++failed;
      wrong += fmt::format("seed {}: {}\n", seed, one.wrong);
    }
    all.passes += one.passes;
    all.swaps += one.swaps;
    all.crashes += one.crashes;
    all.in_pass += one.in_pass;
    all.dropped += one.dropped;
  }
  REQUIRE(wrong == "");
  // The histories must have met what they are about.
  CHECK(all.passes > 5'000);
  CHECK(all.swaps > 4'000);
  CHECK(all.crashes > 3'500);
  CHECK(all.in_pass > 200);
  CHECK(all.dropped > 20'000);
}

TEST_CASE("compaction model: a disk that lies, and a value that is lost, are found out",
          "[log][compaction]") {
  int lies = 0;
  int losses = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    if (!KeyedHistory{seed, Cheat::disk_lies}.play().wrong.empty()) ++lies;
    if (!KeyedHistory{seed, Cheat::last_value_lost}.play().wrong.empty()) ++losses;
  }
  CHECK(lies > 35);
  CHECK(losses == 40);
}

TEST_CASE("compaction: any call may fail, and a crash may follow at once", "[log][compaction]") {
  for (const bool crash : {false, true}) {
    for (std::uint64_t nth = 1;; ++nth) {
      CompactionFixture f;
      for (int i = 0; i < 40; ++i)
        f.put({.records = {{"key-" + std::to_string(i % 5), std::to_string(i)}},
               .producer = BatchBuilder::Producer{ProducerId{1}, ProducerEpoch{0}, Sequence{i}}});
      f.roll();
      const auto table = f.table();
      const Offset end = f.log->log_end();
      auto request = request_for(*f.log);
      request.buffer_bytes = 2000;
      const std::uint64_t before = f.files.calls();
      if (crash)
        f.files.lose_power_at_call(nth);
      else
        f.files.fail_call(nth);
      const auto work = f.log->take_compaction(request);
      for (bool more = work != nullptr; more;) more = f.log->compacted(*work, work->step());
      const bool failed = f.files.calls() - before >= nth;
      f.files.fail_nothing();
      if (!crash && f.log->state() == LogState::writable) {
        REQUIRE(f.table() == table);
        (void)f.compact();
        REQUIRE(f.table() == table);
      }
      SeededRng rng{nth};
      if (crash)
        f.files.crash(rng);
      else
        f.files.kill_process();
      f.open();
      REQUIRE(f.damage.all.empty());
      REQUIRE(f.table() == table);
      REQUIRE(f.log->log_end() == end);
      REQUIRE(f.log->producers().find(ProducerId{1})->newest()->last_sequence == Sequence{39});
      (void)f.compact();
      REQUIRE(f.table() == table);
      if (!failed) {
        CHECK(nth > 60);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace millrace::log
