#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/net/net.hpp"

namespace millrace::clients {

struct BrokerInfo {
  BrokerId id;
  net::Endpoint endpoint;
  std::optional<std::string> rack;
  friend bool operator==(const BrokerInfo&, const BrokerInfo&) = default;
  friend std::ostream& operator<<(std::ostream& out, const BrokerInfo& broker);
};

struct PartitionInfo {
  PartitionIndex index;
  std::optional<BrokerId> leader;
  std::optional<LeaderEpoch> leader_epoch;
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> in_sync;
  std::vector<BrokerId> offline;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  friend bool operator==(const PartitionInfo&, const PartitionInfo&) = default;
};

struct TopicInfo {
  std::string name;
  TopicId id;
  bool internal = false;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::vector<PartitionInfo> partitions;  // sorted by index
  friend bool operator==(const TopicInfo&, const TopicInfo&) = default;
  [[nodiscard]] const PartitionInfo* find(PartitionIndex index) const;
};

/// What Metadata answers have told about the cluster. Decides only: asks nobody. A leader with an
/// older epoch than the one known never replaces it, for answers of brokers that lag behind do
/// come; unless the topic was made anew under the same name (another topic id).
class MetadataCache {
 public:
  /// Takes in an answer. Topics it does not mention stay as they were, unless `complete` (an answer
  /// for all topics), when they are gone.
  void apply(const protocol::MetadataResponse& response, bool complete, Instant now);
  /// A broker told of a newer leader in passing (Produce and Fetch answers do).
  void set_leader(const TopicPartition& partition, BrokerId leader, LeaderEpoch epoch);
  /// The next look at the topic must ask again.
  void forget_topic(const std::string& name);

  [[nodiscard]] const std::map<BrokerId, BrokerInfo>& brokers() const { return brokers_; }
  [[nodiscard]] const std::map<std::string, TopicInfo>& topics() const { return topics_; }
  [[nodiscard]] const std::optional<std::string>& cluster_id() const { return cluster_id_; }
  /// Where to send administrative requests; any broker takes them if there is none.
  [[nodiscard]] std::optional<BrokerId> controller() const { return controller_; }
  [[nodiscard]] const TopicInfo* topic(const std::string& name) const;
  [[nodiscard]] const PartitionInfo* partition(const TopicPartition& at) const;
  [[nodiscard]] std::optional<BrokerId> leader(const TopicPartition& at) const;
  /// When the last answer came; nothing before the first.
  [[nodiscard]] std::optional<Instant> refreshed_at() const { return refreshed_at_; }

 private:
  std::map<BrokerId, BrokerInfo> brokers_;
  std::map<std::string, TopicInfo> topics_;
  std::optional<std::string> cluster_id_;
  std::optional<BrokerId> controller_;
  std::optional<Instant> refreshed_at_;
};

}  // namespace millrace::clients
