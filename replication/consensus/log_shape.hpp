#pragma once

#include <deque>

#include "replication/consensus/types.hpp"

namespace millrace::replication::consensus {

/// What the core knows of the log: its ends, its terms as runs, its configurations. A few dozen
/// bytes per leader and change of members, whatever the log holds. A value; the shell makes one at
/// start by appending each entry it finds on the disk, and the core takes it over.
///
/// Between `start` and `last` lie the entries that are kept. The newest snapshot lies at or behind
/// `start`, so that a follower a little behind needs no snapshot.
class LogShape {
 public:
  LogShape() = default;
  /// No entries, right behind `snapshot`.
  explicit LogShape(Snapshot snapshot) { reset(std::move(snapshot)); }
  /// As found on a disk: entries will be appended right behind `start`, at or before `snapshot`.
  /// If the log then does not hold the snapshot's position it is of no use and the shell takes
  /// `LogShape{snapshot}` instead.
  LogShape(Snapshot snapshot, Position start);

  /// The entry right before the first one that is kept.
  [[nodiscard]] Position start() const { return start_; }
  [[nodiscard]] Position last() const { return {last_, term_of_last()}; }
  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  /// Nothing for what is not kept, `start` excepted, or not there yet.
  [[nodiscard]] std::optional<Term> term_at(Index index) const;
  [[nodiscard]] bool holds(Position position) const {
    return term_at(position.index) == position.term;
  }
  /// The last kept entry, or `start`, with neither index nor term above these.
  [[nodiscard]] Position last_at_most(Position bound) const;
  /// The newest configuration, committed or not.
  [[nodiscard]] const Configuration& configuration() const { return configurations_.back().second; }
  /// Where it stands in the log, or the snapshot's index if that holds it.
  [[nodiscard]] Index configuration_index() const { return configurations_.back().first; }
  /// As of `index`, from the snapshot's on.
  [[nodiscard]] const Configuration& configuration_at(Index index) const;
  /// Whether it is a voter in a configuration in force at `index` or later.
  [[nodiscard]] bool votes_since(Index index, const Member& member) const;

  /// At the end; terms never go back.
  void append(const Entry& entry);
  /// Forgets what is behind `last`, which is not before the snapshot. The configuration is again
  /// what it was there.
  void cut_behind(Index last);
  /// A newer snapshot was taken of this log; entries up to `start` may go.
  void compact(Snapshot snapshot, Index start);
  /// Everything is replaced by a snapshot.
  void reset(Snapshot snapshot);

 private:
  [[nodiscard]] Term term_of_last() const {
    return runs_.empty() ? start_.term : runs_.back().term;
  }

  Snapshot snapshot_;
  Position start_;
  Index last_;
  // The first entry of each term behind `start`, in order.
  std::deque<Position> runs_;
  // Where each configuration begins; the first is the snapshot's.
  std::deque<std::pair<Index, Configuration>> configurations_{{}};
};

}  // namespace millrace::replication::consensus
