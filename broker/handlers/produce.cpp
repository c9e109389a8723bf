#include "broker/handlers/produce.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "broker/errors.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/handlers/transacted.hpp"
#include "broker/shard.hpp"
#include "broker/strangers.hpp"
#include "protocol/messages/produce.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::ProduceRequest;
using protocol::ProduceResponse;
using PartitionAnswer = ProduceResponse::TopicProduceResponse::PartitionProduceResponse;

constexpr std::int16_t kTopicIdsSince = 13;
constexpr std::int16_t kAddsPartitionsSince = 12;  // transactions of version 2 (KIP-890)
constexpr std::int16_t kAbortableSince = 11;
constexpr std::int16_t kAllInSync = -1;  // values of acks
constexpr std::int16_t kLeaderAlone = 1;
constexpr std::string_view kAdminClientId = "__admin_client";  // may write internal topics

/// One produce request on its way. Each shard fills in the answers of its own partitions and counts
/// them off; who counts off the last one sends the answer home.
struct Produce {
  std::shared_ptr<Session> session;
  Session::Slot slot = 0;
  CorrelationId correlation_id;
  std::int16_t version = 0;
  std::int16_t acks = 0;
  std::string transactional_id;
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
  auto done = [produce, &answer, &shard](ErrorCode error) {
    std::string message;
    if (error == kNoSpace) message = shard.node().log_dir.refusal();
    if (error != ErrorCode::none) refuse(answer, error, std::move(message));
    count_off(produce, shard);
  };
  if (produce->acks == kLeaderAlone) {
    partition.when_durable(result.end, produce->deadline, std::move(done));
  } else {
    partition.when_committed(result.end, produce->deadline, std::move(done));
  }
}

/// What the coordinator of a transaction says, as a producer may be told: what is only for now must
/// make it try again, and not look for other leaders.
ErrorCode told(ErrorCode error, std::int16_t version) {
  switch (error) {
    case ErrorCode::producer_fenced:
      return ErrorCode::invalid_producer_epoch;
    case ErrorCode::transaction_abortable:
      return version >= kAbortableSince ? error : ErrorCode::invalid_txn_state;
    case ErrorCode::concurrent_transactions:
      return version >= kAddsPartitionsSince ? error : ErrorCode::not_enough_replicas;
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator:
      return ErrorCode::not_enough_replicas;
    default:
      return error;
  }
}

net::Awaitable<void> ask_for_admission(ProducePtr produce, std::shared_ptr<Partition> partition,
                                       Shard& shard, ProducerIdentity producer) {
  const auto version =
      produce->version >= kAddsPartitionsSince ? TransactionVersion::v2 : TransactionVersion::v1;
  auto asking =
      admit_to_transaction(shard, produce->transactional_id, producer, partition->name(), version);
  const auto said = co_await std::move(asking);
  partition->verifications().answer(producer, said);
}

void append_admitted(const ProducePtr& produce, Part& part, Shard& shard,
                     const std::shared_ptr<Partition>& partition);

void append(const ProducePtr& produce, Part& part, Shard& shard) {
  PartitionAnswer& answer = *part.answer;
  const auto partition = shard.find(part.topic, part.index);
  if (const auto* const why = shard.unopened(part.topic, part.index)) {
    refuse(answer, ErrorCode::kafka_storage_error, *why);
    return count_off(produce, shard);
  }
  if (!partition || partition->retired() || !partition->leads()) {
    refuse(answer, ErrorCode::not_leader_or_follower, "this broker does not lead the partition");
    return count_off(produce, shard);
  }
  const auto producer = partition->to_verify(part.records.view(), shard.wall());
  if (!producer) return append_admitted(produce, part, shard, partition);
  if (produce->version < kAddsPartitionsSince && !shard.node().settings.verify_transactions) {
    partition->verifications().allow(*producer);
    return append_admitted(produce, part, shard, partition);
  }
  auto resume = [produce, part = std::move(part), &shard, partition](ErrorCode said) mutable {
    if (said == ErrorCode::none) return append_admitted(produce, part, shard, partition);
    refuse(*part.answer, told(said, produce->version),
           fmt::format("the coordinator of '{}' says {}", escaped(produce->transactional_id),
                       to_string(said)));
    count_off(produce, shard);
  };
  if (partition->verifications().wait(*producer, std::move(resume)))
    shard.tasks().spawn(ask_for_admission(produce, partition, shard, *producer));
}

/// The batch belongs to no transaction, or may join the one that it says it belongs to.
void append_admitted(const ProducePtr& produce, Part& part, Shard& shard,
                     const std::shared_ptr<Partition>& partition) {
  PartitionAnswer& answer = *part.answer;
  if (produce->acks == kAllInSync && !partition->enough_in_sync()) {
    refuse(
        answer, ErrorCode::not_enough_replicas,
        fmt::format("{} of the {} replicas are in sync, and min.insync.replicas asks for {}",
                    partition->leadership()->in_sync().size(), partition->leadership()->replicas(),
                    partition->leadership()->min_in_sync()));
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

namespace {

/// Whether batches of transactions come under an id, and from one producer.
ErrorCode check_transactions(const ProduceRequest& request) {
  std::optional<ProducerId> producer;
  for (const auto& topic : request.topic_data) {
    for (const auto& partition : topic.partition_data) {
      if (!partition.records) continue;
      const auto batch = protocol::parse_batch(partition.records->view());
      if (!batch || !batch->is_transactional()) continue;
      if (!request.transactional_id) return ErrorCode::transactional_id_authorization_failed;
      if (producer && producer != batch->producer_id())
        return ErrorCode::invalid_producer_id_mapping;
      producer = batch->producer_id();
    }
  }
  return ErrorCode::none;
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

  const bool acks_known = request.acks >= kAllInSync && request.acks <= kLeaderAlone;
  produce->transactional_id = request.transactional_id.value_or("");
  const ErrorCode transactions = check_transactions(request);
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
      } else if (transactions != ErrorCode::none) {
        refuse(answer, transactions, "the batches do not belong to one transactional id");
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
