#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "broker/data_directory.hpp"
#include "broker/metrics/endpoint.hpp"
#include "broker/node.hpp"
#include "broker/quorum/quorum_service.hpp"
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
  /// From the first scheduler, while `start` is under way: it ends soon, with a failure.
  void cancel_start();
  /// Accepts nobody any more, answers what was taken, syncs and closes all partitions.
  net::Awaitable<void> stop();

  /// Where it listens; after `start`.
  [[nodiscard]] const std::vector<Server::Bound>& listeners() const { return bound_; }
  [[nodiscard]] const std::string& cluster_id() const { return node_.cluster_id; }
  /// For who looks at it or changes its members; on the first scheduler.
  [[nodiscard]] QuorumService& quorum() { return *quorum_; }

 private:
  std::optional<StartFailure> prepare_directory();
  std::optional<StartFailure> prepare_quorum();
  /// With a new directory finds the cluster; with one of a cluster makes sure that it is the one
  /// that was named.
  net::Awaitable<std::optional<StartFailure>> join_cluster();
  /// Says of itself, by the listeners that are bound, where other nodes reach this one.
  void introduce();
  void tell_recovery();
  std::optional<StartFailure> serve_metrics();
  /// Ends what a start that fails has begun; what the journals hold stays for the next one.
  net::Awaitable<StartFailure> call_off(StartFailure failure);
  /// Nobody waits for it: until the journals are there, appends wait for their segments' syncs.
  net::Awaitable<void> start_journals();
  /// Calls `work` on every shard at once; returns when all have called back.
  net::Awaitable<void> on_all_shards(void (Shard::*work)(net::Task));

  Node node_;
  std::unique_ptr<log::DirectoryLock> lock_;
  std::unique_ptr<QuorumService> quorum_;
  std::unique_ptr<MetadataService> metadata_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<MetricsEndpoint> metrics_;  // null: not asked for
  std::vector<Server::Bound> bound_;
  bool recovered_ = false;
  bool joining_ = false;  // the directory is new, and somebody else's cluster was named
  bool cancelled_ = false;
  std::optional<std::int64_t> stopped_cleanly_at_;  // by the process before; its broker's epoch
  net::TaskGroup background_;
};

}  // namespace millrace::broker
