#include <algorithm>
#include <set>

#include "broker/handlers/brokers.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Response = protocol::DescribeTopicPartitionsResponse;
using TopicAnswer = Response::DescribeTopicPartitionsResponseTopic;

void describe(const replication::MetadataImage& image, const replication::TopicImage& topic,
              std::size_t index, TopicAnswer& answer) {
  auto& partition = answer.partitions.emplace_back();
  describe_partition(image, topic, index, partition);
  const auto& now = topic.partitions[index];
  auto& eligible = partition.eligible_leader_replicas.emplace();
  for (const BrokerId id : now.eligible) eligible.push_back(id.value);
  auto& last_known = partition.last_known_elr.emplace();
  if (now.last_leader) last_known.push_back(now.last_leader->value);
}

Response::Cursor cursor_at(const std::string& topic, std::size_t partition) {
  Response::Cursor cursor;
  cursor.topic_name = topic;
  cursor.partition_index = static_cast<std::int32_t>(partition);
  return cursor;
}

}  // namespace

/// Pages through topics in the order of their names; the cursor says where the next page begins.
net::Awaitable<DescribeTopicPartitions::Response> DescribeTopicPartitions::handle(
    Request request, RequestContext& context) {
  const replication::ImagePtr image = context.shard.image();
  Response response;
  std::set<std::string> names;
  for (const auto& topic : request.topics) names.insert(topic.name);
  const bool named = !names.empty();
  if (!named) {
    for (const auto& [name, topic] : image->topics()) names.insert(name);
  }
  const auto& cursor = request.cursor;
  const bool bad_cursor =
      cursor && (cursor->partition_index < 0 || (named && !names.contains(cursor->topic_name)));
  if (bad_cursor) {
    for (const auto& name : names) {
      auto& answer = response.topics.emplace_back();
      answer.name = name;
      answer.error_code = ErrorCode::invalid_request;
    }
    co_return response;
  }
  std::int32_t room =
      std::min(request.response_partition_limit, context.node.settings.request_partitions_max);
  room = std::max(room, 1);
  for (const auto& name : names) {
    if (cursor && name < cursor->topic_name) continue;
    const std::size_t first = cursor && name == cursor->topic_name
                                  ? static_cast<std::size_t>(cursor->partition_index)
                                  : 0;
    if (room == 0) {
      response.next_cursor = cursor_at(name, first);
      break;
    }
    auto& answer = response.topics.emplace_back();
    answer.name = name;
    const auto topic = image->topic(std::string_view{name});
    if (!topic) {
      answer.error_code = ErrorCode::unknown_topic_or_partition;
      continue;
    }
    answer.topic_id = topic->id;
    answer.is_internal = topic->is_internal();
    answer.topic_authorized_operations = kAllTopicOperations;
    std::size_t index = first;
    for (; index < topic->partitions.size() && room > 0; ++index, --room) {
      describe(*image, *topic, index, answer);
    }
    if (index < topic->partitions.size()) {
      response.next_cursor = cursor_at(name, index);
      break;
    }
  }
  co_return response;
}

}  // namespace millrace::broker
