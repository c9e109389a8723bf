// What a start after a crash does with the entries that a journal has of the log.
#include <algorithm>
#include <optional>

#include "log/file_names.hpp"
#include "log/recovery.hpp"
#include "log/segment.hpp"

namespace millrace::log {

Result<void> LogRecovery::read_journal() {
  if (journal_.empty()) return {};
  const auto contents = log_.files_.read_if_there(log_.dir_ / kJournalFloorFile);
  if (!contents) return contents.error();
  // A start must not bring back what was truncated, so the newest entry is remembered even if
  // nothing comes of it.
  log_.journal_mark_ = journal_.back().at;
  if (!*contents) return {};
  const auto floor = JournalFloor::decode(**contents);
  if (!floor) {
    report({log_.dir_ / kJournalFloorFile, 0, log_.log_start_, (*contents)->size(), true,
            "it does not tell which entries of the journal are this log's"});
    journal_ = {};
    return {};
  }
  while (!journal_.empty() && journal_.front().at.is_at_or_before(floor->at))
    journal_ = journal_.subspan(1);
  return {};
}

/// How far the log goes on from `from` when the journal's entries are put behind it.
Offset LogRecovery::journal_reaches(Offset from) const {
  for (const JournalRun& run : journal_)
    if (run.base <= from && run.end > from) from = run.end;
  return from;
}

Result<void> LogRecovery::replay_journal() {
  if (log_.state_ != LogState::writable) {
    // What the journal has behind the damage is all there is of it.
    report_.journal_needed = journal_reaches_past(log_.log_end_);
    return {};
  }
  std::optional<Damage> stopped;
  for (const JournalRun& run : journal_) {
    if (run.end <= log_.log_end_) continue;
    if (run.base > log_.log_end_) {
      // Unless it was confirmed, what lay below it never arrived either, and nobody was promised
      // it.
      if (run.confirmed)
        stopped = Damage{log_.dir_, 0,    log_.log_end_,
                         0,         true, "the journal goes on behind records that are missing"};
      break;
    }
    std::size_t skip = 0;
    for (const auto batch : protocol::BatchRun{run.batches.view()}) {
      if (batch.next_offset() > log_.log_end_) break;
      skip += batch.size_bytes();
    }
    const Bytes missing = run.batches.view().subspan(skip);
    if (const auto appended = log_.append_as_is(missing); !appended) {
      stopped = Damage{
          log_.dir_,     0,
          log_.log_end_, missing.size(),
          run.confirmed, "an entry of the journal does not fit: " + appended.error().message()};
      break;
    }
    report_.journal_bytes += missing.size();
  }
  if (report_.journal_bytes > 0) {
    report_.clean = false;
    if (const auto synced = log_.sync_now(); !synced) return synced;
  }
  if (!stopped) return {};
  report(*stopped);
  if (!stopped->acknowledged) return {};
  log_.state_ = LogState::read_only;
  report_.journal_needed = true;
  return {};
}

bool LogRecovery::journal_reaches_past(Offset end) const {
  return std::ranges::any_of(journal_, [&](const JournalRun& run) { return run.end > end; });
}

}  // namespace millrace::log
