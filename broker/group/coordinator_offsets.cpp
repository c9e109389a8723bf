#include <algorithm>
#include <limits>
#include <utility>

#include "broker/group/coordinator.hpp"
#include "protocol/base/ensure.hpp"

/// Committing, deleting and expiring offsets.
namespace millrace::broker {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;

namespace {

constexpr std::int16_t kTopicIdsFrom = 10;
constexpr std::int16_t kGroupIdNotFoundFrom = 9;
constexpr std::int16_t kRetentionUpTo = 4;

using CommitTopic = OffsetCommitRequest::OffsetCommitRequestTopic;
using CommitPartition = CommitTopic::OffsetCommitRequestPartition;

std::string_view metadata_of(const CommitPartition& partition) {
  return partition.committed_metadata ? std::string_view{*partition.committed_metadata} : "";
}

/// The topic as offsets are kept: by name, with the id when there is one.
struct ResolvedTopic {
  std::string name;
  TopicId id;
  ErrorCode error = ErrorCode::none;
};

ResolvedTopic resolve(const CommitTopic& topic, std::int16_t api_version,
                      const TopicDirectory& topics) {
  if (api_version < kTopicIdsFrom) {
    return {.name = topic.name, .id = topics.id_of(topic.name).value_or(TopicId{})};
  }
  auto name = topics.name_of(topic.topic_id);
  if (!name) return {.id = topic.topic_id, .error = ErrorCode::unknown_topic_id};
  return {.name = *std::move(name), .id = topic.topic_id};
}

CommittedOffset to_offset(const CommitPartition& partition, const TopicId& topic_id,
                          std::int64_t retention_ms, Timestamp wall) {
  CommittedOffset offset{.offset = partition.committed_offset,
                         .leader_epoch = partition.committed_leader_epoch,
                         .metadata = std::string{metadata_of(partition)},
                         .committed_at = wall,
                         .expires_at = {},
                         .topic_id = topic_id};
  if (retention_ms >= 0) {
    const auto forever =
        std::numeric_limits<std::int64_t>::max() - std::max<std::int64_t>(wall.value, 0);
    offset.expires_at = wall + std::chrono::milliseconds{std::min(retention_ms, forever)};
  }
  return offset;
}

}  // namespace

ErrorCode GroupCoordinator::check_commit(const OffsetCommitRequest& request,
                                         std::int16_t api_version, const Moment& at) {
  Slot* const slot = find(request.group_id);
  if (slot == nullptr || !slot->exists()) {
    // Somebody who keeps offsets here without being a member; or a member of a group that is gone.
    if (request.generation_id_or_member_epoch < 0) return ErrorCode::none;
    return api_version >= kGroupIdNotFoundFrom ? ErrorCode::group_id_not_found
                                               : ErrorCode::illegal_generation;
  }
  if (slot->consumer) return slot->consumer->check_commit(request, api_version);
  const ErrorCode error = slot->group.check_commit(request, at);
  settle(*slot);
  return error;
}

GroupOutput GroupCoordinator::offset_commit(const OffsetCommitRequest& request,
                                            const GroupClient& client, ReplyToken token,
                                            const Moment& at, const TopicDirectory& topics) {
  ENSURE(loaded_);
  const ErrorCode refused = check_commit(request, client.api_version, at);
  return commit_offsets(request, refused, std::nullopt, client, token, at, topics);
}

GroupOutput GroupCoordinator::commit_offsets(const OffsetCommitRequest& request, ErrorCode refused,
                                             const std::optional<TransactionOf>& transaction,
                                             const GroupClient& client, ReplyToken token,
                                             const Moment& at, const TopicDirectory& topics) {
  const std::int64_t retention_ms =
      client.api_version <= kRetentionUpTo ? request.retention_time_ms : -1;
  const std::size_t metadata_max =
      std::min(settings_.offset_metadata_bytes_max, kRecordTextBytesMax);
  Draft draft;
  draft.write.transaction = transaction;
  OffsetCommitResponse response;
  for (const auto& topic : request.topics) {
    const ResolvedTopic resolved = resolve(topic, client.api_version, topics);
    auto& answer = response.topics.emplace_back();
    answer.name = resolved.name;
    answer.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      const PartitionIndex index{partition.partition_index};
      ErrorCode error = refused != ErrorCode::none ? refused : resolved.error;
      if (error == ErrorCode::none && !topics.has_partition(resolved.name, index)) {
        error = ErrorCode::unknown_topic_or_partition;
      }
      if (error == ErrorCode::none && metadata_of(partition).size() > metadata_max) {
        error = ErrorCode::offset_metadata_too_large;
      }
      answer.partitions.push_back({partition.partition_index, error});
      if (error != ErrorCode::none) continue;
      add_offset(obtain(request.group_id), {resolved.name, index},
                 to_offset(partition, resolved.id, retention_ms, at.wall), draft);
    }
  }
  GroupReply reply{token, std::move(response)};
  const Slot* const slot = find(request.group_id);
  if (!draft.write.records.empty()) {
    draft.write.steps.emplace_back(std::move(reply));
  } else if (slot != nullptr) {
    reply_behind_changes(*slot, std::move(reply), draft);
  } else {
    draft.out.replies.push_back(std::move(reply));
  }
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::offset_delete(const protocol::OffsetDeleteRequest& request,
                                            ReplyToken token, const Moment& at,
                                            const TopicDirectory& topics) {
  ENSURE(loaded_);
  protocol::OffsetDeleteResponse response;
  Slot* const slot = find(request.group_id);
  if (request.group_id.empty()) {
    response.error_code = ErrorCode::invalid_group_id;
  } else if (slot == nullptr || !slot->exists()) {
    response.error_code = ErrorCode::group_id_not_found;
  } else if (!slot->consumer && !slot->group.has_known_subscriptions()) {
    response.error_code = ErrorCode::non_empty_group;
  }
  if (response.error_code != ErrorCode::none) return reply_at_once(token, std::move(response));
  Draft draft;
  const auto in_use =
      slot->consumer ? slot->consumer->state().topics_of_all() : std::set<std::string>{};
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    const bool subscribed =
        slot->consumer ? in_use.contains(topic.name) : slot->group.is_subscribed(topic.name);
    ErrorCode error = ErrorCode::none;
    if (!topics.id_of(topic.name))
      error = ErrorCode::unknown_topic_or_partition;
    else if (subscribed)
      error = ErrorCode::group_subscribed_to_topic;
    const auto known = slot->offsets.to_delete(topic.name);
    for (const auto& partition : topic.partitions) {
      answer.partitions.push_back({partition.partition_index, error});
      const TopicPartition wanted{topic.name, PartitionIndex{partition.partition_index}};
      const bool there = std::ranges::find(known, wanted) != known.end();
      if (error == ErrorCode::none && there) add_offset(*slot, wanted, std::nullopt, draft);
    }
  }
  GroupReply reply{token, std::move(response)};
  if (draft.write.records.empty()) {
    reply_behind_changes(*slot, std::move(reply), draft);
  } else {
    draft.write.steps.emplace_back(std::move(reply));
  }
  return seal(std::move(draft), at);
}

GroupOutput GroupCoordinator::topic_deleted(std::string_view topic, const Moment& at) {
  ENSURE(loaded_);
  Draft draft;
  for (auto& [id, slot] : slots_) {
    for (const auto& partition : slot->offsets.to_delete(topic)) {
      add_offset(*slot, partition, std::nullopt, draft);
    }
  }
  return seal(std::move(draft), at);
}

/// Also deletes groups that nobody is in and that have nothing left.
void GroupCoordinator::expire_offsets(const Moment& at, Draft& draft) {
  std::vector<Slot*> touched;
  for (auto& [id, slot] : slots_) {
    const bool quiet = slot->writes_in_flight == 0;
    const auto expired =
        slot->offsets.expired(slot->expiry_rule(), settings_.offsets_retention, at.wall);
    for (const auto& partition : expired) add_offset(*slot, partition, std::nullopt, draft);
    const bool spent = expired.size() == slot->offsets.all().size();
    if (!quiet || !spent || !slot->is_idle()) continue;
    erase_consumer(*slot, draft);
    if (slot->durable) {
      add_group_tombstone(*slot, draft);
    } else if (expired.empty()) {
      slot->group.forget();
    }
    touched.push_back(slot.get());
  }
  for (Slot* const slot : touched) settle(*slot);
}

}  // namespace millrace::broker
