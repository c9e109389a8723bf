#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Wanted =
    protocol::OffsetForLeaderEpochRequest::OffsetForLeaderTopic::OffsetForLeaderPartition;
using Found = protocol::OffsetForLeaderEpochResponse::OffsetForLeaderTopicResult::EpochEndOffset;

Found epoch_end(const Partition* partition, const Wanted& wanted) {
  Found found;
  found.partition = wanted.partition;
  if (partition == nullptr) {
    found.error_code = ErrorCode::not_leader_or_follower;
  } else if (wanted.current_leader_epoch >= 0 &&
             wanted.current_leader_epoch < partition->leader_epoch().value) {
    found.error_code = ErrorCode::fenced_leader_epoch;
  } else if (wanted.current_leader_epoch > partition->leader_epoch().value) {
    found.error_code = ErrorCode::unknown_leader_epoch;
  } else if (const auto end = partition->log().epoch_end(LeaderEpoch{wanted.leader_epoch})) {
    found.leader_epoch = end->epoch.value;
    found.end_offset = end->end_offset.value;
  }
  return found;
}

}  // namespace

net::Awaitable<OffsetForLeaderEpoch::Response> OffsetForLeaderEpoch::handle(
    Request request, RequestContext& context) {
  Response response;
  const replication::ImagePtr image = context.shard.image();
  for (const auto& wanted_topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.topic = wanted_topic.topic;
    const auto topic = image->topic(std::string_view{wanted_topic.topic});
    for (const Wanted& wanted : wanted_topic.partitions) {
      Found found;
      found.partition = wanted.partition;
      found.error_code = ErrorCode::unknown_topic_or_partition;
      if (has_partition(topic.get(), wanted.partition)) {
        auto question = [wanted](Partition* partition) { return epoch_end(partition, wanted); };
        auto asked = ask_leader<Found>(context, topic->id, wanted.partition, std::move(question));
        found = co_await std::move(asked);
      }
      answer.partitions.push_back(found);
    }
  }
  co_return response;
}

}  // namespace millrace::broker
