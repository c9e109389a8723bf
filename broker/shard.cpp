#include "broker/shard.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/cleaner.hpp"
#include "broker/errors.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/replica/replica_service.hpp"
#include "broker/session.hpp"
#include "broker/transaction_service.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr auto kWaiterSweep = std::chrono::milliseconds{100};  // how late a produce timeout may be
constexpr auto kStopGrace = std::chrono::seconds{10};
constexpr auto kSpaceCheck = std::chrono::seconds{1};

}  // namespace

Shard::Shard(Node& node, std::size_t index, net::Scheduler& scheduler)
    : node_{node},
      index_{index},
      scheduler_{scheduler},
      deadlines_{scheduler},
      tasks_{scheduler.executor()},
      stop_tasks_{scheduler.executor()},
      image_{std::make_shared<replication::MetadataImage>()},
      fetch_sessions_{std::make_unique<FetchSessions>(node.settings.fetch_sessions_max, index)},
      groups_{std::make_unique<GroupService>(*this)},
      transactions_{std::make_unique<TransactionService>(*this)},
      peers_{scheduler, node.settings.inter_broker_listener},
      replicas_{std::make_unique<ReplicaService>(*this)},
      journal_{*this},
      cleaner_{std::make_unique<Cleaner>(*this, node.cleaner_budget)},
      pool_idle_{scheduler.executor()},
      sessions_gone_{scheduler.executor()},
      open_{scheduler.executor()} {}

Shard::~Shard() = default;

void Shard::start() {
  tasks_.spawn(deadlines_.run());
  every(kWaiterSweep, &Shard::expire_waiters);
  every(
      std::clamp<std::chrono::nanoseconds>(node_.settings.connection_idle_max / 4,
                                           std::chrono::milliseconds{50}, std::chrono::seconds{30}),
      &Shard::sweep_sessions);
  every(node_.settings.retention_check_interval, &Shard::keep_house);
  every(node_.settings.cleaner.backoff, &Shard::compact);
  every(node_.settings.checkpoint_interval, &Shard::sync_stragglers);
  every(
      std::clamp<std::chrono::nanoseconds>(node_.settings.replicas.lag_max / 4,
                                           std::chrono::milliseconds{50}, std::chrono::seconds{1}),
      &Shard::tick_replicas);
  if (index_ != 0) return;
  every(kSpaceCheck, &Shard::watch_space);
  every(std::max<std::chrono::nanoseconds>(node_.settings.replicas.checkpoint_interval,
                                           std::chrono::milliseconds{50}),
        &Shard::save_high_watermarks);
}

void Shard::every(std::chrono::nanoseconds interval, void (Shard::*what)()) {
  deadlines_.after(interval, [this, interval, what] {
    (this->*what)();
    if (!stopping_) every(interval, what);
  });
}

std::shared_ptr<Partition> Shard::find(TopicId topic, PartitionIndex index) const {
  const auto found = partitions_.find(Place{topic, index});
  return found == partitions_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Partition>> Shard::partitions() const {
  std::vector<std::shared_ptr<Partition>> all;
  all.reserve(partitions_.size());
  for (const auto& [place, partition] : partitions_) all.push_back(partition);
  return all;
}

const std::string* Shard::unopened(TopicId topic, PartitionIndex index) const {
  const auto found = unopened_.find(Place{topic, index});
  return found == unopened_.end() ? nullptr : &found->second;
}

void Shard::pool_work_done() {
  ENSURE(pool_work_ > 0);
  if (--pool_work_ == 0) pool_idle_.pulse();
}

void Shard::appended(const std::shared_ptr<Partition>& partition) {
  if (partition->join_busy()) busy_.push_back(partition);
  if (!partition->join_turn()) return;
  const bool first = turn_.empty();
  turn_.push_back(partition);
  // Runs behind everything that is ready now, so one write serves all that this turn brings.
  if (first) scheduler_.post([this] { end_turn(); });
}

/// While one group is on its way the next builds up, and batches keep their order. Not on the
/// threads that sync: nobody else's acknowledgement waits behind a compression.
void Shard::prepare(const std::shared_ptr<Partition>& partition) {
  auto work = partition->take_prepare();
  if (!work) return;
  on_pool(
      node_.world.read_pool, [work = *std::move(work)] { return work.run(); },
      [this, partition](std::vector<protocol::ProduceVerdict> verdicts) {
        if (partition->prepared(std::move(verdicts), wall())) appended(partition);
        prepare(partition);
      });
}

void Shard::end_turn() {
  const auto written = std::exchange(turn_, {});
  for (const auto& partition : written) {
    partition->wait_for_syncs(journal_.crowded());
    partition->write();
    if (partition->offline() && !partition->retired()) {
      spdlog::error(
          "{}: a write failed; nothing more is acknowledged there until the broker is "
          "started again",
          fmt::streamed(partition->name()));
    }
    sync(partition);
  }
  journal_.flush();
}

/// While one write or sync is on its way the next group builds up: that is the batching window.
void Shard::sync(const std::shared_ptr<Partition>& partition) {
  if (partition->retired()) return;
  if (partition->settings().flush_sync) {
    journal_.take(partition);
  } else if (partition->log().has_unsynced_files()) {
    journal_.note_unsynced(partition);
    if (journal_.crowded()) partition->sync_soon();
  }
  partition->log().trim_cache();
  auto work = partition->take_sync(now());
  if (!work) return;
  auto shared = std::make_shared<log::SyncWork>(std::move(*work));
  partition->work_begun();
  on_pool([shared] { return shared->run(); },
          [this, shared, partition](const Result<void>& result) {
            if (!result) {
              spdlog::error(
                  "{}: a sync failed: {}; nothing more is acknowledged there until the "
                  "broker is started again",
                  fmt::streamed(partition->name()), result.error().message());
            }
            partition->synced(*shared, result);
            journal_.settled(*partition);
            sync(partition);
            checkpoint(partition);
            journal_.flush();
            partition->work_ended();
          });
}

void Shard::checkpoint(const std::shared_ptr<Partition>& partition) {
  if (partition->offline() || partition->retired()) return;
  auto work = partition->log().take_checkpoint();
  if (!work) return;
  auto shared = std::make_shared<log::CheckpointWork>(std::move(*work));
  partition->work_begun();
  on_pool([shared] { return shared->run(); },
          [shared, partition](const Result<void>& result) {
            if (!result) {
              spdlog::warn(
                  "{}: a recovery checkpoint failed: {}; a start after a crash will take "
                  "longer",
                  fmt::streamed(partition->name()), result.error().message());
            }
            partition->log().checkpointed(*shared, result);
            partition->work_ended();
          });
}

void Shard::expire_waiters() {
  // Who is told of it may append to others.
  const auto looked_at = std::exchange(busy_, {});
  for (const auto& partition : looked_at) {
    partition->expire_waiters(now());
    if (!partition->settings().flush_sync) sync(partition);  // flush.ms may be due
  }
  for (const auto& partition : looked_at)
    if (!partition->rest()) busy_.push_back(partition);
}

void Shard::sync_stragglers() {
  for (const auto& [place, partition] : partitions_) {
    partition->sync_soon();
    partition->log().checkpoint_if_idle();
    sync(partition);
    checkpoint(partition);
  }
  journal_.flush();
}

void Shard::serve(std::unique_ptr<net::Connection> connection, std::string listener,
                  net::Task gone) {
  if (stopping_) return gone();
  auto session = std::make_shared<Session>(*this, std::move(connection), std::move(listener));
  sessions_.emplace(++arrivals_, session);
  tasks_.spawn(run_session(arrivals_, std::move(session), std::move(gone)));
}

net::Awaitable<void> Shard::run_session(std::uint64_t arrival, std::shared_ptr<Session> session,
                                        net::Task gone) {
  co_await session->run();
  sessions_.erase(arrival);
  gone();
  if (sessions_.empty()) sessions_gone_.pulse();
}

void Shard::sweep_sessions() {
  const auto here = sessions_;  // closing one takes it out of the set
  for (const auto& [arrival, session] : here) session->close_if_idle(now());
}

void Shard::drain(net::Task done) {
  stop_tasks_.spawn(drain_sessions(std::move(done)));
}

net::Awaitable<void> Shard::drain_sessions(net::Task done) {
  stopping_ = true;
  open_.set();
  groups_->resign();
  transactions_->resign();
  for (const auto& [arrival, reader] : parked_) reader->wake();
  const auto here = sessions_;
  for (const auto& [arrival, session] : here) session->drain();
  const auto grace = deadlines_.after(kStopGrace, [this] {
    const auto stuck = sessions_;
    for (const auto& [arrival, session] : stuck) session->close();
  });
  while (!sessions_.empty()) co_await sessions_gone_.wait();
  deadlines_.forget(grace);
  done();
}

void Shard::close_partitions(net::Task done) {
  stop_tasks_.spawn(close_all(std::move(done)));
}

net::Awaitable<void> Shard::close_all(net::Task done) {
  replicas_->stop();
  deadlines_.stop();  // housekeeping must not meet the closing of a log on the pool
  co_await peers_.stop();
  while (pool_work_ > 0) co_await pool_idle_.wait();
  for (const auto& [place, partition] : partitions_) {
    partition->retire(ErrorCode::not_leader_or_follower);
    on_pool([partition] { return partition->log().close(); },
            [this, partition](const Result<void>& result) {
              if (result) return;
              node_.journals->keep();
              spdlog::error("{}: it could not be closed cleanly: {}",
                            fmt::streamed(partition->name()), result.error().message());
            });
  }
  while (pool_work_ > 0) co_await pool_idle_.wait();
  co_await tasks_.join();
  done();
}

}  // namespace millrace::broker
