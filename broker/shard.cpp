#include "broker/shard.hpp"

#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include "broker/cleaner.hpp"
#include "broker/data_directory.hpp"
#include "broker/errors.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/session.hpp"
#include "broker/transaction_service.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

constexpr auto kWaiterSweep = std::chrono::milliseconds{100};  // how late a produce timeout may be
constexpr auto kStopGrace = std::chrono::seconds{10};
constexpr auto kSpaceCheck = std::chrono::seconds{1};

/// Damage found while a log was opened, told to the operator with file and offset.
class DamageLog final : public log::DamageSink {
 public:
  explicit DamageLog(RecoveryProgress& progress) : progress_{progress} {}
  void verified(std::uint64_t bytes) override { progress_.verified(bytes); }
  void damaged(const log::Damage& damage) override {
    spdlog::error(
        "log damage: {} at byte {}, offset {}: {}; {} bytes cannot be read{}", damage.file.string(),
        damage.position, damage.offset.value, damage.what, damage.bytes,
        damage.acknowledged
            ? "; acknowledged records are missing, so the partition is read-only: restore "
              "the file from a copy, or delete the topic"
            : "; they were never acknowledged");
  }

 private:
  RecoveryProgress& progress_;
};

}  // namespace

/// Counts the partitions that one image brought or took and whose files are still being dealt with.
struct Shard::Opening {
  std::size_t left = 1;
  std::move_only_function<void()> done;
  void one_less() {
    if (--left == 0) done();
  }
};

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
      journal_{*this},
      cleaner_{std::make_unique<Cleaner>(*this, node.cleaner_budget)},
      pool_idle_{scheduler.executor()},
      sessions_gone_{scheduler.executor()} {}

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
  if (index_ == 0) every(kSpaceCheck, &Shard::watch_space);
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

void Shard::adopt(replication::ImagePtr image, std::move_only_function<void()> done) {
  auto opening = std::make_shared<Opening>();
  opening->done = std::move(done);
  const auto before = std::exchange(image_, std::move(image));
  peers_.adopt(image_);
  groups_->adopt(*image_);
  retire_missing(*image_, opening);
  share_tail_cache();
  for (const auto& [name, topic] : before->topics()) {
    if (!image_->topic(topic->id)) groups_->topic_deleted(name);
  }
  for (const auto& [name, topic] : image_->topics()) {
    const auto known = before->topic(topic->id);
    if (known == topic) continue;  // images share the topics that did not change
    const bool settings_changed = known && known->configs != topic->configs;
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      if (&node_.owner_of(topic->id, index) != this) continue;
      if (const auto partition = find(topic->id, index)) {
        if (settings_changed) {
          partition->set_settings(settings_of(*topic, index));
        }
      } else if (!known || i >= known->partitions.size()) {
        open_partition(*topic, index, opening);
      }
    }
  }
  opening->one_less();
}

PartitionSettings Shard::settings_of(const replication::TopicImage& topic,
                                     PartitionIndex index) const {
  auto settings =
      partition_settings(node_.config, topic.configs, static_cast<std::uint64_t>(index.value));
  settings.log.tail_cache_bytes = tail_cache_share_;
  return settings;
}

void Shard::share_tail_cache() {
  std::size_t partitions = 0;
  for (const auto& [name, topic] : image_->topics()) partitions += topic->partitions.size();
  const auto share = tail_cache_share(node_.settings, partitions);
  if (share == tail_cache_share_) return;
  tail_cache_share_ = share;
  for (const auto& [place, partition] : partitions_) {
    auto settings = partition->settings();
    settings.log.tail_cache_bytes = share;
    partition->set_settings(std::move(settings));
  }
}

void Shard::retire_missing(const replication::MetadataImage& image,
                           const std::shared_ptr<Opening>& opening) {
  std::erase_if(unopened_, [&](const auto& item) { return !image.topic(item.first.topic); });
  std::vector<std::shared_ptr<Partition>> gone;
  std::erase_if(partitions_, [&](const auto& item) {
    if (image.topic(item.first.topic)) return false;
    gone.push_back(item.second);
    return true;
  });
  for (const auto& partition : gone) {
    groups_->retire(*partition);
    transactions_->retire(*partition);
    partition->retire(ErrorCode::unknown_topic_or_partition);
    journal_.forget(*partition);
    remove_files(partition, opening);
  }
}

/// The deletion counts as done when the folder is out of the way, so that a topic of the same name
/// can be created at once; work that still writes to its files is waited for first.
void Shard::remove_files(const std::shared_ptr<Partition>& partition,
                         const std::shared_ptr<Opening>& opening) {
  ++opening->left;
  partition->when_idle([this, partition, opening] {
    auto& files = node_.world.files;
    on_pool(
        [&files, partition] {
          return set_aside(files, partition->log().directory(), partition->topic_id());
        },
        [this, &files, partition, opening](const Result<std::filesystem::path>& aside) {
          opening->one_less();
          if (!aside) {
            spdlog::warn("{}: its files could not be set aside: {}",
                         fmt::streamed(partition->name()), aside.error().message());
            return;
          }
          on_pool([&files, path = *aside] { return files.remove_all(path); },
                  [partition](const Result<void>& removed) {
                    if (removed) return;
                    spdlog::warn(
                        "{}: its files could not be removed: {}; the next start will "
                        "try again",
                        fmt::streamed(partition->name()), removed.error().message());
                  });
        });
  });
}

void Shard::open_partition(const replication::TopicImage& topic, PartitionIndex index,
                           const std::shared_ptr<Opening>& opening) {
  ++opening->left;
  node_.recovery.expect(1);
  const TopicPartition name{topic.name, index};
  const auto settings = settings_of(topic, index);
  const auto epoch = topic.partitions[static_cast<std::size_t>(index.value)].leader_epoch;
  const auto directory = node_.data_dir / fmt::format("{}", fmt::streamed(name));
  on_pool(
      [this, &files = node_.world.files, directory, id = topic.id, config = settings.log,
       now = wall(), journal = node_.journals->left_over(), index] {
        DamageLog sink{node_.recovery};
        return open_partition_log(files, directory, id, config, now, sink,
                                  journal->of({id, index}));
      },
      [this, name, id = topic.id, epoch, settings, opening](Result<log::OpenedLog> opened) {
        if (!opened) {
          node_.recovery.not_opened();
          unopened_[Place{id, name.partition}] =
              fmt::format("the log could not be opened: {}", opened.error().message());
          spdlog::error(
              "{}: its log could not be opened: {}; the partition is offline until the "
              "cause is gone and the broker is started again",
              fmt::streamed(name), opened.error().message());
          node_.journals->keep();
        } else if (image_->topic(id)) {  // not deleted meanwhile
          node_.recovery.opened(opened->report, opened->log->state());
          if (opened->report.journal_needed) node_.journals->keep();
          if (opened->report.torn_bytes > 0) {
            spdlog::info("{}: {} bytes that a crash left unfinished were cut off",
                         fmt::streamed(name), opened->report.torn_bytes);
          }
          if (opened->report.journal_bytes > 0) {
            spdlog::info("{}: {} bytes that were acknowledged came from the journal",
                         fmt::streamed(name), opened->report.journal_bytes);
          }
          auto partition = std::make_shared<Partition>(name, id, epoch, settings,
                                                       std::move(opened->log), node_.log_dir);
          partitions_[Place{id, name.partition}] = partition;
          groups_->opened(partition);
          transactions_->opened(partition);
        }
        opening->one_less();
      });
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
