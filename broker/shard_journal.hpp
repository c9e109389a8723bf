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
/// Used on the shard's thread.
class ShardJournal {
 public:
  explicit ShardJournal(Shard& shard) : shard_{shard} {}

  /// From now on there is one.
  void start(log::Journal journal) { journal_.emplace(std::move(journal)); }

  /// Gives the journal what `partition` has written and nobody made durable, if both agree to it.
  /// It leaves with the next `flush`.
  void take(const std::shared_ptr<Partition>& partition);
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
  };
  void send(log::JournalWrite work);
  void settle();
  void sync_segments(const log::JournalKey& key);

  Shard& shard_;
  std::optional<log::Journal> journal_;
  std::unordered_map<log::JournalKey, Member> members_;
  std::deque<log::JournalKey> unsynced_;  // oldest first; some may have been synced since
};

}  // namespace millrace::broker
