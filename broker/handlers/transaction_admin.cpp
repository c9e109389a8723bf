#include <algorithm>

#include "broker/handlers/handlers.hpp"
#include "broker/handlers/partitions.hpp"
#include "broker/handlers/transacted.hpp"

/// Looking at transactions and their producers, and ending those that hang.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Described = protocol::DescribeTransactionsResponse::TransactionState;
using Listed = protocol::ListTransactionsResponse::TransactionState;
using Producers = protocol::DescribeProducersResponse::TopicResponse::PartitionResponse;

Producers producers_of(const Partition* partition, std::int32_t index) {
  Producers answer;
  answer.partition_index = index;
  if (partition == nullptr) {
    answer.error_code = ErrorCode::not_leader_or_follower;
    return answer;
  }
  for (const auto& [id, entry] : partition->log().producers().entries()) {
    auto& producer = answer.active_producers.emplace_back();
    producer.producer_id = id.value;
    producer.producer_epoch = entry.epoch.value;
    if (const auto* const newest = entry.newest()) {
      producer.last_sequence = newest->last_sequence.value;
      producer.last_timestamp = newest->timestamp.value;
    }
    producer.coordinator_epoch = entry.coordinator_epoch.value_or(-1);
    if (entry.transaction_start) producer.current_txn_start_offset = entry.transaction_start->value;
  }
  std::ranges::sort(answer.active_producers, {},
                    [](const auto& producer) { return producer.producer_id; });
  return answer;
}

}  // namespace

net::Awaitable<DescribeProducers::Response> DescribeProducers::handle(Request request,
                                                                      RequestContext& context) {
  Response response;
  const auto image = context.shard.image();
  for (const auto& wanted : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = wanted.name;
    const auto topic = image->topic(std::string_view{wanted.name});
    for (const std::int32_t index : wanted.partition_indexes) {
      if (!has_partition(topic.get(), index)) {
        auto& missing = answer.partitions.emplace_back();
        missing.partition_index = index;
        missing.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      auto question = [index](const Partition* partition) {
        return producers_of(partition, index);
      };
      auto asked = ask_leader<Producers>(context, topic->id, index, std::move(question));
      auto producers = co_await std::move(asked);
      answer.partitions.push_back(std::move(producers));
    }
  }
  co_return response;
}

net::Awaitable<DescribeTransactions::Response> DescribeTransactions::handle(
    Request request, RequestContext& context) {
  Response response;
  for (const auto& id : request.transactional_ids) {
    auto question = [&id](const TransactionCoordinator& core) { return core.describe(id); };
    auto refuse = [&id](ErrorCode error) {
      Described described;
      described.transactional_id = id;
      described.error_code = error;
      return described;
    };
    auto consulted = consult_transactions<Described>(context.shard, id, question, refuse);
    auto described = co_await std::move(consulted);
    response.transaction_states.push_back(std::move(described));
  }
  co_return response;
}

net::Awaitable<ListTransactions::Response> ListTransactions::handle(Request request,
                                                                    RequestContext& context) {
  Response response;
  TransactionCoordinator::Filter filter{
      .states = {}, .producer_ids = std::move(request.producer_id_filters), .running_for = {}};
  for (auto& name : request.state_filters) {
    auto& place = parse_transaction_state(name) ? filter.states : response.unknown_state_filters;
    place.push_back(std::move(name));
  }
  if (request.duration_filter >= 0)
    filter.running_for = std::chrono::milliseconds{request.duration_filter};
  // Only names that no transaction has: then none is meant, not all.
  const bool none_meant = filter.states.empty() && !response.unknown_state_filters.empty();
  struct Share {
    bool loading = false;
    std::vector<Listed> transactions;
  };
  for (const auto& shard : context.node.shards) {
    auto work = [&filter, target = shard.get()](Answer<Share> answer) {
      Share share;
      share.loading = target->transactions().loading();
      for (const auto* const core : target->transactions().all()) {
        auto listed = core->list(filter, target->wall());
        std::ranges::move(listed, std::back_inserter(share.transactions));
      }
      answer(std::move(share));
    };
    auto asked = ask<Share>(context.shard, *shard, std::move(work));
    auto share = co_await std::move(asked);
    if (share.loading) response.error_code = ErrorCode::coordinator_load_in_progress;
    if (!none_meant)
      std::ranges::move(share.transactions, std::back_inserter(response.transaction_states));
  }
  std::ranges::sort(response.transaction_states, {}, &Listed::transactional_id);
  co_return response;
}

net::Awaitable<WriteTxnMarkers::Response> WriteTxnMarkers::handle(Request request,
                                                                  RequestContext& context) {
  Response response;
  for (const auto& wanted : request.markers) {
    auto& answer = response.markers.emplace_back();
    answer.producer_id = wanted.producer_id;
    const TransactionMarker marker{
        .producer = {ProducerId{wanted.producer_id}, ProducerEpoch{wanted.producer_epoch}},
        .commit = wanted.transaction_result,
        .coordinator_epoch = wanted.coordinator_epoch,
        .version = wanted.transaction_version >= std::to_underlying(TransactionVersion::v2)
                       ? TransactionVersion::v2
                       : TransactionVersion::v1};
    for (const auto& topic : wanted.topics) {
      auto& told = answer.topics.emplace_back();
      told.name = topic.name;
      for (const std::int32_t index : topic.partition_indexes) {
        auto writing =
            write_marker_here(context.shard, {topic.name, PartitionIndex{index}}, marker);
        const auto error = co_await std::move(writing);
        told.partitions.push_back({index, error});
      }
    }
  }
  co_return response;
}

}  // namespace millrace::broker
