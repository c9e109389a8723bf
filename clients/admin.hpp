#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clients/client.hpp"
#include "clients/consumer.hpp"
#include "clients/errc.hpp"
#include "clients/offset_lookup.hpp"
#include "protocol/messages/group_rebalance.hpp"

namespace millrace::clients {

/// One outcome per thing that was asked for; the call as a whole may have failed before that.
template <class Key, class Value>
using PerItem = std::vector<std::pair<Key, Outcome<Value>>>;

struct NewTopic {
  std::string name;
  std::optional<std::int32_t> partitions;          ///< the cluster's default when left out
  std::optional<std::int16_t> replication_factor;  ///< likewise
  std::map<std::int32_t, std::vector<BrokerId>> assignments;  ///< instead of the two above
  std::map<std::string, std::string> configs;
};

struct CreatedTopic {
  TopicId id;  ///< zero when the broker is too old to tell, or it was only validated
  std::optional<std::int32_t> partitions;
  std::optional<std::int16_t> replication_factor;
  friend bool operator==(const CreatedTopic&, const CreatedTopic&) = default;
};

struct TopicListing {
  std::string name;
  TopicId id;
  bool internal = false;
  std::int32_t partitions = 0;
  friend bool operator==(const TopicListing&, const TopicListing&) = default;
};

enum class ConfigResourceType : std::int8_t { topic = 2, broker = 4, group = 32 };

struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::topic;
  std::string name;  ///< a broker's is its id; empty: the default of all brokers
  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};

enum class ConfigSource : std::int8_t {
  unknown = 0,
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  builtin_default = 5,
  dynamic_broker_logger = 6,
  client_metrics = 7,
  group = 8,
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  ///< nothing for sensitive ones
  ConfigSource source = ConfigSource::unknown;
  bool read_only = false;
  bool sensitive = false;
  std::optional<std::string> documentation;
  friend bool operator==(const ConfigEntry&, const ConfigEntry&) = default;
};

enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct ConfigChange {
  std::string name;
  ConfigOperation operation = ConfigOperation::set;
  std::optional<std::string> value;
};

struct GroupListing {
  std::string id;
  std::string protocol_type;
  std::string state;  ///< empty when the broker is too old to tell
  std::string type;   ///< likewise
  BrokerId coordinator;
  friend bool operator==(const GroupListing&, const GroupListing&) = default;
};

struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::vector<TopicPartition> assignment;
  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

struct GroupDescription {
  std::string id;
  std::string state;
  std::string protocol_type;
  std::string assignor;
  BrokerId coordinator;
  std::vector<GroupMember> members;
  std::string type = "classic";       ///< or "consumer": of the protocol of KIP-848
  std::optional<std::int32_t> epoch;  ///< of the latter
  friend bool operator==(const GroupDescription&, const GroupDescription&) = default;
};

struct PartitionLag {
  TopicPartition partition;
  std::optional<Offset> committed;
  Offset end;
  /// Records not consumed yet; nothing while nothing is committed.
  std::optional<std::int64_t> lag;
  /// The time of the first of these records; nothing when there is none, or it cannot be read.
  std::optional<Timestamp> waiting_since;
  friend bool operator==(const PartitionLag&, const PartitionLag&) = default;
};

/// What a group's coordinator remembers of its rebalances. Only Millrace does.
struct GroupHistory {
  Timestamp since;                                   ///< of what was before, nothing is known
  std::vector<protocol::GroupRebalance> rebalances;  ///< oldest first
  friend bool operator==(const GroupHistory&, const GroupHistory&) = default;
};

struct ClusterDescription {
  std::string cluster_id;
  std::optional<BrokerId> controller;
  std::vector<BrokerInfo> brokers;
  friend bool operator==(const ClusterDescription&, const ClusterDescription&) = default;
};

/// One partition's files on one broker.
struct LogDirectoryPartition {
  std::int64_t bytes = 0;
  std::int64_t offset_lag = 0;  ///< records that the replica is behind what is committed
  friend bool operator==(const LogDirectoryPartition&, const LogDirectoryPartition&) = default;
};

struct LogDirectoryInfo {
  BrokerId broker;
  std::string path;
  /// KAFKA_STORAGE_ERROR: it is offline, after a failed write or sync.
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::optional<std::int64_t> total_bytes;   ///< of its disk; old brokers do not tell
  std::optional<std::int64_t> usable_bytes;  ///< likewise
  std::map<TopicPartition, LogDirectoryPartition> partitions;
  friend bool operator==(const LogDirectoryInfo&, const LogDirectoryInfo&) = default;
};

struct TransactionListing {
  std::string id;
  std::string state;  ///< "Ongoing"
  ProducerId producer{-1};
  BrokerId coordinator{-1};
  friend bool operator==(const TransactionListing&, const TransactionListing&) = default;
};

struct TransactionDescription {
  std::string id;
  std::string state;
  ProducerId producer{-1};
  ProducerEpoch epoch{-1};
  std::chrono::milliseconds timeout{};
  std::optional<Timestamp> started;        ///< nothing before the first transaction
  std::vector<TopicPartition> partitions;  ///< of the transaction that is open or ending
  friend bool operator==(const TransactionDescription&, const TransactionDescription&) = default;
};

/// What a partition knows of one producer.
struct ProducerAtPartition {
  ProducerId producer{-1};
  std::int32_t epoch = -1;
  std::int32_t coordinator_epoch = -1;  ///< of the last marker; -1: none yet
  std::optional<Timestamp> last_written;
  std::optional<Offset> transaction_start;  ///< set while one is open
  friend bool operator==(const ProducerAtPartition&, const ProducerAtPartition&) = default;
};

/// A transaction that is open at a partition and that no coordinator will end.
struct HangingTransaction {
  TopicPartition partition;
  ProducerAtPartition producer;
  friend bool operator==(const HangingTransaction&, const HangingTransaction&) = default;
};

/// Administration. Every call returns when the cluster has answered or at `deadline`, having
/// retried what is worth it. Used from the thread of `client`, which outlives it. Holds nothing.
class Admin {
 public:
  explicit Admin(Client& client) : client_{client} {}

  // Topics
  net::Awaitable<Outcome<PerItem<std::string, CreatedTopic>>> create_topics(
      std::vector<NewTopic> topics, Instant deadline, bool validate_only = false);
  net::Awaitable<Outcome<PerItem<std::string, void>>> delete_topics(std::vector<std::string> names,
                                                                    Instant deadline);
  /// All topics; internal ones only when asked for.
  net::Awaitable<Outcome<std::vector<TopicListing>>> list_topics(Instant deadline,
                                                                 bool with_internal = false);
  net::Awaitable<Outcome<PerItem<std::string, TopicInfo>>> describe_topics(
      std::vector<std::string> names, Instant deadline);
  /// Raises the number of partitions of each topic to the number given.
  net::Awaitable<Outcome<PerItem<std::string, void>>> create_partitions(
      std::map<std::string, std::int32_t> totals, Instant deadline, bool validate_only = false);
  /// Deletes what is before the offset, or everything that is committed when there is none. Gives
  /// the new first offset.
  net::Awaitable<Outcome<PerItem<TopicPartition, Offset>>> delete_records(
      std::map<TopicPartition, std::optional<Offset>> before, Instant deadline);

  // Settings
  net::Awaitable<Outcome<PerItem<ConfigResource, std::vector<ConfigEntry>>>> describe_configs(
      std::vector<ConfigResource> resources, Instant deadline, bool with_documentation = false);
  net::Awaitable<Outcome<PerItem<ConfigResource, void>>> alter_configs(
      std::map<ConfigResource, std::vector<ConfigChange>> changes, Instant deadline,
      bool validate_only = false);

  // Groups
  net::Awaitable<Outcome<std::vector<GroupListing>>> list_groups(Instant deadline);
  net::Awaitable<Outcome<PerItem<std::string, GroupDescription>>> describe_groups(
      std::vector<std::string> ids, Instant deadline);
  net::Awaitable<Outcome<PerItem<std::string, void>>> delete_groups(std::vector<std::string> ids,
                                                                    Instant deadline);
  /// All offsets that the group has committed.
  net::Awaitable<Outcome<std::map<TopicPartition, CommittedOffset>>> group_offsets(
      std::string group, Instant deadline);
  /// Sets them; the group must have no members.
  net::Awaitable<Outcome<PerItem<TopicPartition, void>>> alter_group_offsets(
      std::string group, PartitionOffsets offsets, Instant deadline);
  /// Takes back committed offsets. Members must not subscribe to the topics.
  net::Awaitable<Outcome<PerItem<TopicPartition, void>>> delete_group_offsets(
      std::string group, std::vector<TopicPartition> partitions, Instant deadline);
  /// Fetches one batch of each partition with a lag, for the time of its first record.
  net::Awaitable<Outcome<std::vector<PartitionLag>>> group_lag(std::string group, Instant deadline);
  /// GROUP_ID_NOT_FOUND when there is no such group and nothing is known of an earlier one;
  /// `unsupported` for brokers that keep no history.
  net::Awaitable<Outcome<PerItem<std::string, GroupHistory>>> group_history(
      std::vector<std::string> ids, Instant deadline);

  // Transactions
  net::Awaitable<Outcome<std::vector<TransactionListing>>> list_transactions(Instant deadline);
  net::Awaitable<Outcome<PerItem<std::string, TransactionDescription>>> describe_transactions(
      std::vector<std::string> ids, Instant deadline);
  net::Awaitable<Outcome<std::vector<ProducerAtPartition>>> describe_producers(
      TopicPartition partition, Instant deadline);
  /// Of the partitions given, those with a transaction that none of the coordinators knows to be
  /// open there. One that begins or ends meanwhile may be taken for such: look twice.
  net::Awaitable<Outcome<std::vector<HangingTransaction>>> hanging_transactions(
      std::vector<TopicPartition> partitions, Instant deadline);
  /// Writes the marker that aborts it, at this partition alone.
  net::Awaitable<Outcome<void>> abort_transaction(HangingTransaction transaction, Instant deadline);

  // Offsets
  net::Awaitable<Outcome<PerItem<TopicPartition, OffsetAtTime>>> list_offsets(
      std::map<TopicPartition, StartPosition> queries, Instant deadline,
      Isolation isolation = Isolation::read_uncommitted);
  net::Awaitable<Outcome<PartitionOffsets>> end_offsets(std::vector<TopicPartition> partitions,
                                                        Instant deadline);
  net::Awaitable<Outcome<PartitionOffsets>> earliest_offsets(std::vector<TopicPartition> partitions,
                                                             Instant deadline);

  // Cluster
  net::Awaitable<Outcome<ClusterDescription>> describe_cluster(Instant deadline);
  /// The data directories of all brokers, with every partition in them.
  net::Awaitable<Outcome<std::vector<LogDirectoryInfo>>> describe_log_directories(Instant deadline);

 private:
  Client& client_;
};

}  // namespace millrace::clients
