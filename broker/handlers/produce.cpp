#include "broker/handlers/produce.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "broker/errors.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/shard.hpp"
#include "protocol/messages/produce.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::ProduceRequest;
using protocol::ProduceResponse;
using PartitionAnswer = ProduceResponse::TopicProduceResponse::PartitionProduceResponse;

constexpr std::int16_t kTopicIdsSince = 13;
constexpr std::string_view kAdminClientId = "__admin_client";  // may write internal topics

/// One produce request on its way. Each shard fills in the answers of its own partitions and counts
/// them off; who counts off the last one sends the answer home.
struct Produce {
  std::shared_ptr<Session> session;
  Session::Slot slot = 0;
  CorrelationId correlation_id;
  std::int16_t version = 0;
  std::int16_t acks = 0;
  Instant deadline;
  ProduceResponse response;
  std::atomic<std::size_t> left = 1;  // one for the distribution itself

  void finish() {
    if (acks != 0) {
      session->complete(slot, protocol::encode_response(correlation_id, version, response));
      return;
    }
    for (const auto& topic : response.responses) {
      for (const auto& partition : topic.partition_responses) {
        // Nobody reads an answer to acks=0: closing is the only way to tell.
        if (partition.error_code != ErrorCode::none) return session->close();
      }
    }
    session->complete_silently(slot);
  }
};
using ProducePtr = std::shared_ptr<Produce>;

/// One partition's share of a request.
struct Part {
  TopicId topic;
  PartitionIndex index;
  SharedBytes records;
  PartitionAnswer* answer = nullptr;  // in the response, which does not move any more
};

/// From the shard that served the part.
void count_off(const ProducePtr& produce, Shard& on) {
  if (produce->left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Shard& home = produce->session->shard();
  if (&home == &on) return produce->finish();
  home.scheduler().post([produce] { produce->finish(); });
}

void refuse(PartitionAnswer& answer, ErrorCode error, std::string message) {
  answer.error_code = error;
  answer.base_offset = -1;
  answer.log_append_time_ms = -1;
  if (!message.empty()) answer.error_message = std::move(message);
}

/// The batch is in the log, or is not and the result says why.
void answer_with(const ProducePtr& produce, PartitionAnswer& answer, Partition& partition,
                 Shard& shard, ProduceResult result) {
  if (result.error != ErrorCode::none) {
    refuse(answer, result.error, std::move(result.message));
    for (auto& [index, message] : result.record_errors) {
      auto& record = answer.record_errors.emplace_back();
      record.batch_index = index;
      record.batch_index_error_message = std::move(message);
    }
    return count_off(produce, shard);
  }
  answer.base_offset = result.base_offset.value;
  answer.log_start_offset = partition.log().log_start().value;
  if (result.log_append_time) answer.log_append_time_ms = result.log_append_time->value;
  if (produce->acks == 0) return count_off(produce, shard);
  partition.when_committed(result.end, produce->deadline,
                           [produce, &answer, &shard](ErrorCode error) {
                             std::string message;
                             if (error == kNoSpace) message = shard.node().log_dir.refusal();
                             if (error != ErrorCode::none)
                               refuse(answer, error, std::move(message));
                             count_off(produce, shard);
                           });
}

void append(const ProducePtr& produce, Part& part, Shard& shard) {
  PartitionAnswer& answer = *part.answer;
  const auto partition = shard.find(part.topic, part.index);
  if (const auto* const why = shard.unopened(part.topic, part.index)) {
    refuse(answer, ErrorCode::kafka_storage_error, *why);
    return count_off(produce, shard);
  }
  if (!partition || partition->retired()) {
    refuse(answer, ErrorCode::not_leader_or_follower, "the partition is not open here");
    return count_off(produce, shard);
  }
  auto result = partition->produce(part.records.view(), produce->version, shard.wall());
  if (!result) {
    // The partition keeps `done` and outlives it.
    auto done = [produce, &answer, owner = partition.get(), &shard](ProduceResult later) {
      answer_with(produce, answer, *owner, shard, std::move(later));
    };
    partition->produce_later(std::move(part.records), produce->version, shard.wall(),
                             std::move(done));
    return shard.prepare(partition);
  }
  part.records = {};  // the log has its copy; the receive buffer may be used again
  if (result->error == ErrorCode::none) shard.appended(partition);
  answer_with(produce, answer, *partition, shard, *std::move(result));
}

}  // namespace

bool begin_produce(RequestContext& context, protocol::Reader& in, Session::Slot slot) {
  auto decoded = protocol::MessageCodec<ProduceRequest>::decode(in, context.version());
  if (!decoded) return false;
  ProduceRequest& request = *decoded;
  Shard& home = context.shard;

  auto produce = std::make_shared<Produce>();
  produce->session = context.session.shared_from_this();
  produce->slot = slot;
  produce->correlation_id = context.header.correlation_id;
  produce->version = context.version();
  produce->acks = request.acks;
  produce->deadline = home.now() + std::chrono::milliseconds{std::max(request.timeout_ms, 0)};

  // The response is laid out in full before the first shard gets a pointer into it.
  auto& answers = produce->response.responses;
  answers.resize(request.topic_data.size());
  for (std::size_t t = 0; t < answers.size(); ++t) {
    const auto& from = request.topic_data[t];
    answers[t].name = from.name;
    answers[t].topic_id = from.topic_id;
    answers[t].partition_responses.resize(from.partition_data.size());
    for (std::size_t p = 0; p < from.partition_data.size(); ++p) {
      answers[t].partition_responses[p].index = from.partition_data[p].index;
    }
  }

  const bool acks_known = request.acks >= -1 && request.acks <= 1;
  const bool transactional = request.transactional_id.has_value();
  const bool is_admin = context.header.client_id == kAdminClientId;
  std::vector<std::vector<Part>> by_shard(context.node.shards.size());
  for (std::size_t t = 0; t < answers.size(); ++t) {
    auto& from = request.topic_data[t];
    const auto topic = produce->version >= kTopicIdsSince
                           ? home.image()->topic(from.topic_id)
                           : home.image()->topic(std::string_view{from.name});
    for (std::size_t p = 0; p < from.partition_data.size(); ++p) {
      auto& wanted = from.partition_data[p];
      PartitionAnswer& answer = answers[t].partition_responses[p];
      if (!acks_known) {
        refuse(answer, ErrorCode::invalid_required_acks,
               fmt::format("acks must be -1 (all), 0 or 1, not {}", request.acks));
      } else if (transactional) {
        refuse(answer, ErrorCode::invalid_txn_state,
               "transactions are not served by this version: leave transactional.id unset");
      } else if (!has_partition(topic.get(), wanted.index)) {
        refuse(answer,
               produce->version >= kTopicIdsSince && !topic ? ErrorCode::unknown_topic_id
                                                            : ErrorCode::unknown_topic_or_partition,
               {});
      } else if (topic->is_internal() && !is_admin) {
        refuse(answer, ErrorCode::invalid_topic_exception,
               fmt::format("'{}' is written by the broker alone", topic->name));
      } else if (!wanted.records || wanted.records->empty()) {
        refuse(answer, ErrorCode::invalid_record, "there are no records for the partition");
      } else {
        const PartitionIndex index{wanted.index};
        Shard& owner = context.node.owner_of(topic->id, index);
        by_shard[owner.index()].push_back({topic->id, index, std::move(*wanted.records), &answer});
        produce->left.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
  for (auto& parts : by_shard) {
    if (parts.empty()) continue;
    Shard& owner = *context.node.shards[static_cast<std::size_t>(&parts - by_shard.data())];
    auto work = [produce, parts = std::move(parts), &owner]() mutable {
      for (Part& part : parts) append(produce, part, owner);
    };
    if (&owner == &home) {
      work();
    } else {
      owner.scheduler().post(std::move(work));
    }
  }
  count_off(produce, home);
  return true;
}

}  // namespace millrace::broker
