#pragma once

#include "tests/clients/fake_broker.hpp"

/// What the fake brokers do for groups; a part of `fake_broker.hpp`.
namespace millrace::clients::test {

inline protocol::JoinGroupResponse FakeBroker::join(const protocol::JoinGroupRequest& request) {
  using protocol::ErrorCode;
  protocol::JoinGroupResponse response;
  response.error_code = cluster_.next_error(protocol::ApiKey::join_group);
  if (response.error_code != ErrorCode::none) return response;
  if (request.member_id.empty()) {
    cluster_.member = "member-1";
    response.error_code = ErrorCode::member_id_required;
    response.member_id = cluster_.member;
    return response;
  }
  response.generation_id = ++cluster_.generation;
  response.protocol_type = request.protocol_type;
  response.protocol_name = request.protocols.front().name;
  response.leader = request.member_id;
  response.member_id = request.member_id;
  response.members.push_back(
      {.member_id = request.member_id, .metadata = request.protocols.front().metadata});
  return response;
}

inline protocol::OffsetCommitResponse FakeBroker::commit(
    const protocol::OffsetCommitRequest& request, std::int16_t version) {
  using protocol::ErrorCode;
  protocol::OffsetCommitResponse response;
  cluster_.generations_committed.push_back(request.generation_id_or_member_epoch);
  for (const auto& topic : request.topics) {
    const auto name = version < 10 ? topic.name : cluster_.name_of(topic.topic_id);
    auto& answers = response.topics.emplace_back();
    answers.name = name;
    answers.topic_id = topic.topic_id;
    for (const auto& part : topic.partitions) {
      auto code = cluster_.next_error(protocol::ApiKey::offset_commit);
      if (code == ErrorCode::none && name.empty()) code = ErrorCode::unknown_topic_id;
      answers.partitions.push_back({.partition_index = part.partition_index, .error_code = code});
      if (code != ErrorCode::none) continue;
      cluster_.committed[{name, PartitionIndex{part.partition_index}}] = part.committed_offset;
    }
  }
  return response;
}

}  // namespace millrace::clients::test
