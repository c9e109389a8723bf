#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/log_directory.hpp"
#include "broker/produce_queue.hpp"
#include "broker/transaction/types.hpp"
#include "broker/transaction/verifications.hpp"
#include "log/partition_log.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/validate.hpp"
#include "replication/replica/fetch_session.hpp"
#include "replication/replica/following.hpp"
#include "replication/replica/leadership.hpp"

namespace millrace::broker {

/// How one partition is served: the topic's settings after the broker's defaults.
struct PartitionSettings {
  log::LogConfig log;
  protocol::ProduceRules rules;  // `produce_version` is the request's
  bool flush_sync = true;        // acknowledge what is synced; otherwise what is written
  std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();  // when not flush_sync
  std::optional<std::chrono::milliseconds> flush_ms;                       // likewise
  replication::LeadershipSettings replication;
};

/// Somebody who waits until more can be read from one of several partitions, so `wake` may be
/// called more than once.
class ReadWaiter {
 public:
  virtual ~ReadWaiter() = default;
  /// Called on the partition's shard.
  virtual void wake() = 0;
  /// True when nobody waits any more; may be asked from the partition's shard.
  [[nodiscard]] virtual bool done() const = 0;
};

/// One replica of a partition: the shell around its log. Owned by its shard and used on the shard's
/// thread alone; work on pool threads holds a `shared_ptr`, so that it outlives a deletion.
///
/// Three things are never mixed: appended (in memory, has offsets), durable (`log.synced_end`, or
/// `written_end` with `flush.mode=async`), and committed (below `high_watermark`): what consumers
/// may see and producers are told. The only replica commits what is durable; of several, the leader
/// commits what `replication::Leadership` says, and a follower what its leader told it.
class Partition {
 public:
  /// Called when the replica is done waiting: `none`, or why the records cannot be promised.
  using Committed = std::move_only_function<void(protocol::ErrorCode)>;

  /// The only replica, which leads. `directory` outlives the partition.
  Partition(TopicPartition name, TopicId topic_id, LeaderEpoch epoch, PartitionSettings settings,
            std::unique_ptr<log::PartitionLog> log, LogDirectory& directory);
  /// A replica that neither leads nor follows until `adopt` says so. Up to `committed` others are
  /// known to have had the log, too.
  Partition(TopicPartition name, TopicId topic_id, PartitionSettings settings,
            std::unique_ptr<log::PartitionLog> log, LogDirectory& directory, Offset committed);

  // -- Which replica it is
  // -------------------------------------------------------------------------

  enum class Role : std::uint8_t { unchanged, began_to_lead, follows };
  /// The partition as the cluster has it now. Whoever stops leading tells all who wait.
  Role adopt(BrokerId self, const replication::PartitionImage& image, Instant now);
  /// Which brokers are alive is read from here.
  void see(const replication::MetadataImage& cluster) {
    if (leadership_) leadership_->see(cluster);
  }
  [[nodiscard]] bool leads() const { return leads_; }
  /// Of several replicas, while it leads; else null.
  [[nodiscard]] const replication::Leadership* leadership() const { return leadership_.get(); }
  /// Whom it follows; nothing while it leads, or nobody does.
  [[nodiscard]] std::optional<BrokerId> leader() const { return leader_; }
  /// Enough replicas are in sync for an acknowledgement of all of them.
  [[nodiscard]] bool enough_in_sync() const {
    return !leadership_ || leadership_->enough_in_sync();
  }
  /// A leader is asked by a follower, whose fetch says how far it is.
  protocol::ErrorCode fetched(const replication::Leadership::FollowerFetch& fetch, Instant now);
  std::optional<replication::InSyncProposal> in_sync_proposal(Instant now);
  void in_sync_answered(std::int32_t asked_at, protocol::ErrorCode error,
                        const replication::PartitionImage& image, Instant now);
  /// What is committed may depend on the time.
  void look_again(Instant now);

  /// What a follower asks for next; nothing while what it appended is not durable.
  [[nodiscard]] std::optional<replication::FetchWish> next_fetch() const;
  /// Appends what the leader sent; an error changes nothing.
  Result<log::AppendInfo> append_from_leader(Bytes run);
  /// What the leader has told of what is committed, and of where its log begins.
  void leader_says(Offset high_watermark, Offset log_start);
  /// Cuts the follower's log, or begins it anew; blocks for syncs. Also a damaged one is whole
  /// then, as far as it goes.
  Result<void> truncate_to(Offset end);
  Result<void> restart_at(Offset start);
  [[nodiscard]] Offset durable_end() const {
    return waits_for_durability() ? log_->synced_end() : log_->written_end();
  }
  /// Calls `done` once everything below `end` is durable here, or cannot be.
  void when_durable(Offset end, Instant deadline, Committed done);

  /// Validates one produced blob and appends it. Nothing is appended when the result has an error,
  /// or when the batch is a repetition of one that is in the log already. No result: the batch is
  /// work for a pool thread, or another one in front of it is, so it must go to `produce_later`.
  std::optional<ProduceResult> produce(Bytes records, std::int16_t version, Timestamp now);
  /// Puts the batch in line; `done` gets what became of it, in the order in which batches came.
  void produce_later(SharedBytes records, std::int16_t version, Timestamp now,
                     std::move_only_function<void(ProduceResult)> done);
  /// The next work for a pool thread, if batches are in line and none is out.
  std::optional<PrepareWork> take_prepare() { return queue_.take(); }
  /// The work has come back: appends what was accepted, in order, and tells. Gives whether
  /// anything was appended.
  bool prepared(std::vector<protocol::ProduceVerdict> verdicts, Timestamp now);
  /// Whose transaction the coordinator is to be asked about before `records` can be appended:
  /// nothing when there is no need to, or when `produce` will refuse them anyway.
  [[nodiscard]] std::optional<ProducerIdentity> to_verify(Bytes records, Timestamp now) const;
  [[nodiscard]] Verifications& verifications() { return verifications_; }
  /// Appends the end of a transaction, unless it comes from the past.
  ProduceResult append_marker(const TransactionMarker& marker, Timestamp now);
  /// Appends a batch of our own that belongs to a producer's transaction.
  ProduceResult append_own_in_transaction(Bytes batch, Timestamp now);
  /// Appends a batch of our own (coordinator and metadata records).
  ProduceResult append_own(Bytes batch);
  /// Calls `done` once everything below `end` is committed, or cannot be. At once if it is already.
  void when_committed(Offset end, Instant deadline, Committed done);
  /// Answers waiters whose deadline has passed with `request_timed_out`.
  void expire_waiters(Instant now);

  /// True for the first to ask since the last `write`: the partition joins the turn's writes.
  bool join_turn() { return !std::exchange(in_turn_, true); }
  /// True for the first to ask since it rested: the owner looks after it until it rests again.
  bool join_busy() { return !std::exchange(busy_, true); }
  /// Rests if nobody waits and nothing is unsynced, so that the owner need not look after it.
  bool rest() {
    const bool unsynced = !offline() && !retired_ && log_->synced_end() < log_->log_end();
    const bool waited_for = !waiters_.empty() || !durable_waiters_.empty();
    return !waited_for && !unsynced && std::exchange(busy_, false);
  }
  /// Writes what was appended. The owner calls it once per turn of its loop. What finds no space is
  /// taken back, its producers are told so, and the partition goes on; any other error takes it
  /// offline, and the data directory with it.
  void write();
  /// To be told when a call on `log()` failed, for it may have taken the log offline.
  void log_failed(const ErrorInfo& cause);
  /// The next sync to run on a pool thread, if there is something to sync and none under way.
  std::optional<log::SyncWork> take_sync(Instant now);
  void synced(const log::SyncWork& work, Result<void> result);
  /// The journal made everything below `end` durable; see `log::PartitionLog::journaled`.
  void journaled(Offset end, std::uint64_t generation);
  /// The journal lost what it had taken: the partition is offline.
  void journal_failed(ErrorInfo error);
  /// Syncs whatever is unsynced from the next `take_sync` on, whatever the flush mode says.
  void sync_soon() { sync_wanted_ = true; }

  /// While it is on, nothing is committed that is not synced, whatever the flush mode says.
  void wait_for_syncs(bool on) { waits_for_syncs_ = on; }

  /// Work on pool threads that knows this partition's files; `when_idle` runs its task once none is
  /// left, at once if there is none.
  void work_begun() { ++work_out_; }
  void work_ended();
  void when_idle(std::move_only_function<void()> task);

  /// Wakes `waiter` once, when the high watermark moves next or cannot move any more.
  void watch(std::shared_ptr<ReadWaiter> waiter);
  /// The same for a follower's fetch, which is woken when something was written, too.
  void watch_written(std::shared_ptr<ReadWaiter> waiter);

  [[nodiscard]] const TopicPartition& name() const { return name_; }
  [[nodiscard]] TopicId topic_id() const { return topic_id_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return epoch_; }
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }
  [[nodiscard]] Offset last_stable_offset() const {
    return log_->last_stable_offset(high_watermark_);
  }
  /// Nothing can be written any more.
  [[nodiscard]] bool offline() const {
    return log_->state() == log::LogState::failed || log_->state() == log::LogState::closed;
  }
  /// Whether a read at `offset` can be answered. A log that failed is read as far as it is synced;
  /// a damaged one ends below records that were acknowledged, so nobody may be told to wait there,
  /// or that there never was more.
  [[nodiscard]] bool readable_at(Offset offset) const {
    if (log_->state() == log::LogState::read_only) return offset < log_->log_end();
    return log_->state() != log::LogState::closed;
  }
  [[nodiscard]] const PartitionSettings& settings() const { return settings_; }
  void set_settings(PartitionSettings settings);
  [[nodiscard]] log::PartitionLog& log() { return *log_; }
  [[nodiscard]] const log::PartitionLog& log() const { return *log_; }

  /// The topic is gone or the broker stops: waiters and batches in line get `error`, readers are
  /// woken, nothing is appended any more.
  void retire(protocol::ErrorCode error);
  [[nodiscard]] bool retired() const { return retired_; }

 private:
  struct Waiter {
    Offset end;
    Instant deadline;
    Committed done;
  };

  ProduceResult accept(Bytes records, protocol::ProduceVerdict verdict,
                       const protocol::ProduceRules& rules, Timestamp now);
  void transaction_begun(const protocol::BatchView& batch);
  ProduceResult appended(Result<log::AppendInfo> info);
  [[nodiscard]] bool waits_for_durability() const {
    return settings_.flush_sync || waits_for_syncs_;
  }
  /// Waits for something to be written; done ones are dropped as others come.
  struct Readers {
    void add(std::shared_ptr<ReadWaiter> waiter);
    void wake();
    std::vector<std::shared_ptr<ReadWaiter>> waiting;
    std::size_t live = 0;  // after the last prune; doubles as the mark for the next
  };

  void lead(BrokerId self, const replication::PartitionImage& image, Instant now);
  void follow(const replication::PartitionImage& image);
  void advance();
  void cut(Offset end);
  Result<void> take_back();
  void fail_waiters(protocol::ErrorCode error);
  void wake_readers();
  static void wait_in(std::deque<Waiter>& waiters, Waiter waiter);
  static void complete(std::deque<Waiter>& waiters, Offset end);

  TopicPartition name_;
  TopicId topic_id_;
  LeaderEpoch epoch_;
  PartitionSettings settings_;
  std::unique_ptr<log::PartitionLog> log_;
  LogDirectory& directory_;
  std::uint64_t admitted_bytes_ = 0;  // appended in this turn
  // log_start <= high_watermark_ <= log_end; goes back only where a follower's log is cut.
  Offset high_watermark_;
  bool leads_ = false;
  std::unique_ptr<replication::Leadership> leadership_;  // of several replicas, while it leads
  std::optional<BrokerId> leader_;                       // while it follows
  Offset told_high_watermark_;                           // by the leader
  Instant seen_;                                         // the latest time that anybody told
  std::deque<Waiter> waiters_;                           // for what is committed; ascending `end`
  std::deque<Waiter> durable_waiters_;                   // for what is durable here; likewise
  ProduceQueue queue_;
  Verifications verifications_;
  Readers readers_;
  Readers followers_;
  bool in_turn_ = false;  // something was appended since the last `write`
  bool busy_ = false;
  std::size_t work_out_ = 0;
  std::move_only_function<void()> on_idle_;
  bool sync_wanted_ = false;
  bool waits_for_syncs_ = false;
  std::optional<Instant> unsynced_since_;  // flush.ms counts from here
  bool retired_ = false;
};

}  // namespace millrace::broker
