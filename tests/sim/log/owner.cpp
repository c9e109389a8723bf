#include "tests/sim/log/owner.hpp"

#include <algorithm>
#include <sstream>

#include "log/errc.hpp"

namespace millrace::log_sim {

using log::LogState;

namespace {

constexpr std::chrono::milliseconds kForever{1'000'000};

}  // namespace

std::string told(const log::ProducerVerdict& verdict) {
  std::ostringstream text;
  text << verdict;
  return text.str();
}

Owner::Owner(Setting& setting, std::string name, const Plan& plan, const log::LogConfig& config)
    : setting_{setting},
      name_{std::move(name)},
      dir_{std::filesystem::path{"/data"} / name_},
      config_{config},
      followers_{plan.followers},
      compressed_{plan.compressed},
      compact_{plan.compact},
      forgets_producers_{config.producer_expiration < kForever},
      tombstones_stay_{config.delete_retention} {}

Owner::~Owner() = default;

void Owner::failed(ErrorInfo error, std::string_view what) {
  const auto message = fmt::format("{} failed: {}", what, error.message());
  setting_.note("{}: {}", name_, message);
  expect(setting_.faults, message);
}

void Owner::step() {
  if (!log_) return;
  if (setting_.rng.chance(1, 4) && run_a_job()) return;
  if (compaction_ && compaction_->waits() && setting_.rng.chance(1, 2)) return run_compaction();
  in_order_ = true;
  order(true);
  in_order_ = false;
}

void Owner::step_beside() {
  if (!log_) return;
  if (in_order_ || setting_.rng.chance(1, 2)) {
    run_a_job();
    return;
  }
  // What would wait for the thread whose call this is cannot be done in the middle of it.
  const bool fence_is_held = job_is_running();
  in_order_ = true;
  order(!fence_is_held);
  in_order_ = false;
}

void Owner::order(bool may_block_on_fence) {
  if (log_->state() == LogState::failed) {
    const auto refused = log_->append({}, LeaderEpoch{0}, std::nullopt);
    expect(!refused && refused.error() == log::make_error_code(log::Errc::failed),
           "a failed log takes batches");
    if (!pending_.end_unknown()) read();
    return observe();
  }
  if (log_->state() == LogState::full) {
    if (may_block_on_fence && setting_.rng.chance(1, 3)) retract();
    return observe();
  }
  if (log_->state() != LogState::writable) return;
  if (compaction_ && compaction_->result && setting_.rng.chance(1, 2)) {
    report_compaction();
    return observe();
  }
  if (compact_ && !compaction_ && setting_.rng.chance(1, 6)) {
    take_compaction();
    return observe();
  }
  const auto dice = setting_.rng.below(64);
  if (dice < 22) {
    followers_&& setting_.rng.chance(2, 3) ? append_as_follower() : append_as_leader();
  } else if (dice < 29) {
    write();
  } else if (dice < 37) {
    write();
    take_sync();
  } else if (dice < 42) {
    report_sync();
  } else if (dice < 46) {
    take_checkpoint();
  } else if (dice < 48) {
    report_checkpoint();
  } else if (dice < 53) {
    read();
  } else if (dice < 56) {
    look_up();
  } else if (dice < 58) {
    retention();
  } else if (dice == 58) {
    advance_start();
  } else if (dice == 59) {
    purge();
  } else if (dice == 60) {
    if (may_block_on_fence && setting_.rng.chance(1, 2)) truncate();
  } else if (dice == 61) {
    if (may_block_on_fence && setting_.rng.chance(1, 6)) restart();
  } else if (dice == 62) {
    switch (setting_.rng.below(4)) {
      case 0:
        change_config();
        break;
      case 1:
        expire();
        break;
      default:
        resend();
    }
  } else if (setting_.rng.chance(1, 4)) {
    if (auto rot = rot_one(setting_.disk, dir_, setting_.rng, true)) {
      setting_.note("{}: live rot, {}", name_, rot->to_string());
      ++setting_.rots;
      live_rots_.push_back(std::move(*rot));
    }
  }
  observe();
}

void Owner::observe() {
  if (!log_ || log_->state() == LogState::closed) return;
  if (log_->state() == LogState::failed || log_->state() == LogState::full)
    pending_.write_failed = true;
  if (pending_.end_unknown()) return;
  expect(log_->log_end() == model_.end, "the log's end is not where it was left");
  expect(log_->log_start() == model_.start, "the log's start is not where it was left");
  expect(log_->synced_end() <= log_->written_end() && log_->written_end() <= log_->log_end() &&
             log_->recovery_point() <= log_->synced_end(),
         "the ends of the log are out of order");
  expect(log_->synced_end() >= model_.promised, "what was synced is not any more");
  model_.promise(log_->synced_end());
  latest_now_ = std::max(latest_now_, setting_.now);
}

void Owner::write() {
  fine(log_->write(), "write");
}

void Owner::retract() {
  const Offset end = log_->written_end();
  setting_.note("{}: take back what found no space, from {}", name_, end.value);
  ++cuts_;
  pending_.cut = end;
  const auto done = log_->retract();
  ++cuts_;
  if (!fine(done, "taking back")) return;
  pending_.cut.reset();
  pending_.write_failed = false;
  model_.cut(end);
}

// -- Work for the pool ---------------------------------------------------------------------------

void Owner::take_sync() {
  auto work = log_->take_sync();
  if (!work) return;
  expect(!sync_, "two syncs of a log are out at once");
  setting_.note("{}: take a sync up to {}", name_, work->end().value);
  sync_ = SyncJob{std::move(*work), std::nullopt, false};
}

void Owner::report_sync() {
  if (!sync_ || !sync_->result) return;
  fine(*sync_->result, "sync");
  log_->synced(sync_->work, *sync_->result);
  setting_.note("{}: synced up to {}", name_, log_->synced_end().value);
  sync_.reset();
}

void Owner::take_checkpoint() {
  auto work = log_->take_checkpoint();
  if (!work) return;
  expect(!checkpoint_, "two checkpoints of a log are out at once");
  setting_.note("{}: take a checkpoint", name_);
  checkpoint_ = CheckpointJob{std::move(*work), std::nullopt, false};
}

void Owner::report_checkpoint() {
  if (!checkpoint_ || !checkpoint_->result) return;
  const auto result = *checkpoint_->result;
  if (!result && result.error() != log::make_error_code(log::Errc::superseded))
    fine(result, "checkpoint");
  log_->checkpointed(checkpoint_->work, result);
  setting_.note("{}: checkpoint at {}", name_, log_->recovery_point().value);
  checkpoint_.reset();
}

void Owner::take_compaction() {
  Rng& rng = setting_.rng;
  auto work = log_->take_compaction({.now = setting_.now,
                                     .high_watermark = log_->synced_end(),
                                     .hash_secret = {rng.next(), rng.next()},
                                     .key_map_bytes = rng.chance(1, 4) ? 200U : 4'096U,
                                     .buffer_bytes = 512 + rng.below(4'000)});
  if (!work) return;
  expect(!compaction_, "two passes of compaction are out at once");
  setting_.note("{}: take a compaction of {} segments up to {}", name_, work->plan().segments,
                work->plan().end.value);
  compaction_ = CompactionJob{std::move(work), std::nullopt, false};
}

void Owner::report_compaction() {
  if (!compaction_ || !compaction_->result) return;
  const auto result = std::exchange(compaction_->result, std::nullopt);
  if (!*result && result->error() != log::make_error_code(log::Errc::superseded))
    fine(*result, "compaction");
  compaction_->reporting = true;  // the next step begins when this is through
  const bool goes_on = log_->compacted(*compaction_->work, *result);
  compaction_->reporting = false;
  if (goes_on) return;
  setting_.note("{}: compacted up to {}", name_, log_->first_dirty().value);
  ++setting_.compactions;
  compaction_.reset();
}

// -- Ends and beginnings -------------------------------------------------------------------------

void Owner::truncate() {
  const auto span = static_cast<std::uint64_t>((model_.end - model_.start).value);
  Offset to{model_.end.value - static_cast<std::int64_t>(setting_.rng.below(span / 2 + 1))};
  if (setting_.rng.chance(1, 10)) to = Offset{std::max<std::int64_t>(0, model_.start.value - 2)};
  const ModelBatch* const over = model_.from(to);
  const Offset over_base = over != nullptr ? over->base : to;
  const Offset cut = model_.cut_for(to);
  pending_.cut = std::min({cut, over_base, to});
  while (compact_ && pending_.cut->value > 0 && may_be_gone(Offset{pending_.cut->value - 1}, cut))
    --pending_.cut->value;
  setting_.note("{}: truncate to {}", name_, to.value);
  ++cuts_;
  // Compaction keeps the last batch of a producer; the ones before it may be gone.
  forgets_producers_ = forgets_producers_ || compact_;
  const auto done = log_->truncate_to(to);
  ++cuts_;
  if (!fine(done, "truncate")) {
    model_.promised = std::min(model_.promised, *pending_.cut);
    return;
  }
  pending_.cut.reset();
  const Offset end = log_->log_end();
  const bool compacted = compact_ && end <= to && may_be_gone(end, cut);
  // Offsets that were skipped in front of the first batch are as good as any.
  const ModelBatch* const next = model_.from(std::min(end, cut));
  const bool only_skipped = end <= to && (next == nullptr || next->base >= std::max(end, cut));
  expect(end == cut || end == over_base || (end == to && to <= model_.start) || to >= model_.end ||
             compacted || only_skipped,
         fmt::format("truncated to {}, the log ends at {}, not at {}", to.value, end.value,
                     cut.value));
  if (to < model_.end) model_.cut(end);
  sure_start_ = std::min(sure_start_, end);
  ++setting_.truncations;
}

void Owner::restart() {
  const Offset at{static_cast<std::int64_t>(
      setting_.rng.below(static_cast<std::uint64_t>(model_.end.value) + 20))};
  pending_.restart = at;
  setting_.note("{}: restart at {}", name_, at.value);
  ++cuts_;
  const auto done = log_->restart_at(at);
  ++cuts_;
  if (!fine(done, "restart")) return;
  pending_.restart.reset();
  model_.restart(at);
  sure_start_ = at;
  ++setting_.truncations;
}

void Owner::retention() {
  const Offset high_watermark = log_->synced_end();
  pending_.start_max = std::max(pending_.start_max, high_watermark);
  const auto done = log_->apply_retention(setting_.now, high_watermark);
  const Offset start = log_->log_start();
  setting_.note("{}: retention, start {} to {}", name_, model_.start.value, start.value);
  fine(done, "retention");
  expect(start >= model_.start && start <= std::max(model_.start, high_watermark),
         "retention moved the start where it must not");
  const auto& config = log_->config();
  std::uint64_t behind = 0;
  for (auto at = model_.batches.rbegin(); at != model_.batches.rend(); ++at) {
    const ModelBatch& batch = at->second;
    if (batch.next <= model_.start) break;
    if (batch.next <= start && !compact_) {
      const auto newest = batch.view().max_timestamp();
      const bool old = config.retention_ms &&
                       (newest < Timestamp{0} || setting_.now - newest > *config.retention_ms);
      const bool much = config.retention_bytes && behind >= *config.retention_bytes;
      expect(old || much, fmt::format("retention deleted the batch at {}", batch.base.value));
    }
    behind += batch.bytes.size();
  }
  if (start > model_.start) ++setting_.retentions;
  model_.delete_below(start);
}

void Owner::advance_start() {
  const auto span = static_cast<std::uint64_t>((model_.end - model_.start).value);
  const Offset to{model_.start.value + static_cast<std::int64_t>(setting_.rng.below(span + 1))};
  pending_.start_max = std::max(pending_.start_max, to);
  setting_.note("{}: advance the start to {}", name_, to.value);
  if (fine(log_->advance_log_start(to), "advancing the start")) model_.delete_below(to);
}

void Owner::purge() {
  const auto removed = log_->purge(setting_.now);
  fine(removed, "purge");
}

void Owner::change_config() {
  config_ = choose_config(setting_.rng, compact_);
  tombstones_stay_ = std::min(tombstones_stay_, config_.delete_retention);
  forgets_producers_ = forgets_producers_ || config_.producer_expiration < kForever;
  log_->set_config(config_);
}

void Owner::expire() {
  // Nobody is expired who wrote lately.
  const auto gone = log_->producers().entries();
  log_->expire_producers(setting_.now);
  for (const auto& [id, entry] : gone)
    if (log_->producers().find(id) == nullptr)
      expect(setting_.now - entry.last_seen >= config_.producer_expiration,
             fmt::format("producer {} is forgotten too soon", id.value));
}

void Owner::resend() {
  const auto& known = log_->producers().entries();
  std::vector<ProducerId> ids;
  for (const auto& [id, entry] : known)
    if (setting_.now - entry.last_seen < log_->config().producer_expiration) ids.push_back(id);
  if (ids.empty()) return;
  std::ranges::sort(ids);
  const ProducerId id = ids[setting_.rng.below(ids.size())];
  const auto expected = model_.producers(model_.start);
  const log::ProducerEntry* const entry = expected.find(id);
  // One that was forgotten began anew, and the model does not know when.
  if (forgets_producers_ || entry == nullptr || entry->batch_count == 0) return;
  // Compaction keeps the newest of a producer's batches, for a log that is read again.
  const auto& batch =
      entry->batches[compact_ ? entry->batch_count - 1U : setting_.rng.below(entry->batch_count)];
  const auto found = model_.batches.find(batch.base_offset());
  if (found == model_.batches.end()) return;
  const auto verdict = log_->check_producer(found->second.view(), setting_.now);
  const auto* const duplicate = std::get_if<log::ProducerDuplicate>(&verdict);
  expect(duplicate != nullptr && duplicate->base_offset == found->second.base &&
             duplicate->last_offset.next() == found->second.next,
         fmt::format("the batch at {} of producer {} sent again is not taken for a duplicate: {}",
                     found->second.base.value, id.value, told(verdict)));
}

void Owner::stop() {
  if (!log_) return;
  if (log_->state() == LogState::full) retract();
  if (log_->state() != LogState::writable) return die(false);
  if (!fine(log_->close(), "close")) return die(false);
  setting_.note("{}: closed at {}", name_, model_.end.value);
  model_.promise(model_.end);
  // Work that was out ends too late to matter.
  if (sync_ && !sync_->result) run_sync();
  if (checkpoint_ && !checkpoint_->result) run_checkpoint();
  if (compaction_ && !compaction_->result) run_compaction();
  if (compaction_) log_->compacted(*compaction_->work, *compaction_->result);
  if (sync_) log_->synced(sync_->work, *sync_->result);
  if (checkpoint_) log_->checkpointed(checkpoint_->work, *checkpoint_->result);
  die(false);
  // A recovery point that could not be written makes the next start longer, and closing no failure.
  closed_ = !setting_.faults;
}

void Owner::die(bool power) {
  power_ = power_ || power;
  faults_ = faults_ || setting_.faults;
  if (!log_) return;
  if (log_->state() == LogState::failed || log_->state() == LogState::full)
    pending_.write_failed = true;
  written_ = log_->written_end();
  closed_ = false;
  sync_.reset();
  checkpoint_.reset();
  compaction_.reset();
  reads_.clear();
  lookups_.clear();
  log_.reset();
}

}  // namespace millrace::log_sim
