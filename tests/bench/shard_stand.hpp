#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "broker/data_directory.hpp"
#include "broker/fetch/sessions.hpp"
#include "broker/group_service.hpp"
#include "broker/journals.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"
#include "log/bounded_files.hpp"
#include "log/journal/journal.hpp"
#include "log/posix_files.hpp"
#include "protocol/base/ensure.hpp"
#include "protocol/net/asio_runtime.hpp"

namespace millrace::bench {

/// One shard of a broker with all that is below it, on real files, and nothing of what is above:
/// no network, no controller. Whoever makes it is the shard's thread.
class ShardStand {
 public:
  using Partitions = std::vector<std::shared_ptr<broker::Partition>>;

  ShardStand(const std::filesystem::path& dir, std::size_t open_files_max)
      : files_{machine_, open_files_max},
        scheduler_{clock_},
        node_{broker::World{.clock = clock_,
                            .rng = rng_,
                            .files = files_,
                            .pool = pool_,
                            .read_pool = read_pool_,
                            .journal_pool = journal_pool_,
                            .quorum_pool = pool_,
                            .unsynced_files_max = open_files_max / 4,
                            .schedulers = {&scheduler_}},
              config::BrokerConfig::with({{"log.dirs", dir.string()}})} {
    ENSURE(broker::create_data_directory(files_, node_.data_dir).has_value());
    node_.log_dir.check();
    node_.shards.push_back(std::make_unique<broker::Shard>(node_, 0, scheduler_));
    node_.journals =
        std::make_unique<broker::Journals>(files_, node_.data_dir / broker::kJournalDirectory);
    auto prepared = node_.journals->begin(1, node_.settings.journal_bytes, rng_);
    ENSURE(prepared.size() == 1);
    auto& [files, life] = prepared.front();
    shard().start_journal(log::Journal{std::move(files.files), files.file_bytes, life});
    run([](ShardStand& stand) -> net::Awaitable<void> {
      stand.shard().start();
      co_return;
    }(*this));
  }
  ~ShardStand() {
    run(wait_for(&broker::Shard::drain));
    run(wait_for(&broker::Shard::close_partitions));
  }
  ShardStand(const ShardStand&) = delete;
  ShardStand& operator=(const ShardStand&) = delete;

  [[nodiscard]] broker::Shard& shard() { return *node_.shards.front(); }
  [[nodiscard]] net::Scheduler& scheduler() { return scheduler_; }
  void run(net::Awaitable<void> coroutine) { net::run_blocking(scheduler_, std::move(coroutine)); }

  /// A new topic, open and empty.
  Partitions create(const std::string& name, std::size_t partitions) {
    const TopicId id = rng_.uuid();
    std::vector<replication::MetadataRecord> records(1 + partitions);
    auto& topic = *records[0].mutable_topic();
    topic.set_name(name);
    topic.set_id(replication::id_bytes(id));
    for (std::size_t i = 0; i < partitions; ++i) {
      auto& partition = *records[1 + i].mutable_partition();
      partition.set_topic_id(replication::id_bytes(id));
      partition.set_partition(static_cast<std::int32_t>(i));
      partition.add_replicas(1);
      partition.add_in_sync(1);
      partition.set_leader(1);
    }
    adopt(records);
    Partitions all;
    for (std::size_t i = 0; i < partitions; ++i) {
      all.push_back(shard().find(id, PartitionIndex{static_cast<std::int32_t>(i)}));
      ENSURE(all.back() != nullptr);
    }
    return all;
  }
  void remove(const Partitions& partitions) {
    std::vector<replication::MetadataRecord> records(1);
    records[0].mutable_remove_topic()->set_topic_id(
        replication::id_bytes(partitions.front()->topic_id()));
    adopt(records);
  }

 private:
  net::Awaitable<void> wait_for(void (broker::Shard::*work)(net::Task)) {
    net::Event done{scheduler_.executor()};
    (shard().*work)([&done] { done.set(); });
    co_await done.wait();
  }
  void adopt(const std::vector<replication::MetadataRecord>& records) {
    run([](ShardStand& stand, auto image) -> net::Awaitable<void> {
      net::Event done{stand.scheduler_.executor()};
      stand.shard().adopt(std::move(image), [&done] { done.set(); });
      co_await done.wait();
    }(*this, shard().image()->with(records)));
  }

  SystemClock clock_;
  SystemRng rng_;
  log::PosixFiles machine_;
  log::BoundedFiles files_;
  net::AsioScheduler scheduler_;
  net::ThreadPool pool_{8};
  net::ThreadPool read_pool_{4};
  net::ThreadPool journal_pool_{log::Journal::kInFlightMax};
  broker::Node node_;
};

}  // namespace millrace::bench
