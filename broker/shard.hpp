#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/deadlines.hpp"
#include "broker/node.hpp"
#include "broker/partition.hpp"
#include "broker/peers/peers.hpp"
#include "broker/shard_journal.hpp"
#include "log/journal/journal.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/image.hpp"

namespace millrace::broker {

class Session;
class Cleaner;
class FetchSessions;
class GroupService;
class TransactionService;
class ReplicaService;

/// One thread's share of the broker: its partitions, its groups and its connections. Everything
/// here is used on this shard's thread alone; other shards reach it by `post`, or by `ask`.
class Shard {
 public:
  Shard(Node& node, std::size_t index, net::Scheduler& scheduler);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] Node& node() const { return node_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] net::Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] Instant now() const { return scheduler_.clock().now(); }
  [[nodiscard]] Timestamp wall() const { return scheduler_.clock().wall(); }
  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }
  [[nodiscard]] net::TaskGroup& tasks() { return tasks_; }
  [[nodiscard]] FetchSessions& fetch_sessions() { return *fetch_sessions_; }
  [[nodiscard]] GroupService& groups() { return *groups_; }
  [[nodiscard]] TransactionService& transactions() { return *transactions_; }
  /// This shard's connections to other nodes.
  [[nodiscard]] Peers& peers() { return peers_; }
  [[nodiscard]] ReplicaService& replicas() { return *replicas_; }
  [[nodiscard]] const ReplicaService& replicas() const { return *replicas_; }

  /// The newest metadata that this shard has heard of; never null.
  [[nodiscard]] const replication::ImagePtr& image() const { return image_; }

  /// Starts the timer and the housekeeping. On this shard's thread.
  void start();
  /// Takes over `image`: opens partitions that are new here, retires those that are gone, and has
  /// the others lead or follow as it says. `done` is called when all of the new ones can be used.
  void adopt(replication::ImagePtr image, std::move_only_function<void()> done);

  /// The partition, or null when it is not here (or not yet open).
  [[nodiscard]] std::shared_ptr<Partition> find(TopicId topic, PartitionIndex index) const;
  /// All that are here, in no order.
  [[nodiscard]] std::vector<std::shared_ptr<Partition>> partitions() const;
  /// Why a partition that belongs here could not be opened; null when that is not the case.
  [[nodiscard]] const std::string* unopened(TopicId topic, PartitionIndex index) const;
  [[nodiscard]] std::size_t unopened_count() const { return unopened_.size(); }

  /// What retention deleted since the start.
  struct Retained {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] const Retained& retained() const { return retained_; }
  [[nodiscard]] const Cleaner& cleaner() const { return *cleaner_; }

  /// Small appends are made durable by `journal` from now on.
  void start_journal(log::Journal journal) { journal_.start(std::move(journal)); }

  /// Something was appended to `partition`: it is written at the end of this turn, together with
  /// all else that the turn brings, and then synced.
  void appended(const std::shared_ptr<Partition>& partition);

  /// Batches are in line in `partition`: a pool thread works on them, unless one does already.
  void prepare(const std::shared_ptr<Partition>& partition);

  /// Makes what `partition` has written durable, by the journal or by a sync of its segments, if
  /// that is due and none is under way.
  void sync(const std::shared_ptr<Partition>& partition);
  /// Every partition that is open here, in no order that means anything.
  template <class Visit>
  void each_partition(Visit visit) const {
    for (const auto& [place, partition] : partitions_) visit(partition);
  }
  /// The partition's log was cut: what the journal has of it concerns it no more.
  void cut(const std::shared_ptr<Partition>& partition) { journal_.settled(*partition); }
  /// Hands the partition's recovery checkpoint to the pool, if one is due.
  void checkpoint(const std::shared_ptr<Partition>& partition);
  /// Runs `work` on a thread of `pool`, by default that of the disks, and `then(result)` back here;
  /// counted, so that a stop can wait.
  template <class Work, class Then>
  void on_pool(Work work, Then then) {
    on_pool(node_.world.pool, std::move(work), std::move(then));
  }
  template <class Work, class Then>
  void on_pool(net::BlockingPool& pool, Work work, Then then) {
    ++pool_work_;
    pool.submit([this, work = std::move(work), then = std::move(then)]() mutable {
      auto result = work();
      scheduler_.post([this, result = std::move(result), then = std::move(then)]() mutable {
        then(std::move(result));
        pool_work_done();
      });
    });
  }

  /// Readers of this shard's connections that wait for more; woken when the broker stops.
  /// `unpark` takes what `park` gave.
  std::uint64_t park(ReadWaiter& reader) {
    parked_.emplace(++arrivals_, &reader);
    return arrivals_;
  }
  void unpark(std::uint64_t arrival) { parked_.erase(arrival); }
  [[nodiscard]] bool stopping() const { return stopping_; }

  /// Whether clients are served: before that only other nodes are. Set for good when the broker is
  /// ready, or stops.
  [[nodiscard]] net::Event& open_for_clients_event() { return open_; }
  void open_for_clients() { open_.set(); }

  /// Serves a connection that came in on `listener` until it ends, then calls `gone`.
  void serve(std::unique_ptr<net::Connection> connection, std::string listener, net::Task gone);

  /// First half of a stop: coordinators resign, sessions answer what they took and close. `done` is
  /// called here when none is left.
  void drain(net::Task done);
  /// Second half, once all shards are drained: partitions sync and close, then the timers end.
  void close_partitions(net::Task done);

 private:
  struct Place {
    friend bool operator==(const Place&, const Place&) = default;
    TopicId topic;
    PartitionIndex index;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const noexcept {
      return std::hash<Uuid>{}(place.topic) * 31 + static_cast<std::size_t>(place.index.value);
    }
  };
  struct Opening;
  using OpeningPtr = std::shared_ptr<Opening>;

  [[nodiscard]] bool belongs_here(const replication::TopicImage& topic, PartitionIndex index) const;
  /// Has a partition lead or follow as the newest image says.
  void adopt_role(const std::shared_ptr<Partition>& partition);
  void opened(const TopicPartition& name, TopicId topic, Result<log::OpenedLog> opened,
              const OpeningPtr& opening);
  void retire(const std::shared_ptr<Partition>& partition, const OpeningPtr& opening);
  void tick_replicas();
  void save_high_watermarks();
  /// The topic's settings, with this partition's share of the tail cache.
  [[nodiscard]] PartitionSettings settings_of(const replication::TopicImage& topic,
                                              PartitionIndex index) const;
  void share_tail_cache();
  void open_partition(const replication::TopicImage& topic, PartitionIndex index,
                      const std::shared_ptr<Opening>& opening);
  void retire_missing(const replication::MetadataImage& image,
                      const std::shared_ptr<Opening>& opening);
  void remove_files(const std::shared_ptr<Partition>& partition,
                    const std::shared_ptr<Opening>& opening);
  net::Awaitable<void> drain_sessions(net::Task done);
  net::Awaitable<void> close_all(net::Task done);
  void end_turn();
  void pool_work_done();
  net::Awaitable<void> run_session(std::uint64_t arrival, std::shared_ptr<Session> session,
                                   net::Task gone);
  void every(std::chrono::nanoseconds interval, void (Shard::*what)());
  void expire_waiters();
  void sweep_sessions();
  void keep_house();
  /// Deletes what may be deleted, without the usual delay: the disk is full.
  void make_room();
  void delete_old(Timestamp purge_before);
  void retain(const std::shared_ptr<Partition>& partition, Timestamp purge_before);
  void purge(const std::shared_ptr<Partition>& partition, Timestamp before);
  void watch_space();
  void compact();
  void sync_stragglers();

  Node& node_;
  std::size_t index_;
  net::Scheduler& scheduler_;
  Deadlines deadlines_;
  net::TaskGroup tasks_;
  net::TaskGroup stop_tasks_;
  replication::ImagePtr image_;
  std::unordered_map<Place, std::shared_ptr<Partition>, PlaceHash> partitions_;
  std::unordered_map<Place, std::string, PlaceHash> unopened_;  // and why
  std::unordered_set<Place, PlaceHash> opening_;
  // Folders on their way out, by their partitions, and who waits to have a new one there.
  std::unordered_map<TopicPartition, std::vector<net::Task>> leaving_;
  std::vector<std::shared_ptr<Partition>> turn_;  // appended to in this turn of the loop
  // Those that somebody waits for or that are not synced: of 50,000 idle ones nobody looks at any.
  std::vector<std::shared_ptr<Partition>> busy_;
  // Both in the order of arrival: what is done to all of them must not follow their addresses, or a
  // simulated run could not be replayed.
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::map<std::uint64_t, ReadWaiter*> parked_;
  std::uint64_t arrivals_ = 0;
  std::unique_ptr<FetchSessions> fetch_sessions_;
  std::unique_ptr<GroupService> groups_;
  std::unique_ptr<TransactionService> transactions_;
  Peers peers_;
  std::unique_ptr<ReplicaService> replicas_;
  ShardJournal journal_;
  std::unique_ptr<Cleaner> cleaner_;
  std::size_t pool_work_ = 0;  // on its way through the pool
  net::Event pool_idle_;
  net::Event sessions_gone_;
  net::Event open_;
  std::uint64_t tail_cache_share_ = 0;  // of each partition; shrinks as partitions are added
  Retained retained_;
  std::shared_ptr<const HighWatermarks> saved_high_watermarks_;  // on the first shard
  bool saving_high_watermarks_ = false;
  bool watching_space_ = false;  // a check is on its way through the pool
  std::uint64_t checks_without_room_ = 0;
  bool stopping_ = false;
};

}  // namespace millrace::broker
