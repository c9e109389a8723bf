#include "replication/controller/reassignment.hpp"

#include <algorithm>
#include <string>

#include "replication/controller/broker_lists.hpp"
#include "replication/controller/membership.hpp"
#include "replication/controller/new_partition.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

using protocol::ErrorCode;

ControllerOutcome<PartitionVerdict> refused(ErrorCode error, std::string message) {
  return {{}, {.error = error, .message = std::move(message)}};
}

}  // namespace

ControllerOutcome<PartitionVerdict> reassign(const MetadataImage& image, const Reassignment& wish,
                                             const ConfigRules& rules) {
  const auto topic = image.topic(wish.topic);
  const PartitionImage* const now = topic ? topic->partition(wish.partition) : nullptr;
  if (now == nullptr) {
    return refused(ErrorCode::unknown_topic_or_partition,
                   topic ? "the topic has no such partition" : "there is no such topic");
  }
  // What it had before the reassignment that may be under way.
  const Brokers settled = without(now->replicas, now->adding);
  if (!wish.replicas && now->adding.empty() && now->removing.empty()) {
    return refused(ErrorCode::no_reassignment_in_progress,
                   "its replicas are not being changed, so there is nothing to call off");
  }
  const Brokers& target = wish.replicas ? *wish.replicas : settled;
  if (wish.replicas) {
    if (const auto fault = replicas_fault(image, target))
      return refused(ErrorCode::invalid_replica_assignment, *fault);
  }
  if (!wish.may_change_factor && wish.replicas && target.size() != settled.size()) {
    return refused(ErrorCode::invalid_replication_factor,
                   "it has " + std::to_string(settled.size()) + " replicas, the wish names " +
                       std::to_string(target.size()));
  }
  PartitionWish change;
  change.adding = without(target, settled);
  change.removing = without(settled, target);
  Brokers replicas = target;
  replicas.insert(replicas.end(), change.removing->begin(), change.removing->end());
  const bool keeps_one_in_sync =
      now->in_sync.empty() ||
      std::ranges::any_of(now->in_sync, [&](BrokerId broker) { return has(replicas, broker); });
  if (!keeps_one_in_sync) {
    return refused(ErrorCode::invalid_replica_assignment,
                   "none of the replicas that would be left is in sync");
  }
  change.replicas = std::move(replicas);
  ControllerOutcome<PartitionVerdict> outcome;
  if (const auto next = changed(*now, change, rules_for(image, *topic, *now, rules)))
    outcome.records.push_back(partition_record(topic->id, wish.partition, *next));
  return outcome;
}

}  // namespace millrace::replication
