#include "broker/handlers/coordinator_topics.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;

/// What is kept of groups or transactions, and how.
struct CoordinatorTopic {
  std::string_view name;
  std::int32_t partitions;
  std::int64_t segment_bytes;
  std::string_view of;  // for the operator
};

net::Awaitable<std::optional<std::string>> ensure(RequestContext& context,
                                                  CoordinatorTopic wanted) {
  if (context.shard.image()->topic(wanted.name)) co_return std::nullopt;
  protocol::CreateTopicsRequest create;
  auto& topic = create.topics.emplace_back();
  topic.name = wanted.name;
  topic.num_partitions = wanted.partitions;
  const auto factor = context.node.settings.internal_factors.find(wanted.name);
  topic.replication_factor = static_cast<std::int16_t>(factor->second);  // or what there is
  topic.configs.push_back({"cleanup.policy", "compact"});
  topic.configs.push_back({"compression.type", "producer"});
  topic.configs.push_back({"segment.bytes", fmt::format("{}", wanted.segment_bytes)});
  auto creation = context.node.metadata->administer(context.shard, std::move(create));
  const auto created = co_await std::move(creation);
  const auto& result = created.topics.front();
  if (result.error_code == ErrorCode::none ||
      result.error_code == ErrorCode::topic_already_exists) {
    co_return std::nullopt;
  }
  auto failure = fmt::format("the topic {} could not be created: {}: {}", wanted.name,
                             to_string(result.error_code), result.error_message.value_or(""));
  const auto verdict = context.node.log_limiter.ask("coordinator", context.shard.now());
  if (verdict.allowed) spdlog::error("no {} can be served: {}", wanted.of, failure);
  co_return failure;
}

}  // namespace

net::Awaitable<std::optional<std::string>> ensure_offsets_topic(RequestContext& context) {
  const auto& settings = context.node.settings;
  return ensure(context, {replication::kOffsetsTopic, settings.offsets_partitions,
                          settings.offsets_segment_bytes, "group"});
}

net::Awaitable<std::optional<std::string>> ensure_transaction_topic(RequestContext& context) {
  const auto& settings = context.node.settings;
  return ensure(context, {replication::kTransactionTopic, settings.transaction_partitions,
                          settings.transaction_segment_bytes, "transaction"});
}

}  // namespace millrace::broker
