#include <utility>

#include "broker/group/consumer/consumer_group.hpp"

/// What the recorder is told: why the epoch moves on, who has what before, and when all members
/// have come to their targets.
namespace millrace::broker {

void ConsumerGroup::note(RebalanceCause cause, const std::string& id,
                         const MemberSubscription* member, const Moment& at,
                         const TopicDirectory& topics, std::string_view reason) {
  RebalanceTrigger trigger{
      .cause = cause, .at = at.wall, .member_id = id, .reason = std::string{reason}};
  if (member != nullptr) {
    trigger.instance_id = member->instance_id;
    trigger.client_id = member->client_id;
    trigger.host = member->client_host;
  }
  recorder_.trigger(std::move(trigger), at.now, state_.epoch(), [&] { return ownership(topics); });
}

void ConsumerGroup::note_end(const Moment& at, const TopicDirectory& topics) {
  if (!recorder_.is_running()) return;
  const auto phase = state_.phase();
  if (phase != "Stable" && phase != "Empty") return;
  recorder_.finish(at, true, phase, state_.epoch(), ownership(topics));
}

/// Whoever has just replaced a static member has nothing yet but its target, which is what the one
/// before it had.
Ownership ConsumerGroup::ownership(const TopicDirectory& topics) const {
  Ownership owned;
  for (const auto& [id, member] : state_.members()) {
    auto& partitions = owned[member.instance_id.value_or(id)];
    const MemberProgress& progress = state_.progress(id);
    const PartitionSets has =
        progress.epoch == 0 ? state_.target(id) : united(progress.assigned, progress.revoking);
    for (const auto& [topic, indexes] : has) {
      partitions[topics.name_of(topic).value_or(topic.to_string())] = indexes;
    }
  }
  return owned;
}

}  // namespace millrace::broker
