#include <fmt/format.h>

#include "broker/handlers/brokers.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using TopicAnswer = protocol::MetadataResponse::MetadataResponseTopic;

constexpr std::int16_t kNullIsAllSince = 1;
constexpr std::int16_t kNullNameSince = 12;

TopicAnswer describe(const replication::MetadataImage& image, const replication::TopicImage& topic,
                     bool operations) {
  TopicAnswer answer;
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = topic.is_internal();
  answer.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    describe_partition(image, topic, i, answer.partitions.emplace_back());
  }
  if (operations) answer.topic_authorized_operations = kAllTopicOperations;
  return answer;
}

TopicAnswer unknown(const protocol::MetadataRequest::MetadataRequestTopic& wanted, ErrorCode error,
                    std::int16_t version) {
  TopicAnswer answer;
  answer.error_code = error;
  answer.topic_id = wanted.topic_id;
  answer.name = wanted.name;
  if (!answer.name && version < kNullNameSince) answer.name = "";
  return answer;
}

/// Creates the topics that were asked for by a legal name and are not there.
net::Awaitable<void> create_missing(const protocol::MetadataRequest& request,
                                    RequestContext& context) {
  protocol::CreateTopicsRequest create;
  for (const auto& wanted : *request.topics) {
    if (!wanted.name || context.shard.image()->topic(std::string_view{*wanted.name})) continue;
    if (replication::invalid_topic_name(*wanted.name)) continue;
    auto& topic = create.topics.emplace_back();
    topic.name = *wanted.name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
  }
  if (!create.topics.empty()) {
    auto creating = context.node.metadata->administer(context.shard, std::move(create));
    co_await std::move(creating);
  }
}

}  // namespace

net::Awaitable<Metadata::Response> Metadata::handle(Request request, RequestContext& context) {
  const bool all = !request.topics.has_value() ||
                   (context.version() < kNullIsAllSince && request.topics->empty());
  if (!all && request.allow_auto_topic_creation && context.node.settings.auto_create_topics) {
    co_await create_missing(request, context);
  }
  Response response;
  auto looking = controller_for(context);
  const BrokerId controller = co_await std::move(looking);
  const replication::ImagePtr image = context.shard.image();
  for (auto& visible : visible_brokers(context, *image, false)) {
    auto& broker = response.brokers.emplace_back();
    broker.node_id = visible.id.value;
    broker.host = std::move(visible.at.host);
    broker.port = visible.at.port;
    broker.rack = std::move(visible.rack);
  }
  response.cluster_id = context.node.cluster_id;
  response.controller_id = controller.value;
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kAllClusterOperations;
  }

  const bool operations = request.include_topic_authorized_operations;
  if (all) {
    for (const auto& [name, topic] : image->topics()) {
      response.topics.push_back(describe(*image, *topic, operations));
    }
    co_return response;
  }
  for (const auto& wanted : *request.topics) {
    const bool by_id = !wanted.topic_id.is_zero();
    const auto topic = by_id         ? image->topic(wanted.topic_id)
                       : wanted.name ? image->topic(std::string_view{*wanted.name})
                                     : nullptr;
    if (topic) {
      response.topics.push_back(describe(*image, *topic, operations));
    } else if (by_id) {
      response.topics.push_back(unknown(wanted, ErrorCode::unknown_topic_id, context.version()));
    } else {
      const bool legal = wanted.name && !replication::invalid_topic_name(*wanted.name);
      response.topics.push_back(unknown(
          wanted,
          legal ? ErrorCode::unknown_topic_or_partition : ErrorCode::invalid_topic_exception,
          context.version()));
    }
  }
  co_return response;
}

}  // namespace millrace::broker
