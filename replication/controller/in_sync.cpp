#include "replication/controller/in_sync.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "replication/controller/membership.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

using protocol::ErrorCode;

ErrorCode refusal(const MetadataImage& image, const PartitionImage& now, BrokerId broker,
                  const InSyncProposal& wish) {
  if (wish.leader_epoch > now.leader_epoch) return ErrorCode::not_controller;
  if (wish.leader_epoch < now.leader_epoch) return ErrorCode::fenced_leader_epoch;
  if (now.leader != broker) return ErrorCode::invalid_request;
  if (wish.partition_epoch > now.partition_epoch) return ErrorCode::not_controller;
  if (wish.partition_epoch < now.partition_epoch) return ErrorCode::invalid_update_version;
  if (wish.recovering && !now.recovering) return ErrorCode::invalid_request;
  if (wish.recovering && wish.in_sync.size() > 1) return ErrorCode::invalid_request;
  bool has_leader = false;
  for (const auto& member : wish.in_sync) {
    has_leader = has_leader || member.id == broker;
    if (std::ranges::find(now.replicas, member.id) == now.replicas.end())
      return ErrorCode::invalid_request;
    if (std::ranges::count(wish.in_sync, member.id, &InSyncProposal::Member::id) > 1)
      return ErrorCode::invalid_request;
  }
  if (!has_leader) return ErrorCode::invalid_request;
  for (const auto& member : wish.in_sync) {
    const auto* const known = image.broker(member.id);
    if (known == nullptr || !known->may_lead()) return ErrorCode::ineligible_replica;
    if (member.epoch != known->epoch) return ErrorCode::ineligible_replica;
  }
  return ErrorCode::none;
}

}  // namespace

ControllerOutcome<std::vector<InSyncAnswer>> alter_in_sync(
    const MetadataImage& image, BrokerId broker, std::int64_t broker_epoch,
    const std::vector<InSyncProposal>& proposals, const ConfigRules& rules) {
  ControllerOutcome<std::vector<InSyncAnswer>> outcome;
  const auto* const asking = image.broker(broker);
  const bool stale = asking == nullptr || asking->epoch != broker_epoch;
  std::set<std::pair<TopicId, PartitionIndex>> seen;
  for (const auto& wish : proposals) {
    auto& answer = outcome.response.emplace_back();
    answer.topic = wish.topic;
    answer.partition = wish.partition;
    if (stale) {
      answer.error = ErrorCode::stale_broker_epoch;
      continue;
    }
    const auto topic = image.topic(wish.topic);
    const auto* const now = topic ? topic->partition(wish.partition) : nullptr;
    if (now == nullptr) {
      answer.error = topic ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id;
      continue;
    }
    const bool repeated = !seen.emplace(wish.topic, wish.partition).second;
    answer.error = repeated ? ErrorCode::invalid_request : refusal(image, *now, broker, wish);
    if (answer.error != ErrorCode::none) continue;
    std::vector<BrokerId> in_sync;
    for (const auto& member : wish.in_sync) in_sync.push_back(member.id);
    const auto next = changed(*now, {.in_sync = std::move(in_sync), .recovered = !wish.recovering},
                              rules_for(image, *topic, *now, rules));
    answer.now = next.value_or(*now);
    if (!next) continue;
    if (next->leader != broker) answer.error = ErrorCode::new_leader_elected;
    outcome.records.push_back(partition_record(topic->id, wish.partition, *next));
  }
  return outcome;
}

}  // namespace millrace::replication
