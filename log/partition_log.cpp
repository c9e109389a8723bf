#include "log/partition_log.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "log/file_names.hpp"
#include "log/recovery.hpp"
#include "log/segment.hpp"
#include "log/tail_cache.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {

using protocol::BatchRun;
using protocol::BatchView;

std::string_view to_string(LogState state) {
  switch (state) {
    case LogState::writable:
      return "writable";
    case LogState::read_only:
      return "read_only";
    case LogState::full:
      return "full";
    case LogState::failed:
      return "failed";
    case LogState::closed:
      return "closed";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, LogState state) {
  return out << to_string(state);
}

std::ostream& operator<<(std::ostream& out, const AppendInfo& info) {
  return out << "offsets " << info.base << " to " << info.last;
}

PartitionLog::PartitionLog(Files& files, Path dir, LogConfig config, Timestamp now)
    : files_{files},
      dir_{std::move(dir)},
      config_{config},
      now_{now},
      cache_{std::make_unique<TailCache>()},
      snapshots_{dir_},
      fence_{std::make_shared<WorkFence>()},
      log_start_fence_{std::make_shared<LogStartFence>()},
      compaction_fence_{std::make_shared<CompactionFence>()} {}

PartitionLog::~PartitionLog() {
  // What is still out must not meet the next life of this folder.
  const std::scoped_lock lock{log_start_fence_->mutex, compaction_fence_->mutex};
  ++log_start_fence_->generation;
  ++compaction_fence_->generation;
}

Result<OpenedLog> PartitionLog::open(Files& files, Path dir, LogConfig config, Timestamp now,
                                     DamageSink& sink, std::span<const JournalRun> journal) {
  OpenedLog opened;
  opened.log.reset(new PartitionLog(files, std::move(dir), config, now));
  const auto report = LogRecovery{*opened.log, sink, journal}.run();
  if (!report) return report.error();
  opened.report = *report;
  return opened;
}

// -- Appending -----------------------------------------------------------------------------------

Result<void> PartitionLog::ready_to_append() const {
  switch (state_) {
    case LogState::writable:
      return {};
    case LogState::read_only:
      return Errc::read_only;
    case LogState::full:
      return Errc::no_space;
    case LogState::failed:
      return Errc::failed;
    case LogState::closed:
      return Errc::closed;
  }
  return Errc::closed;
}

ErrorInfo PartitionLog::fail(ErrorInfo error) {
  state_ = LogState::failed;
  return error;
}

ErrorInfo PartitionLog::fail_unless_full(ErrorInfo error) {
  return is_no_space(error) ? error : fail(error);
}

bool PartitionLog::roll_due(std::uint64_t batch_bytes, Offset last, Timestamp max_timestamp) const {
  const Segment& segment = active();
  if (segment.offset_out_of_reach(last)) return true;
  if (segment.empty()) return false;
  // Positions in the index are 31 bits wide, whatever the configuration says.
  constexpr std::uint64_t kPositionMax = std::numeric_limits<std::int32_t>::max();
  if (segment.size_bytes() + batch_bytes > std::min(config_.segment_bytes, kPositionMax))
    return true;
  if (segment.offsets().size_bytes() + OffsetEntry::kBytes > config_.index_bytes_max ||
      segment.times().size_bytes() + TimeEntry::kBytes > config_.index_bytes_max)
    return true;
  const auto first = segment.first_timestamp();
  if (!first) return false;
  if (config_.compact && config_.max_compaction_lag &&
      max_timestamp - *first > *config_.max_compaction_lag)
    return true;
  return max_timestamp - *first > config_.segment_ms - config_.segment_jitter;
}

void PartitionLog::roll(Offset base) {
  active().close();
  roll_snapshots_.emplace_back(base, producers_.encode());
  segments_.push_back(std::make_unique<Segment>(dir_, base));
  rolled_ = true;
}

AppendInfo PartitionLog::take_in(const BatchView& batch) {
  const Offset base = batch.base_offset();
  const Offset last = batch.last_offset();
  const Timestamp max_timestamp = batch.max_timestamp();
  const LeaderEpoch epoch = batch.leader_epoch().value_or(LeaderEpoch{-1});
  cache_->commit(base, last.next());
  active().append({.size_bytes = batch.size_bytes(),
                   .base = base,
                   .last = last,
                   .leader_epoch = epoch,
                   .max_timestamp = max_timestamp,
                   .has_producer = batch.producer_id().has_value()},
                  config_.index_interval_bytes);
  producers_.apply(batch, now_);
  if (epoch >= LeaderEpoch{0}) epochs_.assign(epoch, base);
  log_end_ = last.next();
  return {base, last, max_timestamp};
}

Result<AppendInfo> PartitionLog::append(Bytes bytes, LeaderEpoch epoch,
                                        std::optional<Timestamp> append_time) {
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  const auto batch = protocol::parse_batch(bytes);
  if (!batch || batch->size_bytes() != bytes.size() || batch->last_offset_delta() < 0)
    return Errc::batch_malformed;
  if (bytes.size() > config_.segment_bytes) return Errc::batch_too_large;
  const Offset last = log_end_ + OffsetDelta{batch->last_offset_delta()};
  if (roll_due(bytes.size(), last, append_time.value_or(batch->max_timestamp()))) roll(log_end_);
  const MutableBytes copy = cache_->stage(bytes);
  protocol::patch_base_offset_and_epoch(copy, log_end_, epoch);
  if (append_time) protocol::patch_append_time(copy, *append_time);
  const auto patched = protocol::parse_batch(copy);
  ENSURE(patched.has_value());
  return take_in(*patched);
}

Result<AppendInfo> PartitionLog::append_as_is(Bytes run) {
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  BatchRun check{run};
  Offset end = log_end_;
  bool gap = false;
  for (const BatchView batch : check) {
    if (batch.last_offset_delta() < 0 || !batch.crc_ok()) return Errc::batch_malformed;
    if (batch.base_offset() < end) return Errc::offsets_not_ahead;
    gap = gap || batch.base_offset() != end;
    end = batch.next_offset();
  }
  if (check.error() || check.tail_bytes() != 0 || end == log_end_) return Errc::batch_malformed;
  if (gap && !has_gaps_) {
    // Before the gap can be on disk, recovery must know that it is none of its business. The gap
    // point comes first: a log that has gaps and no such file has lost it.
    const auto marked =
        files_.write_atomically(dir_ / kGapPointFile, GapPoint{files_synced_end_}.encode());
    if (!marked) return fail_unless_full(marked.error());
    if (const auto saved = save_log_start(log_start_, true); !saved)
      return fail_unless_full(saved.error());
  }
  std::optional<AppendInfo> all;
  for (const BatchView batch : BatchRun{run}) {
    if (roll_due(batch.size_bytes(), batch.last_offset(), batch.max_timestamp()))
      roll(batch.base_offset());
    if (batch.base_offset() != log_end_) unsynced_gap_ = batch.base_offset();
    cache_->stage(batch.bytes());
    const AppendInfo one = take_in(batch);
    if (!all) all = one;
    all->last = one.last;
    all->max_timestamp = std::max(all->max_timestamp, one.max_timestamp);
  }
  return *all;
}

Result<void> PartitionLog::write() {
  const auto written = write_and_keep();
  trim_cache();
  return written;
}

Result<void> PartitionLog::write_and_keep() {
  if (state_ == LogState::read_only) return {};  // nothing can have been appended
  if (const auto ready = ready_to_append(); !ready) return ready.error();
  if (cache_->unwritten_bytes() == 0) return {};
  std::size_t first = segments_.size() - 1;
  while (first > 0 && segments_[first - 1]->written_bytes() < segments_[first - 1]->size_bytes())
    --first;
  for (std::size_t i = first; i < segments_.size(); ++i) {
    if (const auto written = write_segment(*segments_[i]); !written) {
      if (!is_no_space(written.error())) return fail(written.error());
      state_ = LogState::full;
      return written.error();
    }
    written_end_ = std::max(written_end_, segments_[i]->next());
  }
  written_end_ = log_end_;
  return {};
}

void PartitionLog::trim_cache() {
  cache_->trim(config_.tail_cache_bytes);
}

Result<void> PartitionLog::write_segment(Segment& segment) {
  const std::uint64_t bytes = segment.size_bytes() - segment.written_bytes();
  if (bytes == 0) return {};
  const bool is_new = segment.log_file() == nullptr;
  const auto file = segment.open_log(files_, OpenMode::create_new);
  if (!file) return file.error();
  new_files_ = new_files_ || is_new;
  const auto pieces = cache_->unwritten(segment.next());
  if (const auto written = (*file)->write_at(pieces, segment.written_bytes()); !written)
    return written.error();
  segment.set_written();
  cache_->set_written(segment.next());
  unsynced_bytes_ += bytes;
  if (std::ranges::find(dirty_, *file) == dirty_.end()) dirty_.push_back(*file);
  return {};
}

// -- State
// -----------------------------------------------------------------------------------------

Result<void> PartitionLog::close() {
  if (const auto taken_back = retract(); !taken_back) return taken_back.error();
  if (state_ != LogState::writable) {
    const auto why = ready_to_append();
    const bool was_read_only = state_ == LogState::read_only;
    state_ = LogState::closed;
    if (was_read_only) return {};
    return why;
  }
  if (const auto written = write(); !written) return written.error();
  // What a broker of many idle partitions finds when it stops: nothing to write, nothing to sync.
  const bool untouched = recovery_point() == log_end_ && dirty_.empty() && !new_files_ &&
                         !rolled_ && !sync_out_ && !checkpoint_out_ && !compaction_out_ &&
                         !retention_out_;
  if (untouched) {
    state_ = LogState::closed;
    return {};
  }
  supersede_work();
  if (retention_out_)
    if (const auto saved = save_log_start(log_start_, has_gaps_); !saved)
      return fail(saved.error());
  if (const auto settled = settle_compaction(log_end_); !settled) return fail(settled.error());
  if (const auto synced = sync_all_dirty(log_end_); !synced) return fail(synced.error());
  settle_at(log_end_);
  rolled_ = true;
  sync_out_ = checkpoint_out_ = false;
  const auto work = take_checkpoint();
  if (work) {
    if (const auto done = work->run(); !done) return fail(done.error());
    checkpointed(*work, {});
  }
  state_ = LogState::closed;
  return {};
}

void PartitionLog::set_config(LogConfig config) {
  config_ = config;
}

std::uint64_t PartitionLog::buffered_bytes() const {
  return cache_->unwritten_bytes();
}

std::uint64_t PartitionLog::size_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& segment : segments_) sum += segment->size_bytes();
  return sum;
}

std::uint64_t PartitionLog::cache_bytes() const {
  return cache_->memory_bytes();
}

std::uint64_t PartitionLog::index_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& segment : segments_) {
    sum += segment->offsets().memory().capacity() * sizeof(OffsetEntry);
    sum += segment->times().memory().capacity() * sizeof(TimeEntry);
  }
  return sum;
}

Offset PartitionLog::active_segment_base() const {
  return active().base();
}

std::optional<Timestamp> PartitionLog::max_timestamp_so_far() const {
  std::optional<Timestamp> newest;
  for (const auto& segment : segments_)
    if (segment->newest() && (!newest || segment->newest()->timestamp > *newest))
      newest = segment->newest()->timestamp;
  return newest;
}

void PartitionLog::begin_epoch(LeaderEpoch epoch) {
  epochs_.assign(epoch, log_end_);
}

std::optional<EpochEnd> PartitionLog::epoch_end(LeaderEpoch epoch) const {
  return epochs_.end_of(epoch, log_end_);
}

std::optional<LeaderEpoch> PartitionLog::epoch_at(Offset offset) const {
  if (offset < log_start_ || offset >= log_end_) return std::nullopt;
  return epochs_.at(offset);
}

}  // namespace millrace::log
