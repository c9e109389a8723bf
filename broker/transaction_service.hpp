#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/deadlines.hpp"
#include "broker/partition.hpp"
#include "broker/transaction/coordinator.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

class Shard;

/// The shell around the transaction coordinators of one shard, one for each partition of
/// `__transaction_state` that the shard has: loads them from the log, appends the records they
/// decide on, brings markers to partitions on whatever shard until they are there, runs timers and
/// hands out replies. Used on the shard's thread alone.
class TransactionService {
 public:
  explicit TransactionService(Shard& shard) : shard_{shard} {}

  using Reply = std::move_only_function<void(const TransactionReply&)>;
  /// Runs one operation of a coordinator.
  using Operation =
      std::function<TransactionOutput(TransactionCoordinator&, ReplyToken, const Moment&)>;

  /// Whether the coordinator of this partition can be asked: `none`, `not_coordinator` or
  /// `coordinator_load_in_progress`.
  [[nodiscard]] protocol::ErrorCode available(PartitionIndex partition) const;
  /// Runs `operation`; `reply` gets its answer, at once or later. The coordinator must be
  /// available.
  void run(PartitionIndex partition, const Operation& operation, Reply reply);
  /// For questions that change nothing. The coordinator must be available.
  [[nodiscard]] const TransactionCoordinator& look(PartitionIndex partition) const;
  /// Those of this shard that are loaded.
  [[nodiscard]] std::vector<const TransactionCoordinator*> all() const;
  [[nodiscard]] bool loading() const;

  /// A partition of this shard is led from here from now on, or no longer.
  void led(const std::shared_ptr<Partition>& partition);
  void retire(const Partition& partition);
  /// The broker stops: everybody who waits is told so.
  void resign();

 private:
  struct Entry {
    Entry(std::shared_ptr<Partition> p, const TransactionSettings& settings)
        : partition{std::move(p)}, core{settings, partition->leader_epoch().value} {}
    std::shared_ptr<Partition> partition;
    TransactionCoordinator core;
    bool loaded = false;
    bool resigned = false;
    std::unordered_map<ReplyToken, Reply> waiting;
    ReplyToken next_token = 1;
    std::optional<Deadlines::Key> timer;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  /// Markers on their way.
  struct Round {
    MarkerRound what;
    std::size_t left = 0;
  };
  using RoundPtr = std::shared_ptr<Round>;

  net::Awaitable<void> load(EntryPtr entry);
  void perform(const EntryPtr& entry, TransactionOutput output);
  void append(const EntryPtr& entry, const std::vector<TransactionRecord>& records, Ticket ticket);
  void send_markers(const EntryPtr& entry, MarkerRound round);
  net::Awaitable<void> send_marker(EntryPtr entry, RoundPtr round, TopicPartition partition);
  void rearm(const EntryPtr& entry);
  void resign(const EntryPtr& entry, protocol::ErrorCode error);
  [[nodiscard]] Moment moment() const;

  Shard& shard_;
  std::unordered_map<PartitionIndex, EntryPtr> entries_;
};

/// Appends a marker to a partition that this broker leads, and returns to `home` when it is
/// committed there, and in force: offsets that were committed in the transaction show, or are gone.
/// `unknown_topic_or_partition`: there is no such partition any more.
net::Awaitable<protocol::ErrorCode> write_marker_here(Shard& home, TopicPartition partition,
                                                      TransactionMarker marker);
/// The same, or has the broker do it that leads the partition.
net::Awaitable<protocol::ErrorCode> write_marker(Shard& home, TopicPartition partition,
                                                 TransactionMarker marker);

}  // namespace millrace::broker
