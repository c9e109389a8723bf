#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/base/types.hpp"
#include "replication/metadata.pb.h"

namespace millrace::replication {

using MetadataRecord = schema::MetadataRecord;

/// Overrides of settings, by name.
using ConfigOverrides = std::map<std::string, std::string, std::less<>>;

struct PartitionImage {
  friend bool operator==(const PartitionImage&, const PartitionImage&) = default;
  std::vector<BrokerId> replicas;  // preferred leader first; never empty
  std::vector<BrokerId> in_sync;   // subset of `replicas`
  std::optional<BrokerId> leader;
  LeaderEpoch leader_epoch;  // grows with every change of leader
  // A reassignment under way: of `replicas`, those that come and those that go when these are in
  // sync.
  std::vector<BrokerId> adding;
  std::vector<BrokerId> removing;
  // Not in sync any more, but with all that was acknowledged (KIP-966).
  std::vector<BrokerId> eligible;
  std::optional<BrokerId> last_leader;  // of a partition that has nobody in sync
  bool recovering = false;              // the leader was elected though it may lack records
  std::int32_t partition_epoch = 0;     // grows with every change
};

/// Where a broker is reached, for those who use the listener of that name.
struct EndpointImage {
  friend bool operator==(const EndpointImage&, const EndpointImage&) = default;
  std::string listener;
  std::string host;
  std::uint16_t port = 0;
  std::string security;  // a security protocol of Kafka's: PLAINTEXT, SSL and so on
};

struct BrokerImage {
  friend bool operator==(const BrokerImage&, const BrokerImage&) = default;
  BrokerId id;
  std::int64_t epoch = -1;  // the offset of its registration in the metadata log
  Uuid incarnation;         // of the process
  Uuid directory;           // of its data: another one has none of what it acknowledged
  std::optional<std::string> rack;
  std::vector<EndpointImage> endpoints;
  bool fenced = true;          // leads nothing and is in no in-sync set
  bool shutting_down = false;  // is handing over what it leads

  [[nodiscard]] bool may_lead() const { return !fenced && !shutting_down; }
};

struct TopicImage {
  std::string name;
  TopicId id;
  std::vector<PartitionImage> partitions;  // by index, without gaps
  ConfigOverrides configs;

  [[nodiscard]] bool is_internal() const;
  /// Null when there is none.
  [[nodiscard]] const PartitionImage* partition(PartitionIndex index) const;
};

/// What the cluster is, at one point of the metadata log. Immutable once published: every shard of
/// every broker holds a shared pointer to the newest one it has heard of. Topics are shared between
/// images, so a new image costs a copy of the index, not of the topics.
class MetadataImage {
 public:
  using TopicPtr = std::shared_ptr<const TopicImage>;

  /// This image with `records` replayed on top. Records that name unknown topics are a broken
  /// invariant of the log's writer.
  [[nodiscard]] std::shared_ptr<const MetadataImage> with(
      std::span<const MetadataRecord> records) const;

  /// Null when there is none.
  [[nodiscard]] TopicPtr topic(std::string_view name) const;
  [[nodiscard]] TopicPtr topic(TopicId id) const;
  /// All topics in the order of their names.
  [[nodiscard]] const std::map<std::string, TopicPtr, std::less<>>& topics() const {
    return by_name_;
  }
  /// Registered brokers, by id.
  [[nodiscard]] const std::map<BrokerId, BrokerImage>& brokers() const { return brokers_; }
  /// Null when it is not registered.
  [[nodiscard]] const BrokerImage* broker(BrokerId id) const;
  /// Overrides of broker settings; an empty name holds those of all brokers.
  [[nodiscard]] const ConfigOverrides& broker_configs(const std::string& broker) const;
  /// The same of all that have any, by name.
  [[nodiscard]] const std::map<std::string, ConfigOverrides>& all_broker_configs() const {
    return broker_configs_;
  }
  /// Overrides of settings of groups, by group id.
  [[nodiscard]] const ConfigOverrides& group_configs(std::string_view group) const;
  /// Those of all groups that have any. Images share it while it does not change.
  using GroupConfigs = std::map<std::string, ConfigOverrides, std::less<>>;
  [[nodiscard]] const std::shared_ptr<const GroupConfigs>& all_group_configs() const {
    return group_configs_;
  }
  /// Grows with every change; the same image again has the same. Not kept over a restart.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  /// The next producer id that no broker was given.
  [[nodiscard]] std::int64_t next_producer_id() const { return next_producer_id_; }

 private:
  using Edited = std::unordered_map<TopicId, TopicImage*>;
  void apply(const MetadataRecord& record, Edited& edited);
  TopicImage& edit(TopicId id, Edited& edited);
  void set_group_config(const schema::ConfigRecord& record);

  std::map<std::string, TopicPtr, std::less<>> by_name_;
  std::unordered_map<TopicId, TopicPtr> by_id_;  // the same topics
  std::map<BrokerId, BrokerImage> brokers_;
  std::map<std::string, ConfigOverrides> broker_configs_;
  std::shared_ptr<const GroupConfigs> group_configs_ = std::make_shared<const GroupConfigs>();
  std::int64_t next_producer_id_ = 0;
  std::uint64_t revision_ = 0;
};

using ImagePtr = std::shared_ptr<const MetadataImage>;

/// A topic id as the 16 bytes that records carry, and back.
std::string id_bytes(TopicId id);
TopicId id_from_bytes(std::string_view bytes);

}  // namespace millrace::replication
