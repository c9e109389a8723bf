#include "clients/group_membership.hpp"

#include <fmt/format.h>

#include "protocol/messages/consumer_protocol.hpp"

namespace millrace::clients {

using protocol::ConsumerProtocolAssignment;
using protocol::ConsumerProtocolSubscription;
using protocol::ErrorCode;

namespace {

constexpr const char* kProtocolType = "consumer";
constexpr std::int16_t kEmbeddedVersion = 1;

/// What is inside the opaque bytes of the group protocol: an int16 version, then the message.
template <class Message>
SharedBytes embed(const Message& message) {
  protocol::Sizer size;
  size.integer(kEmbeddedVersion);
  protocol::MessageCodec<Message>::measure(size, message, kEmbeddedVersion);
  protocol::Writer out{size.own()};
  out.integer(kEmbeddedVersion);
  protocol::MessageCodec<Message>::encode(out, message, kEmbeddedVersion);
  return SharedBytes::from(std::move(out).finish().flatten());
}

template <class Message>
std::optional<Message> extract(const SharedBytes& bytes) {
  protocol::Reader in{bytes};
  const auto version = std::min(in.integer<std::int16_t>(), Message::kVersions.last);
  if (!in.ok() || version < 0) return std::nullopt;
  auto message = protocol::MessageCodec<Message>::decode(in, version);
  if (!message) return std::nullopt;
  return std::move(*message);
}

bool coordinator_moved(ErrorCode code) {
  return code == ErrorCode::not_coordinator || code == ErrorCode::coordinator_not_available ||
         code == ErrorCode::coordinator_load_in_progress;
}

std::string where(const char* api, const std::string& group) {
  return fmt::format("{} for group {}", api, group);
}

}  // namespace

std::optional<std::vector<TopicPartition>> read_assignment(const SharedBytes& bytes) {
  std::vector<TopicPartition> partitions;
  if (bytes.empty()) return partitions;
  const auto assignment = extract<ConsumerProtocolAssignment>(bytes);
  if (!assignment) return std::nullopt;
  for (const auto& topic : assignment->assigned_partitions) {
    for (const auto index : topic.partitions) {
      partitions.push_back({topic.topic, PartitionIndex{index}});
    }
  }
  return partitions;
}

protocol::JoinGroupRequest GroupMembership::join_request() const {
  protocol::JoinGroupRequest request{
      .group_id = group_,
      .session_timeout_ms = static_cast<std::int32_t>(options_.session_timeout.count()),
      .rebalance_timeout_ms = static_cast<std::int32_t>(options_.poll_interval_max.count()),
      .member_id = id_,
      .group_instance_id = options_.group_instance_id,
      .protocol_type = kProtocolType};
  const auto metadata = embed(ConsumerProtocolSubscription{.topics = topics_});
  for (const auto assignor : options_.assignors) {
    request.protocols.push_back({.name = std::string{to_string(assignor)}, .metadata = metadata});
  }
  return request;
}

GroupMembership::AfterJoin GroupMembership::joined(const protocol::JoinGroupResponse& response) {
  switch (response.error_code) {
    case ErrorCode::none:
      break;
    case ErrorCode::member_id_required:
      id_ = response.member_id;
      return JoinAgain{};
    case ErrorCode::unknown_member_id:
      left(true);
      return JoinAgain{};
    case ErrorCode::illegal_generation:
    case ErrorCode::rebalance_in_progress:
      left(false);
      return JoinAgain{};
    default:
      if (coordinator_moved(response.error_code)) return FindCoordinator{};
      return rejected(response.error_code, where("JoinGroup", group_));
  }
  id_ = response.member_id;
  generation_ = response.generation_id;
  assignor_ = response.protocol_name.value_or("");
  Sync sync;
  if (response.leader != id_ || response.skip_assignment) return sync;
  for (const auto& member : response.members) {
    const auto subscription = extract<ConsumerProtocolSubscription>(member.metadata);
    if (!subscription) {
      return malformed(fmt::format("member {} subscribes in a form that is not the consumer "
                                   "protocol's",
                                   member.member_id),
                       where("JoinGroup", group_));
    }
    sync.members.push_back({.member_id = member.member_id,
                            .instance_id = member.group_instance_id,
                            .topics = subscription->topics});
  }
  return sync;
}

protocol::SyncGroupRequest GroupMembership::sync_request(
    const std::vector<GroupSubscriber>& members,
    const std::map<std::string, std::int32_t>& partition_counts) const {
  protocol::SyncGroupRequest request{.group_id = group_,
                                     .generation_id = generation_.value_or(-1),
                                     .member_id = id_,
                                     .group_instance_id = options_.group_instance_id,
                                     .protocol_type = kProtocolType,
                                     .protocol_name = assignor_};
  if (members.empty()) return request;
  const auto assignor = parse_assignor(assignor_).value_or(Assignor::range);
  for (const auto& [member, partitions] : assign_partitions(assignor, members, partition_counts)) {
    ConsumerProtocolAssignment assignment;
    for (const auto& at : partitions) {
      auto& topics = assignment.assigned_partitions;
      if (topics.empty() || topics.back().topic != at.topic) topics.emplace_back().topic = at.topic;
      topics.back().partitions.push_back(at.partition.value);
    }
    request.assignments.push_back({.member_id = member, .assignment = embed(assignment)});
  }
  return request;
}

GroupMembership::AfterSync GroupMembership::synced(const protocol::SyncGroupResponse& response) {
  switch (response.error_code) {
    case ErrorCode::none:
      break;
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::illegal_generation:
      left(false);
      return JoinAgain{};
    case ErrorCode::unknown_member_id:
      left(true);
      return JoinAgain{};
    default:
      if (coordinator_moved(response.error_code)) {
        left(false);
        return FindCoordinator{};
      }
      return rejected(response.error_code, where("SyncGroup", group_));
  }
  auto partitions = read_assignment(response.assignment);
  if (!partitions) {
    return malformed("the assignment is not in the consumer protocol's form",
                     where("SyncGroup", group_));
  }
  return std::move(*partitions);
}

protocol::HeartbeatRequest GroupMembership::heartbeat_request() const {
  return {.group_id = group_,
          .generation_id = generation_.value_or(-1),
          .member_id = id_,
          .group_instance_id = options_.group_instance_id};
}

GroupMembership::AfterHeartbeat GroupMembership::heartbeat_answered(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return AfterHeartbeat::fine;
    case ErrorCode::rebalance_in_progress:
      return AfterHeartbeat::rejoin;
    case ErrorCode::illegal_generation:
      left(false);
      return AfterHeartbeat::lost;
    case ErrorCode::unknown_member_id:
      left(true);
      return AfterHeartbeat::lost;
    case ErrorCode::fenced_instance_id:
      left(true);
      return AfterHeartbeat::fenced;
    default:
      return coordinator_moved(code) ? AfterHeartbeat::find_coordinator : AfterHeartbeat::fine;
  }
}

protocol::LeaveGroupRequest GroupMembership::leave_request() const {
  return {.group_id = group_,
          .members = {{.member_id = id_, .group_instance_id = options_.group_instance_id}}};
}

void GroupMembership::left(bool forget_id) {
  generation_.reset();
  if (forget_id) id_.clear();
}

}  // namespace millrace::clients
