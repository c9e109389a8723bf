#include <fmt/format.h>

#include "broker/group/partitioner.hpp"
#include "broker/handlers/brokers.hpp"
#include "broker/handlers/coordinator_topics.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Coordinator = protocol::FindCoordinatorResponse::Coordinator;

constexpr std::int16_t kManyKeysSince = 4;
constexpr std::int8_t kGroupKey = 0;
constexpr std::int8_t kTransactionKey = 1;

Coordinator refused(std::string key, ErrorCode error, std::string message) {
  Coordinator coordinator;
  coordinator.key = std::move(key);
  coordinator.node_id = -1;
  coordinator.port = -1;
  coordinator.error_code = error;
  coordinator.error_message = std::move(message);
  return coordinator;
}

/// Whoever leads the partition that the key falls into.
Coordinator locate(const RequestContext& context, std::string_view topic_name, std::string key) {
  const auto topic = context.shard.image()->topic(topic_name);
  const PartitionIndex index{
      topic ? partition_for_group(key, static_cast<std::int32_t>(topic->partitions.size())) : 0};
  const auto* const partition = topic ? topic->partition(index) : nullptr;
  auto leader = partition != nullptr ? partition->leader : std::nullopt;
  // The only replica of a partition stays its leader while it is down.
  if (leader && !is_up(*context.shard.image(), *leader)) leader.reset();
  const auto at = leader ? reached_at(context, *leader) : std::nullopt;
  if (!at) {
    return refused(std::move(key), ErrorCode::coordinator_not_available,
                   fmt::format("{}-{} has no leader that can be reached by this listener now",
                               topic_name, index.value));
  }
  Coordinator coordinator;
  coordinator.key = std::move(key);
  coordinator.node_id = leader->value;
  coordinator.host = at->host;
  coordinator.port = at->port;
  coordinator.error_message = std::nullopt;
  return coordinator;
}

}  // namespace

net::Awaitable<FindCoordinator::Response> FindCoordinator::handle(Request request,
                                                                  RequestContext& context) {
  Response response;
  const bool many = context.version() >= kManyKeysSince;
  if (!many) request.coordinator_keys = {request.key};
  for (const auto& key : request.coordinator_keys) {
    if (request.key_type != kGroupKey && request.key_type != kTransactionKey) {
      response.coordinators.push_back(
          refused(key, ErrorCode::invalid_request,
                  fmt::format("this version coordinates groups (key type {}) and transactions "
                              "({}), not key type {}: share groups are not served yet",
                              kGroupKey, kTransactionKey, request.key_type)));
      continue;
    }
    auto ensuring = request.key_type == kTransactionKey ? ensure_transaction_topic(context)
                                                        : ensure_offsets_topic(context);
    auto failure = co_await std::move(ensuring);
    if (failure) {
      response.coordinators.push_back(
          refused(key, ErrorCode::coordinator_not_available, std::move(*failure)));
      continue;
    }
    response.coordinators.push_back(locate(context,
                                           request.key_type == kTransactionKey
                                               ? replication::kTransactionTopic
                                               : replication::kOffsetsTopic,
                                           key));
  }
  if (many) co_return response;
  auto& only = response.coordinators.front();
  response.error_code = only.error_code;
  response.error_message = std::move(only.error_message);
  response.node_id = only.node_id;
  response.host = std::move(only.host);
  response.port = only.port;
  response.coordinators.clear();
  co_return response;
}

}  // namespace millrace::broker
