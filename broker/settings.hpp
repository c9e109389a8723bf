#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/cleaner_budget.hpp"
#include "broker/disk_space.hpp"
#include "broker/group/types.hpp"
#include "broker/partition.hpp"
#include "broker/transaction/types.hpp"
#include "config/broker_config.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/controller.hpp"
#include "replication/controller/internal_topics.hpp"

namespace millrace::broker {

/// How followers are copied from leaders.
struct ReplicaSettings {
  std::chrono::milliseconds fetch_wait;
  std::chrono::milliseconds socket_timeout;
  std::chrono::milliseconds fetch_backoff;
  std::chrono::milliseconds lag_max;
  std::chrono::milliseconds checkpoint_interval;  // of high watermarks
  std::int32_t fetch_bytes_min;
  std::int32_t fetch_bytes_max;
  std::int32_t partition_bytes_max;
  std::int32_t fetchers;  // from each other broker, on each shard
};

/// How this node takes part in the metadata quorum.
struct QuorumSettings {
  bool votes = true;                   // process.roles names the controller
  std::vector<net::Endpoint> servers;  // where other nodes are found
  std::chrono::milliseconds election_timeout{1'000};
  std::chrono::milliseconds request_timeout{2'000};
  std::chrono::milliseconds join_patience{60'000};
  std::int64_t bytes_between_snapshots = 20 << 20;
};

/// The broker's settings as the request path needs them, read once from the configuration.
struct BrokerSettings {
  explicit BrokerSettings(const config::BrokerConfig& config);

  BrokerId node_id;
  std::string rack;                   // empty: none
  std::string inter_broker_listener;  // over which brokers reach each other
  std::size_t request_bytes_max;
  std::size_t response_queue_bytes_max;  // per connection
  std::chrono::milliseconds connection_idle_max;
  std::int64_t connections_max;
  std::int64_t connections_per_ip_max;
  std::int32_t fetch_bytes_max;
  std::size_t fetch_sessions_max;
  std::int32_t request_partitions_max;  // of DescribeTopicPartitions
  bool auto_create_topics;
  std::int32_t offsets_partitions;
  std::int64_t offsets_segment_bytes;
  std::int32_t transaction_partitions;
  std::int64_t transaction_segment_bytes;
  bool verify_transactions;  // of producers that add partitions themselves
  SpaceLimits space;
  std::int64_t tail_cache_bytes;   // of all partitions together
  std::uint64_t read_ahead_bytes;  // per connection and file
  std::uint64_t journal_bytes;     // 0: none
  std::chrono::milliseconds retention_check_interval;
  std::chrono::milliseconds checkpoint_interval;  // syncs of partitions that nobody waits for
  ReplicaSettings replicas;
  bool selects_by_rack;  // consumers are told of replicas nearer to them
  CleanerSettings cleaner;
  GroupSettings groups;
  TransactionSettings transactions;
  replication::ControllerSettings controller;
  QuorumSettings quorum;
  replication::InternalFactors internal_factors;
  bool leader_balance;
  std::chrono::seconds leader_balance_interval;
  std::chrono::milliseconds broker_session_timeout;
  std::chrono::milliseconds heartbeat_interval;
  std::chrono::milliseconds registration_timeout;
  bool controlled_shutdown;
};

/// Settings of one partition: its topic's overrides over the broker's configuration. `seed` spreads
/// what should not happen to all partitions at once.
PartitionSettings partition_settings(const config::BrokerConfig& config,
                                     const replication::ConfigOverrides& overrides,
                                     std::uint64_t seed);

/// What a group of the consumer protocol is run with: its own settings over the broker's.
ConsumerGroupTimes group_times(const config::BrokerConfig& config,
                               const replication::ConfigOverrides& overrides);

/// Each partition's part of the memory for recently written batches, when there are `partitions`.
std::uint64_t tail_cache_share(const BrokerSettings& settings, std::size_t partitions);

/// The controller's view of settings, on top of the catalogue.
class CatalogueRules final : public replication::ConfigRules {
 public:
  explicit CatalogueRules(const config::BrokerConfig& config) : config_{config} {}
  [[nodiscard]] std::optional<std::string> check_topic(std::string_view key,
                                                       std::string_view value) const override;
  [[nodiscard]] std::optional<std::string> check_broker(std::string_view key,
                                                        std::string_view value) const override;
  [[nodiscard]] std::optional<std::string> check_group(std::string_view key,
                                                       std::string_view value) const override;
  [[nodiscard]] std::optional<std::string> check_group_whole(
      const replication::ConfigOverrides& overrides) const override;
  [[nodiscard]] bool is_list(std::string_view key) const override;
  [[nodiscard]] std::string effective(std::string_view key,
                                      const replication::ConfigOverrides& overrides,
                                      const replication::ConfigOverrides& cluster) const override;
  /// The settings of a topic with what all nodes must see alike filled in, whatever this node's
  /// file says: `flush.mode`, unclean elections, and `min.insync.replicas` if somebody set it.
  [[nodiscard]] replication::ConfigOverrides as_the_cluster_has_it(
      replication::ConfigOverrides overrides, const replication::MetadataImage& image) const;
  [[nodiscard]] std::vector<
      protocol::CreateTopicsResponse::CreatableTopicResult::CreatableTopicConfigs>
  describe_topic(const replication::ConfigOverrides& overrides) const override;

 private:
  const config::BrokerConfig& config_;
};

}  // namespace millrace::broker
