#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "replication/controller/image.hpp"

namespace millrace::replication {

/// Who may be made the leader.
enum class Election : std::uint8_t {
  keep,       // the present leader as long as it can be; else the first that is safe
  preferred,  // the first replica if that is safe; else as `keep`
  unclean,    // as `keep`; and if nobody is safe, any replica, which may lack what was acknowledged
};

/// What a change of one partition is judged by.
struct PartitionRules {
  /// Whether a broker may lead: registered, not fenced, not on its way down.
  std::function<bool(BrokerId)> may_lead;
  /// `min.insync.replicas` of the topic, at least 1. The high watermark does not pass what so many
  /// replicas have, so each of the last so many members of the in-sync set has all that was
  /// acknowledged: who left the set below that size stays eligible (KIP-966).
  std::size_t min_in_sync = 1;
  /// What it is once there are so many replicas; not set: the same whatever their number.
  std::function<std::size_t(std::size_t replicas)> min_in_sync_with = {};
  Election election = Election::keep;
};

/// What is asked of a partition. What is not given stays.
struct PartitionWish {
  std::optional<std::vector<BrokerId>> in_sync = std::nullopt;
  std::optional<std::vector<BrokerId>> replicas = std::nullopt;
  std::optional<std::vector<BrokerId>> adding = std::nullopt;
  std::optional<std::vector<BrokerId>> removing = std::nullopt;
  /// May have come back without all that it had acknowledged: no longer in sync, nor eligible.
  std::optional<BrokerId> lost_its_log = std::nullopt;
  /// `min.insync.replicas` changed, by which the eligible ones were judged.
  bool forget_eligible = false;
  /// The leader that was elected without being safe has settled what the log is now.
  bool recovered = false;
};

/// The partition after `wish`, with the leader that it then has; nothing when nothing changes. A
/// decision: whoever asks has checked that the wish makes sense.
///
/// - A reassignment is completed as soon as all that were being added are in sync: the removed
///   replicas go.
/// - Below `min_in_sync`, members that leave the in-sync set become eligible, and stay so until the
///   set is that large again, or until they are judged by another minimum, as when a reassignment
///   leaves fewer replicas of which fewer must be in sync.
/// - A leader comes from the in-sync set, in the order of the replicas; from the eligible ones if
///   nobody of the set may lead. If both are empty, all who were in either have lost their logs:
///   the last leader is then the best there is. Else there is none, unless the election is unclean.
/// - The leader's epoch grows with each new leader, and when a replica is taken away, so that
///   nobody acts on the old set; the partition's epoch grows with each change.
std::optional<PartitionImage> changed(const PartitionImage& now, const PartitionWish& wish,
                                      const PartitionRules& rules);

}  // namespace millrace::replication
