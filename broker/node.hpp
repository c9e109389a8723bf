#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "broker/cleaner_budget.hpp"
#include "broker/error_reports.hpp"
#include "broker/journals.hpp"
#include "broker/log_directory.hpp"
#include "broker/recovery_progress.hpp"
#include "broker/replica/high_watermarks.hpp"
#include "broker/settings.hpp"
#include "broker/strangers.hpp"
#include "config/broker_config.hpp"
#include "log/files.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/rng.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/in_sync.hpp"

namespace millrace::broker {

class Shard;
class MetadataService;
class QuorumService;

/// The world a broker lives in: the seams. Everything outlives the broker.
struct World {
  const Clock& clock;
  Rng& rng;  // safe from every shard's thread
  log::Files& files;
  net::BlockingPool& pool;
  /// For work that waits for data from a disk, apart from the other, so that however much is read
  /// no sync waits behind it.
  net::BlockingPool& read_pool;
  /// For writes to the journals alone, which acknowledgements wait for: nothing else may be ahead
  /// of them.
  net::BlockingPool& journal_pool;
  /// For the log of the metadata quorum alone, one piece of work at a time: elections wait for it.
  net::BlockingPool& quorum_pool;
  /// Segments that a journal may leave unsynced, because each of them stays open; each shard has
  /// its share.
  std::size_t unsynced_files_max = std::numeric_limits<std::size_t>::max();
  std::vector<net::Scheduler*> schedulers;  // one per shard; the first also runs the controller
  /// Connections beyond this would take the descriptors that files of partitions need.
  std::int64_t connections_max = std::numeric_limits<std::int64_t>::max();
  /// By which other machines find this one.
  std::string host_name = "localhost";
  /// Called on the first shard when this process must end and why: `stop` the broker.
  std::function<void(const std::string& why)> give_up;
};

/// A listener of this node, as others reach it.
struct NodeEndpoint {
  std::string listener;
  net::Endpoint at;
  std::string security;  // Kafka's name of the security protocol
};

/// What every part of one broker may look at: fixed once the broker has started (the limiters of
/// log lines and the budget of compaction excepted), so it is read from all shards without a lock.
/// Owned by `Broker`.
struct Node {
  Node(World w, config::BrokerConfig c);
  ~Node();

  /// The shard that serves a partition: rendezvous hashing, so that another number of shards moves
  /// only the share that it must.
  [[nodiscard]] Shard& owner_of(TopicId topic, PartitionIndex partition) const;

  World world;
  config::BrokerConfig config;
  BrokerSettings settings;
  CatalogueRules rules;
  CleanerBudget cleaner_budget{settings.cleaner};
  LogLimiter log_limiter{std::chrono::seconds{10}};
  ErrorReports coordinator_errors;  // those answered to clients of groups and transactions
  std::string cluster_id;
  Uuid directory;  // made when the data directory was: another one is another replica
  std::vector<NodeEndpoint> endpoints;  // where others reach this node, by listener
  std::filesystem::path data_dir;
  LogDirectory log_dir;
  RecoveryProgress recovery;
  std::unique_ptr<Journals> journals;  // while the broker prepares its directory, set
  std::vector<std::unique_ptr<Shard>> shards;
  MetadataService* metadata = nullptr;  // lives on the first shard
  QuorumService* quorum = nullptr;      // this, too
  HighWatermarks high_watermarks;       // as the last run of the broker left them
  /// Brings what leaders propose for their in-sync sets to the controller; from any shard, whose
  /// thread it returns to. The answers are in the order of the proposals; one that is missing was
  /// not given.
  using ProposeInSync = std::function<net::Awaitable<std::vector<replication::InSyncAnswer>>(
      Shard& home, std::vector<replication::InSyncProposal> proposals)>;
  ProposeInSync propose_in_sync;
};

}  // namespace millrace::broker
