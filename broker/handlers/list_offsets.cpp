#include <set>

#include "broker/blocking.hpp"
#include "broker/errors.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Wanted = protocol::ListOffsetsRequest::ListOffsetsTopic::ListOffsetsPartition;
using Found = protocol::ListOffsetsResponse::ListOffsetsTopicResponse::ListOffsetsPartitionResponse;

/// Timestamps with a meaning of their own.
enum Special : std::int64_t {
  kLatest = -1,
  kEarliest = -2,
  kMaxTimestamp = -3,
  kEarliestLocal = -4,
  kLatestTiered = -5,
  kEarliestPendingUpload = -6,
};

constexpr std::int16_t kNotAvailableSince = 5;

/// The first version in which a special timestamp may be asked for.
std::int16_t known_since(std::int64_t timestamp) {
  switch (timestamp) {
    case kLatest:
    case kEarliest:
      return 0;
    case kMaxTimestamp:
      return 7;
    case kEarliestLocal:
      return 8;
    case kLatestTiered:
      return 9;
    case kEarliestPendingUpload:
      return 11;
    default:
      return std::numeric_limits<std::int16_t>::max();
  }
}

void say(Found& found, Offset offset, LeaderEpoch epoch) {
  found.offset = offset.value;
  found.leader_epoch = epoch.value;
}

/// Answers what needs no file; gives the search that does, if any.
std::optional<log::TimeLookup> answer_or_plan(const Partition& partition, const Wanted& wanted,
                                              bool committed_only, std::int16_t version,
                                              Found& found) {
  const std::int32_t epoch = partition.leader_epoch().value;
  if (partition.log().state() == log::LogState::closed) {
    found.error_code = ErrorCode::kafka_storage_error;
  } else if (wanted.current_leader_epoch >= 0 && wanted.current_leader_epoch < epoch) {
    found.error_code = ErrorCode::fenced_leader_epoch;
  } else if (wanted.current_leader_epoch > epoch) {
    found.error_code = ErrorCode::unknown_leader_epoch;
  } else if (const auto* const leadership = partition.leadership();
             leadership != nullptr && partition.high_watermark() < leadership->begin() &&
             wanted.timestamp != kEarliest && wanted.timestamp != kEarliestLocal) {
    // A new leader may know less of what is committed than its predecessor told; never go back.
    found.error_code = version >= kNotAvailableSince ? ErrorCode::offset_not_available
                                                     : ErrorCode::leader_not_available;
  }
  if (found.error_code != ErrorCode::none) return std::nullopt;
  const auto& log = partition.log();
  const Offset limit = committed_only ? partition.last_stable_offset() : partition.high_watermark();
  switch (wanted.timestamp) {
    case kLatest:
      say(found, limit, partition.leader_epoch());
      return std::nullopt;
    case kEarliest:
    case kEarliestLocal:
      say(found, log.log_start(), log.epoch_at(log.log_start()).value_or(partition.leader_epoch()));
      return std::nullopt;
    case kLatestTiered:
    case kEarliestPendingUpload:
      return std::nullopt;  // nothing is ever tiered here: offset -1
    case kMaxTimestamp:
      return log.plan_max_timestamp(limit);
    default:
      return log.plan_find_by_time(Timestamp{wanted.timestamp}, limit);
  }
}

net::Awaitable<Found> look_up(RequestContext& context, TopicId topic, Wanted wanted,
                              bool committed_only) {
  struct Step {
    Found found;
    std::optional<log::TimeLookup> lookup;
  };
  const auto version = context.version();
  auto question = [wanted, committed_only, version](Partition* partition) {
    Step step;
    step.found.partition_index = wanted.partition_index;
    if (partition != nullptr) {
      step.lookup = answer_or_plan(*partition, wanted, committed_only, version, step.found);
    } else {
      step.found.error_code = ErrorCode::not_leader_or_follower;
    }
    return step;
  };
  auto asked = ask_leader<Step>(context, topic, wanted.partition_index, std::move(question));
  auto step = co_await std::move(asked);
  if (!step.lookup) co_return step.found;
  auto search = [lookup = std::move(*step.lookup)] { return lookup.run(); };
  auto searching =
      blocking(context.shard.scheduler(), context.node.world.read_pool, std::move(search));
  const auto result = co_await std::move(searching);
  if (!result) {
    step.found.error_code = to_wire(result.error());
  } else if (*result) {
    step.found.timestamp = (*result)->timestamp.value;
    step.found.offset = (*result)->offset.value;
    if ((*result)->epoch) step.found.leader_epoch = (*result)->epoch->value;
  }
  co_return step.found;
}

}  // namespace

net::Awaitable<ListOffsets::Response> ListOffsets::handle(Request request,
                                                          RequestContext& context) {
  Response response;
  const replication::ImagePtr image = context.shard.image();
  const bool committed_only = request.isolation_level == 1;
  for (const auto& wanted_topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = wanted_topic.name;
    const auto topic = image->topic(std::string_view{wanted_topic.name});
    std::set<std::int32_t> seen;
    for (const auto& wanted : wanted_topic.partitions) {
      Found found;
      found.partition_index = wanted.partition_index;
      if (!seen.insert(wanted.partition_index).second) {
        found.error_code = ErrorCode::invalid_request;
      } else if (wanted.timestamp < 0 && context.version() < known_since(wanted.timestamp)) {
        found.error_code = ErrorCode::unsupported_version;
      } else if (!has_partition(topic.get(), wanted.partition_index)) {
        found.error_code = ErrorCode::unknown_topic_or_partition;
      } else {
        auto lookup = look_up(context, topic->id, wanted, committed_only);
        found = co_await std::move(lookup);
      }
      answer.partitions.push_back(found);
    }
  }
  co_return response;
}

}  // namespace millrace::broker
