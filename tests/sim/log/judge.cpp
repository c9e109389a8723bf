// What a log that was opened must be like: nothing lost that was promised, nothing there that was
// not appended, and every damage either mended from the truth or told.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/points.hpp"
#include "tests/sim/log/owner.hpp"

namespace millrace::log_sim {

using log::LogState;

namespace {

class DamageList final : public log::DamageSink {
 public:
  void damaged(const log::Damage& damage) override { all.push_back(damage); }
  std::vector<log::Damage> all;
};

}  // namespace

/// What a small file says; 0 when it is not readable.
template <class Point>
Offset Owner::point_on_disk(std::string_view file) const {
  const auto point = Point::decode(setting_.disk.contents(dir_ / file));
  return point ? point->offset : Offset{0};
}

bool Owner::open() {
  known_ = std::max({point_on_disk<log::RecoveryPoint>(log::kRecoveryPointFile),
                     point_on_disk<log::SyncPoint>(log::kSyncPointFile),
                     point_on_disk<log::GapPoint>(log::kGapPointFile)});
  setting_.note("{}: recovery point {}, sync point {}, gap point {}", name_,
                point_on_disk<log::RecoveryPoint>(log::kRecoveryPointFile).value,
                point_on_disk<log::SyncPoint>(log::kSyncPointFile).value,
                point_on_disk<log::GapPoint>(log::kGapPointFile).value);
  DamageList damage;
  auto opened = log::PartitionLog::open(setting_.files, dir_, config_, setting_.now, damage);
  if (!opened) {
    setting_.note("{}: open failed: {}", name_, opened.error().message());
    told_before_ = told_before_ || !damage.all.empty();
    expect(setting_.faults, "open failed: " + opened.error().message());
    return false;
  }
  log_ = std::move(opened->log);
  setting_.note(
      "{}: open, {} to {}, {}, scanned {}, torn {}, damages {}, {} indexes and {} producers "
      "rebuilt",
      name_, log_->log_start().value, log_->log_end().value, to_string(log_->state()),
      opened->report.scanned_bytes, opened->report.torn_bytes, damage.all.size(),
      opened->report.indexes_rebuilt, opened->report.producers_rebuilt ? "the" : "no");
  for (const auto& one : damage.all)
    setting_.note("{}: damage in {} at {}, offset {}, {}: {}", name_, one.file.filename().string(),
                  one.position, one.offset.value,
                  one.acknowledged ? "acknowledged" : "not acknowledged", one.what);
  judge(opened->report, damage.all);
  return true;
}

void Owner::judge(const log::RecoveryReport& report, const std::vector<log::Damage>& damages) {
  judge_report(report, damages);
  // An opening that failed half way may have told of damage, and mended it.
  const bool reported = !damages.empty() || std::exchange(told_before_, false);
  const bool deleted_is_back = reported && log_->log_start() < model_.start;
  judge_start(reported);
  judge_end(reported);
  if (setting_.broken()) return;
  adopt();
  if (setting_.broken()) return;
  // Without the log's start nobody knows what was deleted, nor how much of that is gone: it was
  // told.
  if (!deleted_is_back) {
    compare_all();
    if (setting_.broken()) return;
    compare_producers();
    compare_epochs();
  }
  if (report.torn_bytes > 0 || report.damages > 0) ++setting_.cuts;
  if (!damages.empty() && !rots_.empty()) ++setting_.reported;
  if (setting_.disk.power_lost()) return;
  if (log_->state() == LogState::read_only || std::ranges::any_of(rots_, &Rot::is_log)) {
    setting_.disk.lose_power_at_call(0);
    heal();
  } else if (deleted_is_back) {
    setting_.disk.lose_power_at_call(0);
    begin_anew();
  }
  for (Rot& rot : rots_)
    if (!rot.is_log()) live_rots_.push_back(std::move(rot));  // nobody has to have noticed yet
  rots_.clear();
  pending_ = {};
  closed_ = power_ = faults_ = false;
  pending_.start_max = model_.start;
}

void Owner::judge_report(const log::RecoveryReport& report,
                         const std::vector<log::Damage>& damages) {
  expect(report.damages == damages.size(), "the report counts other damages than it told");
  if (!rots_.empty()) return;
  for (const auto& damage : damages)
    expect(!damage.acknowledged,
           fmt::format("without any damage, {} at offset {} is told to be damaged: {}",
                       damage.file.filename().string(), damage.offset.value, damage.what));
  expect(log_->state() == LogState::writable, "opened without damage, and not writable");
  if (closed_) {
    expect(report.scanned_bytes == 0 && report.torn_bytes == 0 && damages.empty(),
           "a log that was closed had to be scanned");
    if (live_rots_.empty())
      expect(report.indexes_rebuilt == 0 && !report.producers_rebuilt,
             "a log that was closed had to be rebuilt");
    ++setting_.clean_opens;
  }
  if (!power_ && !pending_.write_failed && !pending_.end_unknown() && !gaps_)
    expect(damages.empty() && report.torn_bytes == 0, "the machine went on, and something is torn");
}

void Owner::judge_start(bool reported) {
  const Offset start = log_->log_start();
  if (pending_.restart && start == *pending_.restart) return;
  if (pending_.end_unknown() && start <= model_.start) return;
  if (start == model_.start || (start > model_.start && start <= pending_.start_max)) return;
  if (!rots_.empty() && reported) return;
  expect(false, fmt::format("the log starts at {} and not at {}", start.value, model_.start.value));
}

bool Owner::any_rot(std::string_view file) const {
  return std::ranges::any_of(rots_, [&](const Rot& rot) { return rot.file == file; });
}

void Owner::judge_end(bool reported) {
  const Offset end = log_->log_end();
  if (pending_.restart && (end == *pending_.restart || end <= model_.end)) return;
  const bool only_synced = power_ || closed_ || gaps_ || !rots_.empty();
  Offset promised = only_synced ? model_.promised : std::max(model_.promised, written_);
  if (pending_.cut) promised = std::min(promised, *pending_.cut);
  const bool quiet = !power_ && !pending_.write_failed && !pending_.end_unknown();
  // Unsynced gaps look like lost writes, and go.
  if (quiet && !closed_ && !gaps_ && rots_.empty())
    expect(end == std::max(written_, log_->log_start()),
           fmt::format("the log ends at {}, and was written up to {}", end.value, written_.value));
  if (end >= promised) return;
  // Rot behind what the points on the disk speak of passes for what a power cut does.
  const bool note_lost = power_ || faults_ || any_rot(log::kSyncPointFile);
  const ModelBatch* const behind = model_.from(end);
  for (const Rot& rot : rots_)
    if (note_lost && rot.first_hit && behind != nullptr && *rot.first_hit <= behind->base &&
        end >= known_) {
      ++setting_.unknowable;
      return;
    }
  // Nor is it known how much was deleted when the log's start is what rotted.
  if (note_lost && reported && any_rot(log::kLogStartFile)) {
    ++setting_.unknowable;
    return;
  }
  const bool told = reported && log_->state() == LogState::read_only;
  if (told && !rots_.empty()) {
    for (const Rot& rot : rots_)
      if (rot.is_log() && rot.first_hit)
        promised = std::min(promised, model_.cut_for(*rot.first_hit));
    // Without these a log does not know what was deleted, or which gaps are on purpose.
    const bool start_lost = any_rot(log::kLogStartFile) || any_rot(log::kGapPointFile) ||
                            any_rot(log::kCleanerPointFile);
    // Skipped offsets in front of the damage may go with it.
    const ModelBatch* const next = model_.from(end);
    const bool only_skipped =
        next == nullptr || next->base >= promised || (compact_ && may_be_gone(end, promised));
    expect(
        start_lost || end >= promised || promised <= model_.start || only_skipped,
        fmt::format("the log ends at {}, and the damage begins at {}", end.value, promised.value));
    return;
  }
  expect(false, fmt::format("the log ends at {}, and {} was promised", end.value, promised.value));
}

/// From here on the log is what the model is measured by, as far as the judgement allows.
void Owner::adopt() {
  const Offset end = log_->log_end();
  if (pending_.restart && end == *pending_.restart && log_->log_start() == end) {
    if (model_.from(Offset{end.value - 1}) == nullptr || model_.cut_for(end) != end)
      model_.restart(end);
  }
  if (end < model_.end)
    model_.cut(end);
  else
    expect(end == model_.end || log_->log_start() == end,
           "the log ends behind everything that was appended");
  // What had been deleted may be back, and its epochs are not.
  sure_start_ = std::max({sure_start_, model_.start, log_->log_start()});
  model_.start = log_->log_start();
  model_.end = end;
  if (log_->state() == LogState::read_only)
    model_.promised = std::min(model_.promised, end);  // nothing was synced by opening it
  else
    model_.promise(end);
  ++cuts_;
}

/// Everything there is, read from the start and from random places; the bytes must be those that
/// were appended. A batch that rot below the recovery point may still be there, but it must not
/// pass for a sound one.
void Owner::compare_all() {
  Offset sound = model_.end;
  bool unprotected = false;
  for (const Rot& rot : rots_) {
    if (rot.first_hit) sound = std::min(sound, std::max(*rot.first_hit, model_.start));
    unprotected = unprotected || rot.unprotected;
  }
  Offset from = model_.start;
  while (from < sound) {
    const ModelBatch* const next = model_.from(from);
    if (next == nullptr || next->base >= sound) break;  // what is there was skipped
    const log::ReadRequest request{from, sound, 1 + setting_.rng.below(2'000), true};
    const auto got = log_->read(request);
    if (!fine(got, fmt::format("reading from {}", from.value))) return;
    check_read(request, *got, model_.end);
    if (setting_.broken() || got->next == from) break;
    from = got->next;
  }
  if (setting_.broken()) return;
  const ModelBatch* const rest = model_.from(from);
  expect(rest == nullptr || rest->next > sound || may_be_gone(from, rest->next),
         fmt::format("there is nothing at {}, below {}", from.value, sound.value));
  for (int i = 0; i < 3 && model_.start < sound && sound == model_.end; ++i) {
    read();
    look_up();
  }
  while (from < model_.end && !unprotected) {
    const auto got = log_->read({from, model_.end, 1, true});
    if (!got || got->next == from) break;
    const auto bytes = got->batches.flatten();
    const auto batch = protocol::parse_batch(bytes);
    expect(!batch || !batch->crc_ok() || compact_ || model_.ever(batch->base_offset(), bytes),
           fmt::format("a damaged batch at {} passes for a sound one", from.value));
    from = got->next;
  }
}

/// The windows of producers that still have batches must be those of the batches.
void Owner::compare_producers() {
  if (pending_.restart || forgets_producers_ || std::ranges::any_of(rots_, &Rot::is_log)) return;
  const auto expected = model_.producers(model_.start);
  for (const auto& [id, entry] : expected.entries()) {
    const log::ProducerEntry* const found = log_->producers().find(id);
    if (found == nullptr) return expect(false, fmt::format("producer {} is lost", id.value));
    const std::size_t kept =
        compact_ ? std::min<std::size_t>(entry.batch_count, 1) : entry.batch_count;
    expect(found->epoch == entry.epoch && found->batch_count >= kept,
           fmt::format("producer {} has another epoch, or forgot batches", id.value));
    for (std::size_t i = 1; i <= kept && i <= found->batch_count; ++i) {
      auto there = found->batches[found->batch_count - i];
      if (compact_) there.timestamp = entry.batches[entry.batch_count - i].timestamp;
      expect(there == entry.batches[entry.batch_count - i],
             fmt::format("producer {} remembers the batch up to {}, and not the one up to {}",
                         id.value, found->batches[found->batch_count - i].last_offset.value,
                         entry.batches[entry.batch_count - i].last_offset.value));
    }
    if (entry.transaction_start)
      expect(found->transaction_start && *found->transaction_start <= *entry.transaction_start,
             fmt::format("the open transaction of producer {} is forgotten", id.value));
  }
  for (const auto& [id, entry] : log_->producers().entries())
    expect(entry.newest() == nullptr || entry.newest()->last_offset < log_->log_end(),
           fmt::format("producer {} remembers a batch that is not in the log", id.value));
}

void Owner::compare_epochs() {
  if (std::ranges::any_of(rots_, &Rot::is_log)) return;
  // Compaction takes the first batches of an epoch away, and the file is all that knows of them.
  if (compact_ && (any_rot(log::kLeaderEpochFile) || any_rot(log::kRecoveryPointFile))) {
    sure_start_ = model_.end;
    return;
  }
  for (const ModelBatch* batch = model_.from(model_.start); batch != nullptr;
       batch = model_.from(batch->next)) {
    const Offset first = std::max(batch->base, std::max(sure_start_, model_.start));
    if (first >= batch->next) continue;
    expect(log_->epoch_at(first) == batch->view().leader_epoch(),
           fmt::format("the epoch at {} differs", first.value));
  }
}

/// What an operator does about damage: gives up what is behind it.
void Owner::heal() {
  Offset end = model_.end;
  for (const Rot& rot : rots_)
    if (rot.is_log() && rot.first_hit) end = std::min(end, *rot.first_hit);
  if (end > model_.start && setting_.rng.chance(2, 3)) {
    setting_.note("{}: mend, by a truncation to {}", name_, end.value);
    forgets_producers_ = forgets_producers_ || compact_;  // as when compacted parts are truncated
    // The damage may be in the way of the truncation itself.
    if (log_->truncate_to(end) && log_->log_end() <= end && log_->state() == LogState::writable) {
      model_.cut(log_->log_end());
      model_.start = log_->log_start();
      // Nothing protects the epoch of a batch, and a wrong one hides those of its neighbours.
      if (std::ranges::any_of(rots_, &Rot::unprotected)) sure_start_ = model_.end;
      return;
    }
  }
  begin_anew();
}

void Owner::begin_anew() {
  setting_.note("{}: begin anew", name_);
  log_.reset();
  live_rots_.clear();
  rots_.clear();
  reads_.clear();
  lookups_.clear();
  sure_start_ = Offset{0};
  compaction_.reset();
  DamageList none;
  if (!fine(setting_.files.remove_all(dir_), "removing a log")) return;
  auto opened = log::PartitionLog::open(setting_.files, dir_, config_, setting_.now, none);
  if (!fine(opened, "opening a new log")) return;
  log_ = std::move(opened->log);
  model_ = {};
  gaps_ = false;
  ++cuts_;
}

bool Owner::rot_at_rest() {
  auto rot = rot_one(setting_.disk, dir_, setting_.rng, false);
  if (!rot) return false;
  setting_.note("{}: rot, {}", name_, rot->to_string());
  ++setting_.rots;
  rots_.push_back(std::move(*rot));
  return true;
}

}  // namespace millrace::log_sim
