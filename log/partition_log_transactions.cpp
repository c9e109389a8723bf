// Producers and transactions. The index of aborted transactions lives in memory, in the producer
// state that learns it from the markers, and in one file beside the checkpoints; what the file
// lacks is replayed.
#include <algorithm>

#include "log/file_names.hpp"
#include "log/partition_log.hpp"
#include "log/recovery.hpp"

namespace millrace::log {

ProducerVerdict PartitionLog::check_producer(const protocol::BatchView& batch, Timestamp now,
                                             bool starts_at_zero) {
  now_ = std::max(now_, now);
  return producers_.check(batch, now, config_.producer_expiration, starts_at_zero);
}

std::size_t PartitionLog::expire_producers(Timestamp now) {
  now_ = std::max(now_, now);
  return producers_.expire(now, config_.producer_expiration);
}

Offset PartitionLog::last_stable_offset(Offset high_watermark) {
  // A transaction may have begun below what was deleted since.
  return std::max(log_start_, producers_.last_stable(high_watermark));
}

std::vector<AbortedTransaction> PartitionLog::aborted_transactions(Offset from,
                                                                   Offset limit) const {
  return producers_.aborted().overlapping(from, limit);
}

/// Before the log is cut at `end`: nothing of what goes may come back with the file, once other
/// batches have these offsets.
Result<void> PartitionLog::cut_aborted(Offset end) {
  producers_.aborted().truncate_to(end);
  const auto there = files_.exists(dir_ / kAbortedFile);
  if (!there) return there.error();
  if (!*there) return {};
  return files_.write_atomically(dir_ / kAbortedFile, producers_.aborted().encode(end));
}

Result<std::optional<Offset>> LogRecovery::load_producers() {
  using Taken = std::optional<Offset>;
  const Path path = log_.dir_ / kAbortedFile;
  const auto there = log_.files_.exists(path);
  if (!there) return there.error();
  std::optional<AbortedTransactions::File> file;
  if (*there) {
    const auto contents = log_.files_.read_all(path);
    if (!contents) return contents.error();
    if (auto decoded = AbortedTransactions::decode(*contents)) file = std::move(*decoded);
  }
  AbortedTransactions aborted;
  if (file) aborted = std::move(file->transactions);
  if (aborted.truncate_to(end_) && !read_only_) {
    // These offsets will belong to other batches.
    const auto saved = log_.files_.write_atomically(path, aborted.encode(end_));
    if (!saved) return saved.error();
  }
  auto loaded = log_.snapshots_.load_newest(log_.files_, end_);
  if (!loaded) return Taken{};
  if (loaded->state.lacks_aborted() && (!file || file->end < loaded->offset)) return Taken{};
  if (!loaded->state.lacks_aborted()) aborted.forget_below(loaded->offset);
  log_.producers_ = std::move(loaded->state);
  log_.producers_.take_aborted(std::move(aborted));
  return Taken{loaded->offset};
}

}  // namespace millrace::log
