#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "broker/data_directory.hpp"
#include "broker/peers/peer_calls.hpp"
#include "broker/quorum/metadata_log.hpp"
#include "broker/quorum/quorum_links.hpp"
#include "broker/shard.hpp"
#include "replication/consensus/consensus.hpp"
#include "replication/quorum/entry_log.hpp"
#include "replication/quorum/quorum_disk.hpp"

namespace millrace::broker {

/// This node's part in the metadata quorum: the shell around the consensus core, and the metadata
/// log that the rest of the broker sees. Every node has one, voter or not; a node alone is a quorum
/// of one. Owned by `Broker`; lives on the first shard.
///
///   on a pool thread: open_directory(...)      what the disk holds, or why not
///   on the first shard: start(reader)          takes part from here on
///   ...
///   co_await hand_over()                       somebody else leads, if somebody can
///   co_await stop()
///
/// Disk work is done in its order, one piece at a time, on a pool of its own. An error there ends
/// this node's part: nothing that rests on the disk is said any more, the data directory goes
/// offline, and the world is asked to end the process.
class QuorumService final : public MetadataLog {
 public:
  using Member = replication::consensus::Member;

  QuorumService(Node& node, Shard& shard);
  ~QuorumService() override;

  /// What the directory holds. Blocks; before `start`.
  std::optional<StartFailure> open_directory(const std::filesystem::path& directory);
  /// Begins to take part and to tell `reader`, which outlives this.
  void start(Reader& reader);
  /// Returns when somebody leads and what is known to be committed has been applied here, or when
  /// this service stops.
  net::Awaitable<void> joined();
  /// `joined` returns at once.
  void cancel();
  /// A leader makes another one lead; returns when that happened, or soon.
  net::Awaitable<void> hand_over();
  /// Ends its part. The shard's connections to other nodes are closed.
  net::Awaitable<void> stop();

  // -- MetadataLog -------------------------------------------------------------------------------
  void propose(std::vector<replication::MetadataRecord> records, Done done) override;
  [[nodiscard]] std::int64_t next_index() const override;
  [[nodiscard]] std::int64_t applied_index() const override { return applied_.value; }
  [[nodiscard]] std::optional<BrokerId> leader() const override;
  [[nodiscard]] std::int32_t term() const override { return core_->term().value; }

  // -- Other nodes; on the first shard -----------------------------------------------------------
  /// Messages of `caller`; those that say another sender are dropped.
  void receive(const PeerCaller& caller, const replication::schema::QuorumCall& call);
  /// A connection over which a node sent messages has ended: most likely the node did, too.
  void connection_ended(BrokerId node);
  /// Called then, for whoever else watches nodes.
  void on_connection_ended(std::function<void(BrokerId)> heard) { heard_end_ = std::move(heard); }
  /// The leader lets a node take part; anybody else says where the leader is.
  PeerResult join(const PeerCaller& caller, const replication::schema::JoinCall& call);

  /// The directory of the quorum, to read snapshots from.
  [[nodiscard]] const std::filesystem::path& directory() const { return disk_->directory(); }
  /// The metadata as applied so far.
  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }
  /// The core, to look at; once `start` was called.
  [[nodiscard]] const replication::consensus::Consensus& core() const { return *core_; }
  [[nodiscard]] bool running() const { return core_ != nullptr && !ended_; }
  /// Changes who takes part. Only the leader can.
  Result<void> change(const replication::consensus::Change& change);
  /// When a member last said something to this leader; of those that never did, when it took over.
  [[nodiscard]] Instant last_heard(const Member& member) const;

 private:
  using Index = replication::consensus::Index;
  struct DiskJob {
    std::vector<replication::consensus::Write> writes;
    std::move_only_function<Result<void>()> work;  // instead of writes
    std::move_only_function<void()> then;
  };
  struct Proposal {
    replication::consensus::Term term;
    Done done;
  };
  struct Fetched {
    replication::consensus::Snapshot snapshot;
    replication::ImagePtr image;
  };

  // quorum_service.cpp
  void carry_out();
  void take_write(replication::consensus::Write write);
  void apply(Index to);
  void settle();
  void watch_role();
  void arm();
  void ring();
  void fail_proposals();

  // quorum_files.cpp
  void submit(DiskJob job);
  void pump_disk();
  void disk_done(DiskJob& job, const Result<void>& result);
  void give_up(const ErrorInfo& error);
  void maybe_snapshot();
  void snapshot_written(const replication::consensus::Snapshot& snapshot,
                        const Result<void>& result);

  // quorum_fetch.cpp
  void fetch(const replication::consensus::FetchSnapshot& order);
  net::Awaitable<void> fetching(replication::consensus::FetchSnapshot order);
  net::Awaitable<bool> fetch_pieces(const replication::consensus::FetchSnapshot& order,
                                    replication::quorum::SnapshotReceiver& receiver);

  // quorum_joining.cpp
  void learn_addresses();
  void seek_later();
  net::Awaitable<void> seek();
  [[nodiscard]] bool must_seek() const;
  PeerResult let_join(const Member& member, bool voter);
  [[nodiscard]] replication::schema::JoinAnswer join_answer() const;

  Node& node_;
  Shard& shard_;
  Reader* reader_ = nullptr;
  std::unique_ptr<replication::quorum::QuorumDisk> disk_;  // used by disk work alone
  std::optional<replication::quorum::Recovered> recovered_;
  std::unique_ptr<replication::quorum::EntryLog> log_;
  std::unique_ptr<replication::consensus::Consensus> core_;
  QuorumLinks links_;

  replication::ImagePtr image_;
  Index applied_;
  std::map<Index, Proposal> proposals_;
  std::optional<replication::consensus::Term> no_op_;  // the newest that was applied
  std::optional<std::int32_t> active_;                 // as the reader was told
  bool carrying_out_ = false;

  std::deque<DiskJob> jobs_;
  bool disk_busy_ = false;
  bool snapshotting_ = false;
  std::int64_t applied_bytes_ = 0;  // since the last snapshot
  Index snapshot_before_;           // the one before the newest
  bool fetching_ = false;
  std::optional<Fetched> fetched_;

  std::optional<Deadlines::Key> alarm_;
  std::optional<Deadlines::Key> seeking_;
  std::map<Member, Instant> heard_;  // by a leader
  Instant leading_since_;
  Instant leaderless_since_;
  std::function<void(BrokerId)> heard_end_;
  bool started_ = false;
  bool ended_ = false;
  bool cancelled_ = false;
  net::Event changed_;  // pulsed when role, leader or what is applied changes
  net::TaskGroup tasks_;
};

/// A piece of a snapshot in `directory`, for another node. Blocks.
replication::schema::SnapshotAnswer read_snapshot_piece(
    log::Files& files, const std::filesystem::path& directory,
    const replication::schema::SnapshotCall& call);

}  // namespace millrace::broker
