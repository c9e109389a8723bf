#include "broker/errors.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Wanted = protocol::DeleteRecordsRequest::DeleteRecordsTopic::DeleteRecordsPartition;
using Deleted =
    protocol::DeleteRecordsResponse::DeleteRecordsTopicResult::DeleteRecordsPartitionResult;

constexpr std::int64_t kToHighWatermark = -1;

Deleted delete_up_to(Partition* partition, const Wanted& wanted) {
  Deleted deleted;
  deleted.partition_index = wanted.partition_index;
  deleted.low_watermark = -1;
  if (partition == nullptr) {
    deleted.error_code = ErrorCode::not_leader_or_follower;
    return deleted;
  }
  const auto& config = partition->settings().log;
  const Offset high_watermark = partition->high_watermark();
  const Offset to = wanted.offset == kToHighWatermark ? high_watermark : Offset{wanted.offset};
  if (config.compact && !config.delete_old) {
    deleted.error_code = ErrorCode::policy_violation;
  } else if (to > high_watermark || to.value < 0) {
    deleted.error_code = ErrorCode::offset_out_of_range;
  } else if (const auto advanced = partition->log().advance_log_start(to); !advanced) {
    partition->log_failed(advanced.error());
    deleted.error_code = to_wire(advanced.error());
  } else {
    deleted.low_watermark = partition->log().log_start().value;
  }
  return deleted;
}

}  // namespace

net::Awaitable<DeleteRecords::Response> DeleteRecords::handle(Request request,
                                                              RequestContext& context) {
  Response response;
  const replication::ImagePtr image = context.shard.image();
  for (const auto& wanted_topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = wanted_topic.name;
    const auto topic = image->topic(std::string_view{wanted_topic.name});
    for (const Wanted& wanted : wanted_topic.partitions) {
      Deleted deleted;
      deleted.partition_index = wanted.partition_index;
      deleted.low_watermark = -1;
      deleted.error_code = ErrorCode::unknown_topic_or_partition;
      if (has_partition(topic.get(), wanted.partition_index)) {
        auto question = [wanted](Partition* partition) { return delete_up_to(partition, wanted); };
        auto asked =
            ask_leader<Deleted>(context, topic->id, wanted.partition_index, std::move(question));
        deleted = co_await std::move(asked);
      }
      answer.partitions.push_back(deleted);
    }
  }
  co_return response;
}

}  // namespace millrace::broker
