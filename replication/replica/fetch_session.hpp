#pragma once

#include <compare>
#include <cstdint>
#include <map>

#include "protocol/base/types.hpp"
#include "protocol/messages/fetch.hpp"

namespace millrace::replication {

/// One partition of a topic, by the topic's id.
struct PartitionPlace {
  friend auto operator<=>(const PartitionPlace&, const PartitionPlace&) = default;
  TopicId topic;
  PartitionIndex index;
};

/// What a follower wants of one partition next.
struct FetchWish {
  friend bool operator==(const FetchWish&, const FetchWish&) = default;
  LeaderEpoch leader_epoch;
  Offset offset;
  std::int32_t last_epoch = -1;  // of the record before `offset`; -1: there is none
  Offset log_start;
  Offset high_watermark;  // as this follower knows it: with a newer one it is answered at once
};

using FetchWishes = std::map<PartitionPlace, FetchWish>;

/// The asking side of an incremental fetch session (KIP-227) between a follower and a leader: only
/// what changed since the last request travels. A core; one request is under way at a time.
class FollowerSession {
 public:
  /// Fills in the session and the partitions of `request`, so that the leader serves just `wishes`.
  void fill(protocol::FetchRequest& request, const FetchWishes& wishes,
            std::int32_t partition_bytes_max);
  /// The answer came. False: the leader does not know the session any more; nothing of the answer
  /// counts, and the next request opens a new one.
  bool answered(const protocol::FetchResponse& response);
  /// No answer came, so nobody knows what the leader knows.
  void lost();

 private:
  std::int32_t id_ = 0;     // 0: none
  std::int32_t epoch_ = 0;  // of the next request; 0 opens a session
  FetchWishes told_;        // what the leader has in the session
};

}  // namespace millrace::replication
