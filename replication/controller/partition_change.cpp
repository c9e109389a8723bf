#include "replication/controller/partition_change.hpp"

#include <algorithm>

#include "protocol/base/ensure.hpp"
#include "replication/controller/broker_lists.hpp"

namespace millrace::replication {
namespace {

void add(Brokers& brokers, BrokerId broker) {
  if (!has(brokers, broker)) brokers.push_back(broker);
}

void remove(Brokers& brokers, BrokerId broker) {
  std::erase(brokers, broker);
}

/// All that were being added are in sync, and somebody in sync remains.
void complete_reassignment(PartitionImage& next) {
  if (next.adding.empty() && next.removing.empty()) return;
  if (!std::ranges::all_of(next.adding, [&](BrokerId broker) { return has(next.in_sync, broker); }))
    return;
  auto in_sync = without(next.in_sync, next.removing);
  auto replicas = without(next.replicas, next.removing);
  if (in_sync.empty() || replicas.empty()) return;
  next.in_sync = std::move(in_sync);
  next.replicas = std::move(replicas);
  next.adding.clear();
  next.removing.clear();
}

/// Who left the in-sync set and still has all that was acknowledged.
void keep_eligible(const PartitionImage& now, PartitionImage& next, const PartitionWish& wish,
                   std::size_t min_in_sync) {
  if (next.in_sync.size() >= min_in_sync) {
    next.eligible.clear();
    next.last_leader.reset();
    return;
  }
  if (!wish.forget_eligible)
    for (const BrokerId broker : now.in_sync) add(next.eligible, broker);
  std::erase_if(next.eligible, [&](BrokerId broker) {
    return has(next.in_sync, broker) || !has(next.replicas, broker) || broker == wish.lost_its_log;
  });
  // Whom to ask first if in the end nobody safe is left.
  if (next.in_sync.empty() && now.leader) next.last_leader = now.leader;
}

std::optional<BrokerId> first_of(const PartitionImage& partition, const Brokers& among,
                                 const PartitionRules& rules) {
  for (const BrokerId broker : partition.replicas)
    if (has(among, broker) && rules.may_lead(broker)) return broker;
  return std::nullopt;
}

struct Elected {
  std::optional<BrokerId> leader;
  bool alone = false;    // it was not in sync: it is the in-sync set from now on
  bool unclean = false;  // it may lack what was acknowledged
};

Elected elect(const PartitionImage& next, const PartitionRules& rules) {
  const auto safe = [&](BrokerId broker) {
    return has(next.in_sync, broker) && rules.may_lead(broker);
  };
  if (rules.election == Election::preferred && safe(next.replicas.front()))
    return {next.replicas.front()};
  if (next.leader && safe(*next.leader)) return {next.leader};
  if (const auto leader = first_of(next, next.in_sync, rules)) return {leader};
  if (const auto leader = first_of(next, next.eligible, rules)) return {leader, true};
  const bool nobody_left = next.in_sync.empty() && next.eligible.empty();
  if (rules.election != Election::unclean && !nobody_left) return {};
  if (next.last_leader && has(next.replicas, *next.last_leader) &&
      rules.may_lead(*next.last_leader))
    return {next.last_leader, true, true};
  if (rules.election != Election::unclean) return {};
  if (const auto leader = first_of(next, next.replicas, rules)) return {leader, true, true};
  return {};
}

}  // namespace

std::optional<PartitionImage> changed(const PartitionImage& now, const PartitionWish& wish,
                                      const PartitionRules& rules) {
  ENSURE(rules.min_in_sync >= 1 && !now.replicas.empty());
  PartitionImage next = now;
  if (wish.replicas) next.replicas = *wish.replicas;
  if (wish.adding) next.adding = *wish.adding;
  if (wish.removing) next.removing = *wish.removing;
  if (wish.in_sync) next.in_sync = *wish.in_sync;
  if (wish.lost_its_log) remove(next.in_sync, *wish.lost_its_log);
  if (wish.recovered) next.recovering = false;
  next.in_sync = without(std::move(next.in_sync), without(next.in_sync, next.replicas));
  complete_reassignment(next);
  const std::size_t min_in_sync =
      rules.min_in_sync_with ? rules.min_in_sync_with(next.replicas.size()) : rules.min_in_sync;
  PartitionWish judged = wish;
  judged.forget_eligible = wish.forget_eligible || min_in_sync < rules.min_in_sync;
  if (judged.forget_eligible) next.eligible.clear();
  keep_eligible(now, next, judged, min_in_sync);

  const Elected elected = elect(next, rules);
  if (elected.leader && elected.alone) {
    for (const BrokerId broker : next.in_sync) add(next.eligible, broker);
    next.in_sync = {*elected.leader};
    remove(next.eligible, *elected.leader);
    if (elected.unclean || min_in_sync == 1) next.eligible.clear();
    next.last_leader.reset();
    next.recovering = next.recovering || elected.unclean;
  }
  const bool replica_went = !without(now.replicas, next.replicas).empty();
  if (elected.leader != now.leader || replica_went) ++next.leader_epoch.value;
  next.leader = elected.leader;
  if (next == now) return std::nullopt;
  ++next.partition_epoch;
  return next;
}

}  // namespace millrace::replication
