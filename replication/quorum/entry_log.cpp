#include "replication/quorum/entry_log.hpp"

#include "protocol/base/ensure.hpp"

namespace millrace::replication::quorum {

using consensus::Entry;
using consensus::Index;

EntryLog::EntryLog(consensus::Position start, std::vector<Entry> entries)
    : start_{start.index},
      entries_{std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end())} {}

const Entry& EntryLog::at(Index index) const {
  ENSURE(index > start_ && index <= last());
  return entries_[static_cast<std::size_t>(index - start_ - 1)];
}

std::vector<Entry> EntryLog::read(Index first, Index last, std::size_t bytes_max) const {
  std::vector<Entry> found;
  std::size_t bytes = 0;
  for (Index index = first; index <= last; index = index.next()) {
    const Entry& entry = at(index);
    bytes += entry.size();
    if (!found.empty() && bytes > bytes_max) break;
    found.push_back(entry);
  }
  return found;
}

void EntryLog::take(const consensus::Write& write) {
  if (write.restore) {
    entries_.clear();
    start_ = write.restore->at.index;
  }
  if (write.entries.empty()) return;
  ENSURE(write.first > start_ && write.first <= last().next());
  entries_.resize(static_cast<std::size_t>(write.first - start_ - 1));
  entries_.insert(entries_.end(), write.entries.begin(), write.entries.end());
}

void EntryLog::forget(Index start) {
  while (start_ < start && !entries_.empty()) {
    entries_.pop_front();
    start_ = start_.next();
  }
}

}  // namespace millrace::replication::quorum
