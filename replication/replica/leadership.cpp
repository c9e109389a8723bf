#include "replication/replica/leadership.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"

namespace millrace::replication {

using protocol::ErrorCode;

Leadership::Leadership(BrokerId self, const PartitionImage& partition, LeadershipSettings settings,
                       Offset log_end, Offset high_watermark, Instant now)
    : self_{self},
      settings_{settings},
      epoch_{partition.leader_epoch},
      begin_{log_end},
      high_watermark_{high_watermark} {
  ENSURE(has(partition.replicas, self));
  take_replicas(partition, now);
  // Those in sync were so under the leader before: they have some time to find this one.
  for (auto& [id, follower] : followers_)
    if (is_in_sync(id)) follower.caught_up_at = now;
}

void Leadership::take_replicas(const PartitionImage& partition, Instant now) {
  partition_epoch_ = partition.partition_epoch;
  in_sync_ = partition.in_sync;
  recovering_ = partition.recovering;
  std::erase_if(followers_, [&](const auto& item) { return !has(partition.replicas, item.first); });
  for (const BrokerId id : partition.replicas)
    if (id != self_) followers_.try_emplace(id, Follower{.fetched_at = now});
}

void Leadership::adopt(const PartitionImage& partition, Instant now) {
  ENSURE(partition.leader_epoch == epoch_);
  if (partition.partition_epoch <= partition_epoch_) return;
  take_replicas(partition, now);
  // Whatever was asked for was asked of a state that is no more: granted, or void.
  pending_.reset();
  asking_ = false;
}

void Leadership::see(const MetadataImage& cluster) {
  if (const auto* const own = cluster.broker(self_)) own_epoch_ = own->epoch;
  for (auto& [id, follower] : followers_) {
    const auto* const broker = cluster.broker(id);
    follower.may_join = broker != nullptr && broker->may_lead();
    follower.registered_epoch = broker != nullptr ? broker->epoch : -1;
    follower.rack = broker != nullptr ? broker->rack : std::nullopt;
  }
}

ErrorCode Leadership::fetched(const FollowerFetch& fetch, Instant now) {
  const auto found = followers_.find(fetch.follower);
  if (found == followers_.end()) return ErrorCode::not_leader_or_follower;
  Follower& follower = found->second;
  if (fetch.broker_epoch < std::max(follower.broker_epoch, follower.registered_epoch))
    return ErrorCode::not_leader_or_follower;
  const bool same_life = fetch.broker_epoch == follower.broker_epoch;
  if (same_life && follower.fetched && fetch.offset < *follower.fetched) return ErrorCode::none;
  if (fetch.offset >= fetch.log_end) {
    follower.caught_up_at = now;
  } else if (follower.fetched && same_life && fetch.offset >= follower.end_at_fetch) {
    // It has by now what there was when it last asked.
    follower.caught_up_at =
        std::max(follower.caught_up_at.value_or(Instant{}), follower.fetched_at);
  }
  follower.broker_epoch = fetch.broker_epoch;
  follower.fetched = fetch.offset;
  follower.log_start = fetch.log_start;
  follower.end_at_fetch = fetch.log_end;
  follower.fetched_at = now;
  return ErrorCode::none;
}

bool Leadership::is_in_sync(BrokerId id) const {
  return has(in_sync_, id);
}

bool Leadership::may_be_in_sync(BrokerId id) const {
  if (is_in_sync(id)) return true;
  return pending_ && std::ranges::find(pending_->in_sync, id, &InSyncProposal::Member::id) !=
                         pending_->in_sync.end();
}

bool Leadership::caught_up(const Follower& follower, Instant now) const {
  return follower.caught_up_at && now - *follower.caught_up_at <= settings_.lag_max;
}

bool Leadership::may_join(const Follower& follower) const {
  return follower.may_join && follower.fetched &&
         follower.broker_epoch == follower.registered_epoch;
}

std::size_t Leadership::min_in_sync() const {
  const std::size_t by_default = replicas() >= 3 ? 2 : 1;
  return std::clamp<std::size_t>(settings_.min_in_sync.value_or(by_default), 1, replicas());
}

Offset Leadership::high_watermark(Offset durable, Instant now) {
  // Who left a set that is too small stays eligible to lead (KIP-966): it has all that is
  // committed, and that must stay true.
  if (!enough_in_sync()) return high_watermark_;
  Offset committed = durable;
  for (const auto& [id, follower] : followers_) {
    // One that is about to join holds it back, too, or it would never get there.
    const bool counts = may_be_in_sync(id) || (may_join(follower) && caught_up(follower, now));
    if (counts) committed = std::min(committed, follower.fetched.value_or(high_watermark_));
  }
  high_watermark_ = std::max(high_watermark_, committed);
  return high_watermark_;
}

std::optional<InSyncProposal> Leadership::proposal(Offset log_end, Instant now) {
  if (asking_ || now < quiet_until_) return std::nullopt;
  if (pending_) {
    asking_ = true;
    return pending_;
  }
  InSyncProposal wish;
  wish.leader_epoch = epoch_;
  wish.partition_epoch = partition_epoch_;
  wish.in_sync.push_back({self_, own_epoch_});
  bool changes = recovering_;
  for (const auto& [id, follower] : followers_) {
    const bool knows_all = follower.fetched && *follower.fetched >= log_end;
    // What is committed every member has; one that asks for it has lost it.
    const bool lost_some = follower.fetched && *follower.fetched < high_watermark_;
    // By the same measure in and out, or a slow one would go back and forth.
    const bool keeps_up = !lost_some && (knows_all || caught_up(follower, now));
    const bool joins = keeps_up && may_join(follower) && *follower.fetched >= begin_;
    const bool was_in = is_in_sync(id);
    const bool is_in = was_in ? keeps_up : joins;
    changes = changes || is_in != was_in;
    if (!is_in) continue;
    const bool has_fetched = follower.broker_epoch >= 0;
    wish.in_sync.push_back({id, has_fetched ? follower.broker_epoch : follower.registered_epoch});
  }
  if (!changes) return std::nullopt;
  pending_ = wish;
  asking_ = true;
  return wish;
}

void Leadership::answered(std::int32_t asked_at, ErrorCode error, const PartitionImage& partition,
                          Instant now) {
  if (!pending_ || pending_->partition_epoch != asked_at) return;  // an image was faster
  asking_ = false;
  if (error != ErrorCode::none) quiet_until_ = now + kPause;
  switch (error) {
    case ErrorCode::none:
      if (partition.leader_epoch != epoch_) return;                         // its image comes
      if (partition.partition_epoch == partition_epoch_) pending_.reset();  // nothing to change
      adopt(partition, now);
      return;
    case ErrorCode::new_leader_elected:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_update_version:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::unknown_topic_or_partition:
      // There is a newer state, and with it perhaps what was asked for. Its image comes.
      asking_ = true;
      return;
    case ErrorCode::not_controller:
    case ErrorCode::request_timed_out:
    case ErrorCode::unknown_server_error:
      return;  // once more
    default:
      pending_.reset();
  }
}

std::optional<BrokerId> Leadership::nearest(const std::string& rack,
                                            const std::optional<std::string>& own_rack,
                                            Offset offset) const {
  if (rack.empty() || own_rack == rack) return std::nullopt;
  std::optional<BrokerId> best;
  Offset furthest;
  for (const auto& [id, follower] : followers_) {
    if (follower.rack != rack || !is_in_sync(id) || !follower.may_join || !follower.fetched)
      continue;
    if (*follower.fetched < offset || follower.log_start > offset) continue;
    if (best && *follower.fetched <= furthest) continue;
    best = id;
    furthest = *follower.fetched;
  }
  return best;
}

std::map<BrokerId, std::optional<OffsetDelta>> Leadership::lags(Offset log_end) const {
  std::map<BrokerId, std::optional<OffsetDelta>> all;
  for (const auto& [id, follower] : followers_) {
    auto& lag = all[id];
    if (follower.fetched) lag = std::max(log_end - *follower.fetched, OffsetDelta{0});
  }
  return all;
}

}  // namespace millrace::replication
