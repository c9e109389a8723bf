#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/clock.hpp"
#include "protocol/base/types.hpp"
#include "protocol/error_code.hpp"
#include "replication/controller/image.hpp"
#include "replication/controller/in_sync.hpp"

namespace millrace::replication {

struct LeadershipSettings {
  Instant::duration lag_max = std::chrono::seconds{30};  // replica.lag.time.max.ms
  /// `min.insync.replicas`; nothing: two of three replicas and more, else one.
  std::optional<std::size_t> min_in_sync;
};

/// What the leader of a partition with several replicas knows and decides, for one leader epoch:
/// how far its followers are, hence what is committed, and who should be in sync. A core; README.md
/// in this folder has the rules. Owned and used by the leader's shard.
///
/// The shell tells it of every fetch of a follower, every newer image, and every answer of the
/// controller, and asks for `high_watermark` and `proposal` afterwards; for `proposal` also now and
/// then, because followers fall behind by time alone.
class Leadership {
 public:
  static constexpr auto kPause = std::chrono::milliseconds{100};

  /// The leader found the log ending at `log_end`, and known to be committed up to
  /// `high_watermark`. `self` is in `partition.replicas`.
  Leadership(BrokerId self, const PartitionImage& partition, LeadershipSettings settings,
             Offset log_end, Offset high_watermark, Instant now);

  /// A newer image of the same leader epoch. An older one, or the same again, changes nothing.
  void adopt(const PartitionImage& partition, Instant now);
  /// Which brokers may join the in-sync set, and where they stand, is read from here from now on.
  void see(const MetadataImage& cluster);
  void set(LeadershipSettings settings) { settings_ = settings; }

  struct FollowerFetch {
    BrokerId follower;
    std::int64_t broker_epoch = -1;
    Offset offset;     // it has everything below, durably
    Offset log_start;  // of its log
    Offset log_end;    // of the leader's log now
  };
  /// `not_leader_or_follower` from one that is no replica, or from an earlier life of one: nothing
  /// it says counts. In one life a follower never loses what it had, so an offset below an earlier
  /// one is a request that was overtaken, and counts nothing either.
  protocol::ErrorCode fetched(const FollowerFetch& fetch, Instant now);

  /// What is committed, when the leader has everything below `durable`. Never goes back.
  Offset high_watermark(Offset durable, Instant now);
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }
  /// Where the log ended when this leadership began: below it what is committed may not be known.
  [[nodiscard]] Offset begin() const { return begin_; }

  /// What to ask of the controller now; it counts as under way until `answered`. Nothing while
  /// another is under way, or when all is well.
  std::optional<InSyncProposal> proposal(Offset log_end, Instant now);
  /// The controller decided on what was proposed at `asked_at`, a partition epoch; without an error
  /// `partition` is how it is from here on. Where nobody knows whether it was heard
  /// (`request_timed_out`, `not_controller`, `unknown_server_error`) the proposal stays, and is the
  /// next one again. After an error there is none for `kPause`.
  void answered(std::int32_t asked_at, protocol::ErrorCode error, const PartitionImage& partition,
                Instant now);

  /// Enough replicas are in sync to acknowledge with all of them.
  [[nodiscard]] bool enough_in_sync() const { return in_sync_.size() >= min_in_sync(); }
  [[nodiscard]] std::size_t min_in_sync() const;
  [[nodiscard]] const std::vector<BrokerId>& in_sync() const { return in_sync_; }
  [[nodiscard]] std::size_t replicas() const { return followers_.size() + 1; }
  [[nodiscard]] std::int32_t partition_epoch() const { return partition_epoch_; }

  /// The replica that a consumer in `rack` should read `offset` from: nothing for the leader
  /// itself. KIP-392: of the in-sync ones in that rack the one that is furthest.
  [[nodiscard]] std::optional<BrokerId> nearest(const std::string& rack,
                                                const std::optional<std::string>& own_rack,
                                                Offset offset) const;
  /// How far each follower is behind `log_end`, for the metrics; nothing of one that never fetched.
  [[nodiscard]] std::map<BrokerId, std::optional<OffsetDelta>> lags(Offset log_end) const;

 private:
  struct Follower {
    std::int64_t broker_epoch = -1;
    std::optional<Offset> fetched;  // nothing before its first fetch from this leader
    Offset log_start;
    std::optional<Instant> caught_up_at;  // the last time at which it had all there was
    Offset end_at_fetch;                  // of the leader's log, when it last fetched
    Instant fetched_at;
    bool may_join = false;  // alive and staying, by the image
    std::int64_t registered_epoch = -1;
    std::optional<std::string> rack;
  };

  [[nodiscard]] bool is_in_sync(BrokerId id) const;
  /// In the in-sync set as it is, or as it may be already.
  [[nodiscard]] bool may_be_in_sync(BrokerId id) const;
  [[nodiscard]] bool caught_up(const Follower& follower, Instant now) const;
  [[nodiscard]] bool may_join(const Follower& follower) const;
  void take_replicas(const PartitionImage& partition, Instant now);

  BrokerId self_;
  LeadershipSettings settings_;
  LeaderEpoch epoch_;
  std::int32_t partition_epoch_ = 0;
  std::vector<BrokerId> in_sync_;  // as committed
  bool recovering_ = false;
  std::int64_t own_epoch_ = -1;
  std::map<BrokerId, Follower> followers_;
  Offset begin_;           // where the log ended when this leadership began
  Offset high_watermark_;  // never goes back
  std::optional<InSyncProposal> pending_;
  bool asking_ = false;  // `pending_` is on its way
  Instant quiet_until_;  // after a refusal
};

}  // namespace millrace::replication
