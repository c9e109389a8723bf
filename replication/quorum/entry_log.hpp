#pragma once

#include <deque>

#include "replication/consensus/consensus.hpp"

namespace millrace::replication::quorum {

/// The entries behind a start, in memory, with every write that was handed to the disk: between two
/// snapshots a log is short. What the core reads, and what is applied. Single-threaded.
class EntryLog final : public consensus::LogReader {
 public:
  EntryLog(consensus::Position start, std::vector<consensus::Entry> entries);

  [[nodiscard]] std::vector<consensus::Entry> read(consensus::Index first, consensus::Index last,
                                                   std::size_t bytes_max) const override;
  /// The entry before the first.
  [[nodiscard]] consensus::Index start() const { return start_; }
  [[nodiscard]] consensus::Index last() const { return start_.plus(entries_.size()); }
  /// One that is here.
  [[nodiscard]] const consensus::Entry& at(consensus::Index index) const;

  /// The log as it is once `write` is done.
  void take(const consensus::Write& write);
  /// Entries up to `start` are not asked for any more.
  void forget(consensus::Index start);

 private:
  consensus::Index start_;
  std::deque<consensus::Entry> entries_;
};

}  // namespace millrace::replication::quorum
