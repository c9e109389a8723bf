#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/handlers/brokers.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Coordinator = protocol::FindCoordinatorResponse::Coordinator;

constexpr std::int16_t kManyKeysSince = 4;
constexpr std::int8_t kGroupKey = 0;
constexpr std::int8_t kTransactionKey = 1;

/// What is kept of groups or transactions, and how.
struct CoordinatorTopic {
  std::string_view name;
  std::int32_t partitions;
  std::int64_t segment_bytes;
  std::string_view of;  // for the operator
};

CoordinatorTopic topic_for(std::int8_t key_type, const BrokerSettings& settings) {
  if (key_type == kTransactionKey) {
    return {replication::kTransactionTopic, settings.transaction_partitions,
            settings.transaction_segment_bytes, "transaction"};
  }
  return {replication::kOffsetsTopic, settings.offsets_partitions, settings.offsets_segment_bytes,
          "group"};
}

/// The topic is made when the first client looks for a coordinator. Gives why it could not be, or
/// nothing.
net::Awaitable<std::optional<std::string>> ensure_topic(RequestContext& context,
                                                        CoordinatorTopic wanted) {
  if (context.shard.image()->topic(wanted.name)) co_return std::nullopt;
  protocol::CreateTopicsRequest create;
  auto& topic = create.topics.emplace_back();
  topic.name = wanted.name;
  topic.num_partitions = wanted.partitions;
  topic.replication_factor = 1;
  topic.configs.push_back({"cleanup.policy", "compact"});
  topic.configs.push_back({"compression.type", "producer"});
  topic.configs.push_back({"segment.bytes", fmt::format("{}", wanted.segment_bytes)});
  auto creation = context.node.metadata->create_topics(context.shard, std::move(create));
  const auto created = co_await std::move(creation);
  const auto& result = created.topics.front();
  if (result.error_code == ErrorCode::none ||
      result.error_code == ErrorCode::topic_already_exists) {
    co_return std::nullopt;
  }
  co_return fmt::format("the topic {} could not be created: {}: {}", wanted.name,
                        to_string(result.error_code), result.error_message.value_or(""));
}

Coordinator refused(std::string key, ErrorCode error, std::string message) {
  Coordinator coordinator;
  coordinator.key = std::move(key);
  coordinator.node_id = -1;
  coordinator.port = -1;
  coordinator.error_code = error;
  coordinator.error_message = std::move(message);
  return coordinator;
}

}  // namespace

net::Awaitable<FindCoordinator::Response> FindCoordinator::handle(Request request,
                                                                  RequestContext& context) {
  Response response;
  const bool many = context.version() >= kManyKeysSince;
  if (!many) request.coordinator_keys = {request.key};
  const auto here = advertised(context);
  for (const auto& key : request.coordinator_keys) {
    if (request.key_type != kGroupKey && request.key_type != kTransactionKey) {
      response.coordinators.push_back(
          refused(key, ErrorCode::invalid_request,
                  fmt::format("this version coordinates groups (key type {}) and transactions "
                              "({}), not key type {}: share groups are not served yet",
                              kGroupKey, kTransactionKey, request.key_type)));
      continue;
    }
    const auto wanted = topic_for(request.key_type, context.node.settings);
    auto ensuring = ensure_topic(context, wanted);
    auto failure = co_await std::move(ensuring);
    if (failure) {
      const auto verdict = context.node.log_limiter.ask("coordinator", context.shard.now());
      if (verdict.allowed) spdlog::error("no {} can be served: {}", wanted.of, *failure);
      response.coordinators.push_back(
          refused(key, ErrorCode::coordinator_not_available, std::move(*failure)));
      continue;
    }
    auto& coordinator = response.coordinators.emplace_back();
    coordinator.key = key;
    coordinator.node_id = context.node.settings.node_id.value;
    coordinator.host = here.host;
    coordinator.port = here.port;
    coordinator.error_message = std::nullopt;
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
