#include "clients/api.hpp"

#include <utility>

namespace millrace::clients {

using namespace protocol;

void fit_to_version(FindCoordinatorRequest& request, std::int16_t version) {
  if (version >= 4 || request.coordinator_keys.empty()) return;
  request.key = std::move(request.coordinator_keys.front());
  request.coordinator_keys.clear();
}

void lift_from_version(FindCoordinatorResponse& response, std::int16_t version) {
  if (version >= 4) return;
  response.coordinators.push_back({.node_id = response.node_id,
                                   .host = response.host,
                                   .port = response.port,
                                   .error_code = response.error_code,
                                   .error_message = response.error_message});
  response.error_code = ErrorCode::none;
}

void fit_to_version(DeleteTopicsRequest& request, std::int16_t version) {
  if (version >= 6) return;
  for (auto& topic : request.topics) request.topic_names.push_back(topic.name.value_or(""));
  request.topics.clear();
}

void fit_to_version(OffsetFetchRequest& request, std::int16_t version) {
  if (version < 7) request.require_stable = false;
  if (version >= 8 || request.groups.empty()) return;
  auto& group = request.groups.front();
  request.group_id = std::move(group.group_id);
  if (group.topics) {
    request.topics.emplace();
    for (auto& topic : *group.topics) {
      request.topics->push_back(
          {.name = std::move(topic.name), .partition_indexes = std::move(topic.partition_indexes)});
    }
  } else {
    request.topics.reset();
  }
  request.groups.clear();
}

void lift_from_version(OffsetFetchResponse& response, std::int16_t version) {
  if (version >= 8) return;
  OffsetFetchResponse::OffsetFetchResponseGroup group;
  group.error_code = response.error_code;
  for (auto& topic : response.topics) {
    auto& lifted = group.topics.emplace_back();
    lifted.name = std::move(topic.name);
    for (auto& partition : topic.partitions) {
      lifted.partitions.push_back({.partition_index = partition.partition_index,
                                   .committed_offset = partition.committed_offset,
                                   .committed_leader_epoch = partition.committed_leader_epoch,
                                   .metadata = std::move(partition.metadata),
                                   .error_code = partition.error_code});
    }
  }
  response.topics.clear();
  response.error_code = ErrorCode::none;
  response.groups.push_back(std::move(group));
}

void fit_to_version(LeaveGroupRequest& request, std::int16_t version) {
  if (version >= 3 || request.members.empty()) return;
  request.member_id = std::move(request.members.front().member_id);
  request.members.clear();
}

}  // namespace millrace::clients
