#include "broker/group/consumer/reconcile.hpp"

#include <utility>

namespace millrace::broker {

namespace {

bool still_owns(const std::optional<PartitionSets>& owned, const PartitionSets& revoked) {
  return !owned || !common(*owned, revoked).empty();
}

/// Splits what the member is to get into what nobody else has, and whether there is more.
struct Available {
  PartitionSets free;
  bool some_taken = false;
};

Available available(const ConsumerGroupState& group, std::string_view member_id,
                    const PartitionSets& wanted) {
  Available result;
  for (const auto& [topic, partitions] : wanted) {
    std::vector<std::int32_t> free;
    for (const std::int32_t partition : partitions) {
      const std::string* const owner = group.owner_of(topic, partition);
      if (owner == nullptr || *owner == member_id) {
        free.push_back(partition);
      } else {
        result.some_taken = true;
      }
    }
    if (!free.empty()) result.free.emplace(topic, std::move(free));
  }
  return result;
}

MemberProgress moved(const MemberProgress& from, std::int32_t epoch) {
  MemberProgress next = from;
  if (next.epoch != epoch) next.previous_epoch = std::exchange(next.epoch, epoch);
  return next;
}

MemberProgress next_step(const ConsumerGroupState& group, std::string_view member_id,
                         const MemberProgress& from, std::int32_t epoch_while_revoking,
                         const PartitionSets& target, const std::optional<PartitionSets>& owned) {
  const PartitionSets kept = common(from.assigned, target);
  PartitionSets revoked = without(from.assigned, kept);
  if (!revoked.empty() && still_owns(owned, revoked)) {
    MemberProgress next = moved(from, epoch_while_revoking);
    next.state = MemberState::unrevoked_partitions;
    next.assigned = kept;
    next.revoking = std::move(revoked);
    return next;
  }
  const Available more = available(group, member_id, without(target, kept));
  MemberProgress next = moved(from, group.target_epoch());
  next.state = more.some_taken ? MemberState::unreleased_partitions : MemberState::stable;
  next.assigned = united(kept, more.free);
  next.revoking.clear();
  return next;
}

}  // namespace

MemberProgress reconcile(const ConsumerGroupState& group, std::string_view member_id,
                         const MemberProgress& from, const PartitionSets& target,
                         const std::optional<PartitionSets>& owned) {
  switch (from.state) {
    case MemberState::stable:
      if (from.epoch == group.target_epoch()) return from;
      return next_step(group, member_id, from, from.epoch, target, owned);
    case MemberState::unrevoked_partitions:
      if (still_owns(owned, from.revoking)) return from;
      // It has done its part for one epoch. Should the newest target ask for more, it stands in
      // between, so that the rebalance timeout counts anew.
      return next_step(group, member_id, from, from.epoch + 1, target, owned);
    case MemberState::unreleased_partitions:
      return next_step(group, member_id, from, from.epoch, target, owned);
  }
  return from;
}

}  // namespace millrace::broker
