// How a log and the journal that it shares with others work together.
#include <algorithm>

#include "log/journal/journal.hpp"
#include "log/partition_log.hpp"
#include "log/segment.hpp"
#include "log/tail_cache.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::log {

bool PartitionLog::needs_sync() const {
  return state_ == LogState::writable && written_end_ > journal_next_ &&
         !(sync_out_ && sync_out_end_ >= written_end_);
}

std::optional<Unjournaled> PartitionLog::unjournaled() const {
  if (!needs_sync()) return std::nullopt;
  // An entry must lie behind something that is durable or becomes so before it.
  if (sync_out_ && sync_out_end_ > journal_next_) return std::nullopt;
  // Skipped offsets count only with a sync point behind them.
  if (unsynced_gap_) return std::nullopt;
  const auto cached = cache_->begin();
  if (!cached || *cached > journal_next_) return std::nullopt;
  ReadResult read = cache_->read({.from = journal_next_,
                                  .limit = written_end_,
                                  .bytes_max = Journal::kEntryBytesMax,
                                  .whole_first_batch = true});
  if (read.next != written_end_) return std::nullopt;
  return Unjournaled{.base = journal_next_,
                     .end = written_end_,
                     .generation = fence_->generation,
                     .batches = std::move(read.batches)};
}

void PartitionLog::journal_took(Offset end, JournalPosition at) {
  ENSURE(end > journal_next_ && end <= written_end_);
  journal_next_ = end;
  journal_mark_ = at;
}

void PartitionLog::journaled(Offset end, std::uint64_t generation) {
  if (generation != fence_->generation) return;
  if (state_ != LogState::writable && state_ != LogState::full) return;
  ENSURE(end <= journal_next_);
  synced_end_ = std::max(synced_end_, end);
}

void PartitionLog::journal_failed(ErrorInfo error) {
  if (state_ == LogState::writable || state_ == LogState::full)
    static_cast<void>(fail(std::move(error)));
}

}  // namespace millrace::log
