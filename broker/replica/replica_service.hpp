#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "broker/partition.hpp"
#include "broker/replica/fetcher.hpp"
#include "protocol/net/net.hpp"
#include "replication/controller/in_sync.hpp"

namespace millrace::broker {

class Shard;

/// The shell around the replicas of one shard: has those that follow copied by a fetcher for each
/// leader, and brings what leaders propose for their in-sync sets to the controller. Used on the
/// shard's thread.
class ReplicaService {
 public:
  explicit ReplicaService(Shard& shard) : shard_{shard} {}

  /// The partition was adopted: its role or its leader may be another one.
  void adopted(const std::shared_ptr<Partition>& partition, Partition::Role role);
  void forget(const Partition& partition);
  /// Something is known of a follower of `partition`: who is in sync may have changed.
  void look(Partition& partition);
  /// The same of all, because time has passed.
  void look_at_all();
  void stop();

  struct Figures {
    std::size_t followed = 0;          // partitions that are copied from elsewhere
    std::size_t led = 0;               // that have followers
    std::size_t under_replicated = 0;  // of these, with fewer in sync than replicas
    std::size_t under_min_in_sync = 0;
    std::int64_t lag_max = 0;  // records that the slowest follower in sync is behind
  };
  [[nodiscard]] Figures figures() const;

 private:
  using Key = std::pair<BrokerId, std::uint16_t>;
  void follow(const std::shared_ptr<Partition>& partition);
  void unfollow(const replication::PartitionPlace& place);
  net::Awaitable<void> propose(std::vector<replication::InSyncProposal> proposals);

  Shard& shard_;
  std::map<Key, std::shared_ptr<Fetcher>> fetchers_;
  std::map<replication::PartitionPlace, Key> followed_;
  std::set<replication::PartitionPlace> led_;           // with followers
  std::vector<replication::InSyncProposal> proposals_;  // of this turn
  bool stopped_ = false;
};

}  // namespace millrace::broker
