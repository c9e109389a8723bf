#include "broker/group/partitioner.hpp"
#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/coordinator_topics.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/handlers/transacted.hpp"
#include "broker/metadata_service.hpp"
#include "replication/controller/topic_names.hpp"

/// What producers ask the coordinator of their transactions.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using AddTopic = protocol::AddPartitionsToTxnRequest::AddPartitionsToTxnTopic;
using AddTopicResult = protocol::AddPartitionsToTxnResponse::AddPartitionsToTxnTopicResult;

/// Clients that are older know only one word for a producer that was replaced.
ErrorCode told(ErrorCode error, std::int16_t version, std::int16_t fenced_since) {
  if (error == ErrorCode::producer_fenced && version < fenced_since)
    return ErrorCode::invalid_producer_epoch;
  return error;
}

ProducerIdentity identity(std::int64_t id, std::int16_t epoch) {
  return {ProducerId{id}, ProducerEpoch{epoch}};
}

std::vector<AddTopicResult> results_of(const std::vector<AddTopic>& topics) {
  std::vector<AddTopicResult> results;
  for (const auto& topic : topics) {
    auto& result = results.emplace_back();
    result.name = topic.name;
    for (const std::int32_t index : topic.partitions)
      result.results_by_partition.push_back({index, ErrorCode::none});
  }
  return results;
}

template <class Tell>
void tell_each(std::vector<AddTopicResult>& results, Tell tell) {
  for (auto& topic : results)
    for (auto& partition : topic.results_by_partition)
      partition.partition_error_code = tell(topic.name, partition.partition_index);
}

/// All of them are added, or none.
net::Awaitable<std::vector<AddTopicResult>> add_all(RequestContext& context, std::string id,
                                                    ProducerIdentity producer,
                                                    const std::vector<AddTopic>& topics,
                                                    TransactionVersion transactions) {
  auto results = results_of(topics);
  AddPartitions request{id, producer, {}, transactions};
  bool all_there = true;
  const auto image = context.shard.image();
  const auto there = [&](const std::string& name, std::int32_t index) {
    return has_partition(image->topic(std::string_view{name}).get(), index);
  };
  for (const auto& topic : topics) {
    for (const std::int32_t index : topic.partitions) {
      all_there = all_there && there(topic.name, index);
      request.partitions.push_back({topic.name, PartitionIndex{index}});
    }
  }
  if (!all_there) {
    tell_each(results, [&](const std::string& name, std::int32_t index) {
      return there(name, index) ? ErrorCode::operation_not_attempted
                                : ErrorCode::unknown_topic_or_partition;
    });
    co_return results;
  }
  auto operation = [request = std::move(request)](
                       TransactionCoordinator& core, std::optional<ProducerId>, ReplyToken token,
                       const Moment& at) { return core.add_partitions(request, token, at); };
  auto adding = transact(context.shard, std::move(id), std::move(operation));
  const auto reply = co_await std::move(adding);
  const ErrorCode error = told(reply.error, context.version(), 2);
  tell_each(results, [&](const std::string&, std::int32_t) { return error; });
  co_return results;
}

/// What another broker asks before it appends.
net::Awaitable<std::vector<AddTopicResult>> verify_all(RequestContext& context, std::string id,
                                                       ProducerIdentity producer,
                                                       const std::vector<AddTopic>& topics) {
  auto question = [&, results = results_of(topics)](const TransactionCoordinator& core) mutable {
    tell_each(results, [&](const std::string& name, std::int32_t index) {
      return core.verify(id, producer, {name, PartitionIndex{index}});
    });
    return results;
  };
  auto refuse = [&](ErrorCode error) {
    auto results = results_of(topics);
    tell_each(results, [&](const std::string&, std::int32_t) { return error; });
    return results;
  };
  auto consulted = consult_transactions<std::vector<AddTopicResult>>(context.shard, id,
                                                                     std::move(question), refuse);
  co_return co_await std::move(consulted);
}

}  // namespace

net::Awaitable<InitProducerId::Response> InitProducerId::handle(Request request,
                                                                RequestContext& context) {
  Response response;
  response.producer_epoch = -1;
  if (!request.transactional_id) {
    const auto id = co_await context.node.metadata->next_producer_id(context.shard);
    if (!id) {
      response.error_code = ErrorCode::coordinator_not_available;
      co_return response;
    }
    response.producer_id = id->value;
    response.producer_epoch = 0;
    co_return response;
  }
  // Who says who it is says both.
  const bool named = request.producer_id >= 0;
  if (named != (request.producer_epoch >= 0)) {
    response.error_code = ErrorCode::invalid_request;
    co_return response;
  }
  InitProducer what{
      *request.transactional_id, std::chrono::milliseconds{request.transaction_timeout_ms}, {}};
  if (named) what.current = identity(request.producer_id, request.producer_epoch);
  auto operation = [what](TransactionCoordinator& core, std::optional<ProducerId> fresh,
                          ReplyToken token,
                          const Moment& at) { return core.init(what, fresh, token, at); };
  auto beginning = transact(context.shard, *request.transactional_id, std::move(operation));
  const auto reply = co_await std::move(beginning);
  response.error_code = told(reply.error, context.version(), 4);
  response.producer_id = reply.producer.id.value;
  response.producer_epoch = reply.producer.epoch.value;
  co_return response;
}

net::Awaitable<AddPartitionsToTxn::Response> AddPartitionsToTxn::handle(Request request,
                                                                        RequestContext& context) {
  constexpr std::int16_t kBatchesSince = 4;
  Response response;
  if (context.version() < kBatchesSince) {
    auto adding =
        add_all(context, request.v3_and_below_transactional_id,
                identity(request.v3_and_below_producer_id, request.v3_and_below_producer_epoch),
                request.v3_and_below_topics, TransactionVersion::v1);
    response.results_by_topic_v3_and_below = co_await std::move(adding);
    co_return response;
  }
  for (const auto& each : request.transactions) {
    auto& result = response.results_by_transaction.emplace_back();
    result.transactional_id = each.transactional_id;
    const auto producer = identity(each.producer_id, each.producer_epoch);
    auto asking = each.verify_only
                      ? verify_all(context, each.transactional_id, producer, each.topics)
                      : add_all(context, each.transactional_id, producer, each.topics,
                                TransactionVersion::v2);
    result.topic_results = co_await std::move(asking);
  }
  co_return response;
}

net::Awaitable<AddOffsetsToTxn::Response> AddOffsetsToTxn::handle(Request request,
                                                                  RequestContext& context) {
  Response response;
  // Older clients look for the group's coordinator only afterwards.
  auto ensuring = ensure_offsets_topic(context);
  const auto failure = co_await std::move(ensuring);
  const auto home = home_of_group(context, request.group_id);
  if (failure || !home) {
    response.error_code = ErrorCode::coordinator_not_available;
    co_return response;
  }
  AddPartitions what{request.transactional_id,
                     identity(request.producer_id, request.producer_epoch),
                     {{std::string{replication::kOffsetsTopic}, home->partition}},
                     TransactionVersion::v1};
  auto operation = [what = std::move(what)](TransactionCoordinator& core, std::optional<ProducerId>,
                                            ReplyToken token, const Moment& at) {
    return core.add_partitions(what, token, at);
  };
  auto adding = transact(context.shard, request.transactional_id, std::move(operation));
  const auto reply = co_await std::move(adding);
  response.error_code = told(reply.error, context.version(), 2);
  co_return response;
}

net::Awaitable<EndTxn::Response> EndTxn::handle(Request request, RequestContext& context) {
  constexpr std::int16_t kNewEpochSince = 5;
  Response response;
  const bool v2 = context.version() >= kNewEpochSince;
  EndTransaction what{request.transactional_id,
                      identity(request.producer_id, request.producer_epoch), request.committed,
                      v2 ? TransactionVersion::v2 : TransactionVersion::v1};
  auto operation = [what](TransactionCoordinator& core, std::optional<ProducerId> fresh,
                          ReplyToken token,
                          const Moment& at) { return core.end(what, fresh, token, at); };
  auto ending = transact(context.shard, request.transactional_id, std::move(operation));
  const auto reply = co_await std::move(ending);
  response.error_code = told(reply.error, context.version(), 2);
  if (v2) {
    response.producer_id = reply.producer.id.value;
    response.producer_epoch = reply.producer.epoch.value;
  }
  co_return response;
}

}  // namespace millrace::broker
