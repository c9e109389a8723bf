// What a start after a crash does with the entries that a journal has of the log.
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
  if (log_.state_ != LogState::writable) return {};
  for (const JournalRun& run : journal_) {
    if (run.end <= log_.log_end_) continue;
    if (run.base > log_.log_end_) {
      if (!run.confirmed)
        break;  // what lay below it never arrived either, so nobody was promised it
      report({log_.dir_, 0, log_.log_end_, 0, true,
              "the journal goes on behind records that are missing"});
      log_.state_ = LogState::read_only;
      return {};
    }
    std::size_t skip = 0;
    for (const auto batch : protocol::BatchRun{run.batches.view()}) {
      if (batch.next_offset() > log_.log_end_) break;
      skip += batch.size_bytes();
    }
    const Bytes missing = run.batches.view().subspan(skip);
    if (const auto appended = log_.append_as_is(missing); !appended) {
      report({log_.dir_, 0, log_.log_end_, missing.size(), run.confirmed,
              "an entry of the journal does not fit: " + appended.error().message()});
      if (run.confirmed) log_.state_ = LogState::read_only;
      return {};
    }
    report_.journal_bytes += missing.size();
  }
  if (report_.journal_bytes == 0) return {};
  report_.clean = false;
  return log_.sync_now();
}

}  // namespace millrace::log
