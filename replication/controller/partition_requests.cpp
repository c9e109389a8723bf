#include "replication/controller/partition_requests.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "replication/controller/elections.hpp"
#include "replication/controller/reassignment.hpp"

namespace millrace::replication {
namespace {

using protocol::AlterPartitionReassignmentsRequest;
using protocol::AlterPartitionReassignmentsResponse;
using protocol::ElectLeadersRequest;
using protocol::ElectLeadersResponse;
using protocol::ErrorCode;
using protocol::ListPartitionReassignmentsRequest;
using protocol::ListPartitionReassignmentsResponse;

constexpr std::int8_t kPreferred = 0;
constexpr std::int8_t kUnclean = 1;

/// Which partitions a request has named so far.
class Named {
 public:
  /// False the second time.
  bool first(const std::string& topic, std::int32_t partition) {
    return seen_.emplace(topic, partition).second;
  }

 private:
  std::set<std::pair<std::string, std::int32_t>> seen_;
};

const PartitionVerdict kTwice{.error = ErrorCode::invalid_request,
                              .message = "the partition is named twice"};

template <class Result>
void tell(const PartitionVerdict& verdict, Result& result) {
  result.error_code = verdict.error;
  result.error_message = std::nullopt;
  if (verdict.error != ErrorCode::none) result.error_message = verdict.message;
}

std::vector<ElectLeadersRequest::TopicPartitions> all_partitions(const MetadataImage& image) {
  std::vector<ElectLeadersRequest::TopicPartitions> all;
  for (const auto& [name, topic] : image.topics()) {
    auto& each = all.emplace_back();
    each.topic = name;
    for (std::int32_t i = 0; i < std::ssize(topic->partitions); ++i) each.partitions.push_back(i);
  }
  return all;
}

void list_one(const PartitionImage& now, std::int32_t index,
              ListPartitionReassignmentsResponse::OngoingTopicReassignment& to) {
  if (now.adding.empty() && now.removing.empty()) return;
  auto& moving = to.partitions.emplace_back();
  moving.partition_index = index;
  for (const BrokerId id : now.replicas) moving.replicas.push_back(id.value);
  for (const BrokerId id : now.adding) moving.adding_replicas.push_back(id.value);
  for (const BrokerId id : now.removing) moving.removing_replicas.push_back(id.value);
}

}  // namespace

ControllerOutcome<ElectLeadersResponse> elect_leaders(const MetadataImage& image,
                                                      const ElectLeadersRequest& request,
                                                      const ConfigRules& rules) {
  ControllerOutcome<ElectLeadersResponse> outcome;
  if (request.election_type != kPreferred && request.election_type != kUnclean) {
    outcome.response.error_code = ErrorCode::invalid_request;
    return outcome;
  }
  const auto kind = request.election_type == kPreferred ? Election::preferred : Election::unclean;
  const bool all = !request.topic_partitions;
  Named named;
  for (const auto& topic : all ? all_partitions(image) : *request.topic_partitions) {
    ElectLeadersResponse::ReplicaElectionResult results;
    results.topic = topic.topic;
    for (const std::int32_t index : topic.partitions) {
      ControllerOutcome<PartitionVerdict> decided{{}, kTwice};
      if (named.first(topic.topic, index))
        decided = elect_leader(image, topic.topic, PartitionIndex{index}, kind, rules);
      if (all && decided.response.error == ErrorCode::election_not_needed) continue;
      auto& result = results.partition_result.emplace_back();
      result.partition_id = index;
      tell(decided.response, result);
      std::ranges::move(decided.records, std::back_inserter(outcome.records));
    }
    if (!all || !results.partition_result.empty())
      outcome.response.replica_election_results.push_back(std::move(results));
  }
  return outcome;
}

ControllerOutcome<AlterPartitionReassignmentsResponse> alter_reassignments(
    const MetadataImage& image, const AlterPartitionReassignmentsRequest& request,
    const ConfigRules& rules) {
  ControllerOutcome<AlterPartitionReassignmentsResponse> outcome;
  outcome.response.error_message = std::nullopt;
  outcome.response.allow_replication_factor_change = request.allow_replication_factor_change;
  Named named;
  for (const auto& topic : request.topics) {
    auto& results = outcome.response.responses.emplace_back();
    results.name = topic.name;
    for (const auto& wanted : topic.partitions) {
      ControllerOutcome<PartitionVerdict> decided{{}, kTwice};
      if (named.first(topic.name, wanted.partition_index)) {
        Reassignment wish{.topic = topic.name,
                          .partition = PartitionIndex{wanted.partition_index},
                          .replicas = std::nullopt,
                          .may_change_factor = request.allow_replication_factor_change};
        if (wanted.replicas) {
          wish.replicas.emplace();
          for (const auto id : *wanted.replicas) wish.replicas->emplace_back(id);
        }
        decided = reassign(image, wish, rules);
      }
      auto& result = results.partitions.emplace_back();
      result.partition_index = wanted.partition_index;
      tell(decided.response, result);
      std::ranges::move(decided.records, std::back_inserter(outcome.records));
    }
  }
  return outcome;
}

ListPartitionReassignmentsResponse list_reassignments(
    const MetadataImage& image, const ListPartitionReassignmentsRequest& request) {
  ListPartitionReassignmentsResponse response;
  response.error_message = std::nullopt;
  const auto add = [&](const TopicImage& topic, const std::vector<std::int32_t>* indexes) {
    ListPartitionReassignmentsResponse::OngoingTopicReassignment moving;
    moving.name = topic.name;
    for (std::int32_t i = 0; i < std::ssize(topic.partitions); ++i) {
      const bool meant = indexes == nullptr || std::ranges::count(*indexes, i) > 0;
      if (meant) list_one(topic.partitions[static_cast<std::size_t>(i)], i, moving);
    }
    if (!moving.partitions.empty()) response.topics.push_back(std::move(moving));
  };
  if (!request.topics) {
    for (const auto& [name, topic] : image.topics()) add(*topic, nullptr);
    return response;
  }
  for (const auto& wanted : *request.topics) {
    const auto topic = image.topic(std::string_view{wanted.name});
    if (topic) add(*topic, &wanted.partition_indexes);
  }
  return response;
}

}  // namespace millrace::replication
