#include "replication/controller/elections.hpp"

#include "replication/controller/membership.hpp"
#include "replication/controller/records.hpp"

namespace millrace::replication {
namespace {

using protocol::ErrorCode;

ControllerOutcome<PartitionVerdict> refused(ErrorCode error, std::string message) {
  return {{}, {.error = error, .message = std::move(message)}};
}

}  // namespace

ControllerOutcome<PartitionVerdict> elect_leader(const MetadataImage& image, std::string_view topic,
                                                 PartitionIndex partition, Election kind,
                                                 const ConfigRules& rules) {
  const auto found = image.topic(topic);
  const PartitionImage* const now = found ? found->partition(partition) : nullptr;
  if (now == nullptr) {
    return refused(ErrorCode::unknown_topic_or_partition,
                   found ? "the topic has no such partition" : "there is no such topic");
  }
  const BrokerId preferred = now->replicas.front();
  if (kind == Election::preferred && now->leader == preferred)
    return refused(ErrorCode::election_not_needed, "the preferred leader leads it");
  if (kind == Election::unclean && now->leader)
    return refused(ErrorCode::election_not_needed, "it has a leader");
  auto by = rules_for(image, *found, *now, rules);
  by.election = kind;
  const auto next = changed(*now, {}, by);
  if (kind == Election::preferred && (!next || next->leader != preferred)) {
    return refused(ErrorCode::preferred_leader_not_available,
                   "broker " + std::to_string(preferred.value) +
                       ", its first replica, is down or not in sync");
  }
  if (!next || !next->leader)
    return refused(ErrorCode::eligible_leaders_not_available, "none of its replicas is up");
  return {{partition_record(found->id, partition, *next)}, {}};
}

std::vector<MetadataRecord> balance_leaders(const MetadataImage& image, std::size_t records_max,
                                            const ConfigRules& rules) {
  std::vector<MetadataRecord> records;
  for (const auto& [name, topic] : image.topics()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      if (records.size() >= records_max) return records;
      const PartitionImage& now = topic->partitions[i];
      if (now.leader == now.replicas.front()) continue;
      auto by = rules_for(image, *topic, now, rules);
      by.election = Election::preferred;
      const auto next = changed(now, {}, by);
      if (!next || next->leader != now.replicas.front()) continue;
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      records.push_back(partition_record(topic->id, index, *next));
    }
  }
  return records;
}

}  // namespace millrace::replication
