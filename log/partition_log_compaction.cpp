// Compaction from the log's side: what may be compacted, and how cleaned segments come in. The work
// itself is in compaction/.
#include <algorithm>

#include "log/compaction/plan.hpp"
#include "log/compaction/swap.hpp"
#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "log/tail_cache.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {
namespace {

/// Largest timestamp of the first batch, from the file when the segment does not know it any more.
std::optional<Timestamp> first_timestamp_of(Segment& segment) {
  if (segment.first_timestamp() || !segment.log_file()) return segment.first_timestamp();
  BatchScan scan{*segment.log_file(), {0, segment.written_bytes()}, protocol::kBatchHeaderBytes};
  const auto first = scan.next();
  if (first && *first && (*first)->max_timestamp >= Timestamp{0})
    segment.set_first_timestamp((*first)->max_timestamp);
  return segment.first_timestamp();
}

bool files_complete(const Segment& segment) {
  return !segment.needs_index_files() && segment.offsets().in_file() == segment.offsets().count() &&
         segment.times().in_file() == segment.times().count();
}

}  // namespace

/// Closed segments from the front that no other work will touch: below the recovery point on disk,
/// with their indexes written.
std::vector<SegmentFacts> PartitionLog::compactable() {
  std::vector<SegmentFacts> facts;
  for (const auto& segment : segments_) {
    if (!segment->closed() || segment->base() >= recovery_point_.segment_base ||
        segment->log_file() == nullptr || !files_complete(*segment))
      break;
    SegmentFacts fact{.base = segment->base(),
                      .next = segment->next(),
                      .bytes = segment->size_bytes(),
                      .offset_index_bytes = segment->offsets().size_bytes(),
                      .time_index_bytes = segment->times().size_bytes()};
    if (segment->newest()) fact.newest_timestamp = segment->newest()->timestamp;
    if (config_.max_compaction_lag && fact.next > first_dirty_)
      fact.first_timestamp = first_timestamp_of(*segment);
    facts.push_back(fact);
  }
  return facts;
}

void PartitionLog::roll_if_overdue(Timestamp now) {
  if (state_ != LogState::writable || !config_.compact || !config_.max_compaction_lag) return;
  const auto first = active().first_timestamp();
  if (active().empty() || !first || now - *first <= *config_.max_compaction_lag) return;
  roll(log_end_);
}

CompactionPlan PartitionLog::plan_compaction(Timestamp now, Offset high_watermark) {
  if (state_ != LogState::writable || !config_.compact) return {};
  now_ = std::max(now_, now);
  roll_if_overdue(now);
  const auto segments = compactable();
  const Offset limit = std::min({last_stable_offset(high_watermark), files_synced_end_});
  return log::plan_compaction(segments, std::max(first_dirty_, log_start_), limit, now,
                              {.min_lag = config_.min_compaction_lag,
                               .max_lag = config_.max_compaction_lag,
                               .min_dirty_ratio = config_.min_dirty_ratio});
}

std::unique_ptr<CompactionWork> PartitionLog::take_compaction(const CompactionRequest& request) {
  if (compaction_out_ || retention_out_ || swap_left_) return nullptr;
  const CompactionPlan plan = plan_compaction(request.now, request.high_watermark);
  if (plan.dirty_bytes == 0) return nullptr;
  std::unique_ptr<CompactionWork> work{new CompactionWork{files_, dir_, config_, request}};
  work->fence_ = compaction_fence_;
  work->generation_ = compaction_fence_->generation;
  work->plan_ = plan;
  work->map_end_ = plan.end;
  work->must_mark_gaps_ = !compacted_ || plan.end > gaps_below_;
  work->gaps_below_ = std::max(gaps_below_, plan.end);
  const auto facts = compactable();
  for (std::size_t i = 0; i < plan.segments; ++i)
    work->sources_.push_back({facts[i], segments_[i]->log_file()});
  work->producers_at_ = snapshots_.path(recovery_point_.offset);
  for (const Offset offset : snapshots_.offsets())
    if (offset < plan.end) work->snapshots_.push_back(snapshots_.path(offset));
  compaction_out_ = true;
  return work;
}

bool PartitionLog::compacted(CompactionWork& work, const Result<CompactionStep>& step) {
  if (state_ == LogState::closed) return false;
  ENSURE(compaction_out_);
  const auto ended = [this] {
    compaction_out_ = false;
    return false;
  };
  if (work.undo_failed_) static_cast<void>(fail(Errc::failed));
  const bool overtaken = work.generation_ != compaction_fence_->generation;
  if (!step || overtaken || state_ != LogState::writable) return ended();
  if (!config_.compact) work.stop();
  if (step->swap_due) {
    if (const auto swapped = swap_segments(work); !swapped) {
      static_cast<void>(fail(swapped.error()));
      return ended();
    }
  }
  if (!step->done) return true;
  if (work.completed_) {
    first_dirty_ = std::max(work.covered_end_, work.plan_.first_dirty);
    // Nothing is left of their data, and the next pass may take their markers.
    producers_.aborted().forget_below(first_dirty_);
  }
  return ended();
}

/// The renames of step 3 in compaction/swap.hpp, on disk and in memory at once, so that no reader
/// opens a file of the one under the name of the other.
Result<void> PartitionLog::swap_segments(CompactionWork& work) {
  ENSURE(work.phase_ == CompactionWork::Phase::swap && !work.group_.empty());
  const Offset first_base = work.sources_[work.group_.front()].facts.base;
  const auto first =
      std::ranges::find(segments_, first_base, [](const auto& segment) { return segment->base(); });
  ENSURE(first != segments_.end());
  const auto last = first + static_cast<std::ptrdiff_t>(work.group_.size());
  compacted_ = true;
  gaps_below_ = work.gaps_below_;
  rolled_ = true;  // the recovery point is to tell the times of the new ones
  snapshots_.forget_below(work.plan_.end);
  for (auto source = first; source != last; ++source) {
    for (const auto suffix : kSegmentSuffixes) {
      const Path path = (*source)->path(suffix);
      Path aside = path;
      aside += kDeletedSuffix;
      if (const auto renamed = files_.rename(path, aside); !renamed) return renamed.error();
      deleted_.push_back({std::move(aside), now_});
    }
  }
  std::vector<std::unique_ptr<Segment>> outputs;
  for (const auto& output : work.outputs_) {
    for (const auto suffix : kSegmentSuffixes) {
      const Path path = output->segment().path(suffix);
      Path cleaned = path;
      cleaned += kCleanedSuffix;
      if (const auto renamed = files_.rename(cleaned, path); !renamed) return renamed.error();
    }
    outputs.push_back(output->take());
  }
  const auto place = segments_.erase(first, last);
  segments_.insert(place, std::make_move_iterator(outputs.begin()),
                   std::make_move_iterator(outputs.end()));
  // Readers are to find the log as it is now, at its tail as well.
  cache_->trim(0);
  work.outputs_.clear();
  work.group_.clear();
  work.group_changed_ = false;
  work.last_dropped_.reset();
  work.swapped_ = true;
  return {};
}

/// A truncation or closing overtakes a pass: after this nothing of it can come back. Where the log
/// shrinks below what was compacted, what is appended there next is dirty again.
Result<void> PartitionLog::settle_compaction(Offset end) {
  if (compaction_out_) {
    const std::scoped_lock lock{compaction_fence_->mutex};
    ++compaction_fence_->generation;
  }
  if (compaction_out_ || swap_left_) {
    // Segments that were swapped in stay, a swap that was only decided on is taken back.
    if (const auto ended = end_swap(files_, dir_); !ended) return ended;
    if (const auto removed = remove_cleaned(files_, dir_); !removed) return removed;
    swap_left_ = false;
  }
  // A pass that is out may have moved the point on disk already.
  if (first_dirty_ <= end && gaps_below_ <= end && !compaction_out_) return {};
  const Offset point = std::min(first_dirty_, end);
  const Offset gaps_below = std::min(gaps_below_, end);
  const auto saved =
      files_.write_atomically(dir_ / kCleanerPointFile, CleanerPoint{point, gaps_below}.encode());
  if (!saved) return saved;
  first_dirty_ = point;
  gaps_below_ = gaps_below;
  compacted_ = true;
  return {};
}

}  // namespace millrace::log
