#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "broker/data_directory.hpp"
#include "broker/metrics/endpoint.hpp"
#include "broker/node.hpp"
#include "broker/quorum/local_metadata_log.hpp"
#include "broker/server.hpp"
#include "config/broker_config.hpp"
#include "log/files.hpp"
#include "protocol/net/net.hpp"

namespace millrace::broker {

/// One broker: controller, coordinators, partitions and listeners, over the four seams. The shipped
/// program and the simulation run this same object.
///
///   Broker broker{world, config};
///   on the first scheduler: co_await broker.start()     ready when it returns without a failure
///   ...
///   on the first scheduler: co_await broker.stop()      everything taken is answered and synced
///
/// `stop` must have returned before it is destroyed, unless the schedulers never run again.
class Broker {
 public:
  Broker(World world, config::BrokerConfig config);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Locks the data directory and formats it if it is new, opens and recovers all partitions, binds
  /// the listeners and serves.
  net::Awaitable<std::optional<StartFailure>> start();
  /// Accepts nobody any more, answers what was taken, syncs and closes all partitions.
  net::Awaitable<void> stop();

  /// Where it listens; after `start`.
  [[nodiscard]] const std::vector<Server::Bound>& listeners() const { return bound_; }
  [[nodiscard]] const std::string& cluster_id() const { return node_.cluster_id; }

 private:
  std::optional<StartFailure> prepare_directory();
  /// Says of itself, by the listeners that are bound, where other nodes reach this one.
  void introduce();
  void tell_recovery();
  std::optional<StartFailure> serve_metrics();
  /// Nobody waits for it: until the journals are there, appends wait for their segments' syncs.
  net::Awaitable<void> start_journals();
  /// Calls `work` on every shard at once; returns when all have called back.
  net::Awaitable<void> on_all_shards(void (Shard::*work)(net::Task));

  Node node_;
  std::unique_ptr<log::DirectoryLock> lock_;
  std::unique_ptr<LocalMetadataLog> metadata_log_;
  std::unique_ptr<MetadataService> metadata_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<MetricsEndpoint> metrics_;  // null: not asked for
  std::vector<Server::Bound> bound_;
  bool recovered_ = false;
  net::TaskGroup background_;
};

}  // namespace millrace::broker
