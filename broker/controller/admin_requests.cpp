#include "broker/controller/admin_requests.hpp"

#include "replication/controller/partition_requests.hpp"

namespace millrace::broker {

using protocol::AlterConfigsRequest;
using protocol::AlterConfigsResponse;
using protocol::AlterPartitionReassignmentsRequest;
using protocol::AlterPartitionReassignmentsResponse;
using protocol::CreatePartitionsRequest;
using protocol::CreatePartitionsResponse;
using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using protocol::DeleteTopicsRequest;
using protocol::DeleteTopicsResponse;
using protocol::ElectLeadersRequest;
using protocol::ElectLeadersResponse;
using protocol::IncrementalAlterConfigsRequest;
using protocol::IncrementalAlterConfigsResponse;
using protocol::UnregisterBrokerRequest;
using protocol::UnregisterBrokerResponse;

ControllerOutcome<CreateTopicsResponse> decide(ActiveController& controller,
                                               const CreateTopicsRequest& request,
                                               std::int16_t /*version*/) {
  return controller.admin().create_topics(controller.image(), request, controller.node().world.rng);
}

ControllerOutcome<DeleteTopicsResponse> decide(ActiveController& controller,
                                               const DeleteTopicsRequest& request,
                                               std::int16_t version) {
  return controller.admin().delete_topics(controller.image(), request, version);
}

ControllerOutcome<CreatePartitionsResponse> decide(ActiveController& controller,
                                                   const CreatePartitionsRequest& request,
                                                   std::int16_t /*version*/) {
  return controller.admin().create_partitions(controller.image(), request);
}

ControllerOutcome<IncrementalAlterConfigsResponse> decide(
    ActiveController& controller, const IncrementalAlterConfigsRequest& request,
    std::int16_t /*version*/) {
  return controller.admin().alter_configs(controller.image(), request);
}

CreateTopicsResponse refusal(const CreateTopicsRequest& request, const AdminRefusal& why) {
  CreateTopicsResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.topics.emplace_back();
    result.name = topic.name;
    result.error_code = why.error;
    result.error_message = why.message;
    result.configs = std::nullopt;
  }
  return response;
}

DeleteTopicsResponse refusal(const DeleteTopicsRequest& request, const AdminRefusal& why) {
  DeleteTopicsResponse response;
  for (const auto& name : request.topic_names) {
    auto& result = response.responses.emplace_back();
    result.name = name;
    result.error_code = why.error;
    result.error_message = why.message;
  }
  for (const auto& topic : request.topics) {
    auto& result = response.responses.emplace_back();
    result.name = topic.name;
    result.topic_id = topic.topic_id;
    result.error_code = why.error;
    result.error_message = why.message;
  }
  return response;
}

CreatePartitionsResponse refusal(const CreatePartitionsRequest& request, const AdminRefusal& why) {
  CreatePartitionsResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.results.emplace_back();
    result.name = topic.name;
    result.error_code = why.error;
    result.error_message = why.message;
  }
  return response;
}

IncrementalAlterConfigsResponse refusal(const IncrementalAlterConfigsRequest& request,
                                        const AdminRefusal& why) {
  IncrementalAlterConfigsResponse response;
  for (const auto& resource : request.resources) {
    auto& result = response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = why.error;
    result.error_message = why.message;
  }
  return response;
}

ControllerOutcome<AlterConfigsResponse> decide(ActiveController& controller,
                                               const AlterConfigsRequest& request,
                                               std::int16_t /*version*/) {
  return controller.admin().replace_configs(controller.image(), request);
}

ControllerOutcome<ElectLeadersResponse> decide(ActiveController& controller,
                                               const ElectLeadersRequest& request,
                                               std::int16_t /*version*/) {
  return replication::elect_leaders(controller.image(), request, controller.node().rules);
}

ControllerOutcome<AlterPartitionReassignmentsResponse> decide(
    ActiveController& controller, const AlterPartitionReassignmentsRequest& request,
    std::int16_t /*version*/) {
  return replication::alter_reassignments(controller.image(), request, controller.node().rules);
}

ControllerOutcome<UnregisterBrokerResponse> decide(ActiveController& controller,
                                                   const UnregisterBrokerRequest& request,
                                                   std::int16_t /*version*/) {
  auto decided = controller.membership().unregister(controller.image(), BrokerId{request.broker_id},
                                                    controller.now());
  ControllerOutcome<UnregisterBrokerResponse> outcome;
  outcome.records = std::move(decided.records);
  outcome.response.error_code = decided.response.error;
  outcome.response.error_message = std::nullopt;
  if (decided.response.error != protocol::ErrorCode::none)
    outcome.response.error_message = std::move(decided.response.message);
  return outcome;
}

AlterConfigsResponse refusal(const AlterConfigsRequest& request, const AdminRefusal& why) {
  AlterConfigsResponse response;
  for (const auto& resource : request.resources) {
    auto& result = response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = why.error;
    result.error_message = why.message;
  }
  return response;
}

ElectLeadersResponse refusal(const ElectLeadersRequest& request, const AdminRefusal& why) {
  ElectLeadersResponse response;
  response.error_code = why.error;
  if (!request.topic_partitions) return response;
  for (const auto& topic : *request.topic_partitions) {
    auto& results = response.replica_election_results.emplace_back();
    results.topic = topic.topic;
    for (const auto index : topic.partitions) {
      auto& result = results.partition_result.emplace_back();
      result.partition_id = index;
      result.error_code = why.error;
      result.error_message = why.message;
    }
  }
  return response;
}

AlterPartitionReassignmentsResponse refusal(const AlterPartitionReassignmentsRequest& request,
                                            const AdminRefusal& why) {
  AlterPartitionReassignmentsResponse response;
  response.error_code = why.error;
  response.error_message = why.message;
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  return response;
}

UnregisterBrokerResponse refusal(const UnregisterBrokerRequest& /*request*/,
                                 const AdminRefusal& why) {
  UnregisterBrokerResponse response;
  response.error_code = why.error;
  response.error_message = why.message;
  return response;
}

}  // namespace millrace::broker
