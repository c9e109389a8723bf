#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/types.hpp"

namespace millrace::broker {

/// What a group committed for a partition. The offset is the client's word: it is not checked
/// against the log, and -1 is legal.
struct CommittedOffset {
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;  // -1: not told
  std::string metadata;
  Timestamp committed_at;
  std::optional<Timestamp> expires_at;  // set when the commit named a retention of its own
  TopicId topic_id;                     // zero: not known
};

/// Which offsets of a group may expire, and from when their retention counts.
struct OffsetExpiryRule {
  /// False in states in which offsets without an expiry of their own are kept.
  bool applies = false;
  /// Retention counts from this time; from the commit when unset.
  std::optional<Timestamp> idle_since;
  /// Offsets of these topics are in use and never expire.
  std::set<std::string> subscribed;
};

/// Committed offsets of one group. Plain data; the coordinator owns it and applies records to it.
///
/// A partition with a write in flight is marked by `begin_write`: a decision from what is visible
/// now (this offset is too old) would come behind that write in the log and undo it.
class GroupOffsets {
 public:
  using ByPartition = std::map<TopicPartition, CommittedOffset>;

  /// Replayed from the log; no value deletes.
  void apply(const TopicPartition& partition, std::optional<CommittedOffset> value);
  /// Null when nothing is committed; valid until the next `apply`.
  [[nodiscard]] const CommittedOffset* find(const TopicPartition& partition) const;
  [[nodiscard]] const ByPartition& all() const { return committed_; }
  [[nodiscard]] bool empty() const { return committed_.empty(); }

  void begin_write(const TopicPartition& partition);
  void end_write(const TopicPartition& partition);
  /// An offset of the partition waits for the end of a transaction.
  void begin_pending(const TopicPartition& partition) { ++pending_[partition]; }
  void end_pending(const TopicPartition& partition);
  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  [[nodiscard]] bool has_pending(const TopicPartition& partition) const {
    return pending_.contains(partition);
  }

  /// What a deletion has to name so that nothing survives it: visible offsets, those in flight and
  /// those of transactions that have not ended.
  [[nodiscard]] std::vector<TopicPartition> to_delete() const;
  [[nodiscard]] std::vector<TopicPartition> to_delete(std::string_view topic) const;
  /// Offsets whose time is over at `wall`, without those that have a write in flight.
  [[nodiscard]] std::vector<TopicPartition> expired(const OffsetExpiryRule& rule,
                                                    std::chrono::milliseconds retention,
                                                    Timestamp wall) const;

 private:
  ByPartition committed_;
  std::map<TopicPartition, std::size_t> writes_;   // counts > 0
  std::map<TopicPartition, std::size_t> pending_;  // counts > 0
};

}  // namespace millrace::broker
