#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "broker/partition.hpp"
#include "log/journal/journal.hpp"

namespace millrace::broker {

class Shard;

/// A shard's journal and the partitions that have something in it: runs what the journal decides.
/// Also the bound on files that are written and not synced, journal or not, because each of them
/// stays open: when there are many the oldest are synced, and when there are too many (`crowded`)
/// nobody is told that a batch is durable, or written, before its file is synced. Used on the
/// shard's thread.
class ShardJournal {
 public:
  explicit ShardJournal(Shard& shard) : shard_{shard} {}

  /// From now on there is one.
  void start(log::Journal journal) { journal_.emplace(std::move(journal)); }

  /// Gives the journal what `partition` has written and nobody made durable, if both agree to it.
  /// It leaves with the next `flush`.
  void take(const std::shared_ptr<Partition>& partition);
  /// `partition` has written what nobody is in a hurry to sync.
  void note_unsynced(const std::shared_ptr<Partition>& partition);
  /// More files are not synced than should be: who writes has to wait.
  [[nodiscard]] bool crowded() const { return unsynced_.size() + syncing_ > 2 * share(); }
  /// Sends what was taken, as far as the journal lets it, and has segments synced where it wants
  /// its space back.
  void flush();
  /// Segments of `partition` were synced.
  void settled(const Partition& partition);
  /// It is gone.
  void forget(const Partition& partition);

 private:
  static log::JournalKey key_of(const Partition& partition) {
    return {partition.topic_id(), partition.name().partition};
  }
  struct Member {
    std::shared_ptr<Partition> partition;
    bool unsynced = false;  // and in `unsynced_`
    bool syncing = false;   // taken from there, and counted in `syncing_`
  };
  void send(log::JournalWrite work);
  [[nodiscard]] std::size_t share() const;
  void settle();
  void sync_segments(const log::JournalKey& key);
  void tell_journal(const Partition& partition);

  Shard& shard_;
  std::optional<log::Journal> journal_;
  std::unordered_map<log::JournalKey, Member> members_;
  std::deque<log::JournalKey> unsynced_;  // oldest first; some may have been synced since
  std::size_t syncing_ = 0;
};

}  // namespace millrace::broker
