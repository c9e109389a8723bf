#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "clients/admin.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

using WireTransaction = protocol::DescribeTransactionsResponse::TransactionState;
using WireProducer = protocol::DescribeProducersResponse::TopicResponse::PartitionResponse;

TransactionDescription description_from(const WireTransaction& wire) {
  TransactionDescription description{
      .id = wire.transactional_id,
      .state = wire.transaction_state,
      .producer = ProducerId{wire.producer_id},
      .epoch = ProducerEpoch{wire.producer_epoch},
      .timeout = std::chrono::milliseconds{wire.transaction_timeout_ms},
      .started = {},
      .partitions = {}};
  if (wire.transaction_start_time_ms >= 0)
    description.started = Timestamp{wire.transaction_start_time_ms};
  for (const auto& topic : wire.topics)
    for (const auto index : topic.partitions)
      description.partitions.push_back({topic.topic, PartitionIndex{index}});
  return description;
}

std::vector<ProducerAtPartition> producers_from(const WireProducer& wire) {
  std::vector<ProducerAtPartition> producers;
  for (const auto& each : wire.active_producers) {
    ProducerAtPartition producer{.producer = ProducerId{each.producer_id},
                                 .epoch = each.producer_epoch,
                                 .coordinator_epoch = each.coordinator_epoch,
                                 .last_written = {},
                                 .transaction_start = {}};
    if (each.last_timestamp >= 0) producer.last_written = Timestamp{each.last_timestamp};
    if (each.current_txn_start_offset >= 0)
      producer.transaction_start = Offset{each.current_txn_start_offset};
    producers.push_back(producer);
  }
  return producers;
}

std::string name_of(const TopicPartition& partition) {
  return fmt::format("{}-{}", partition.topic, partition.partition.value);
}

}  // namespace

net::Awaitable<Outcome<std::vector<TransactionListing>>> Admin::list_transactions(
    Instant deadline) {
  std::vector<std::string> none;
  const auto refreshed = co_await client_.refresh_metadata(std::move(none), deadline);
  if (!refreshed) co_return refreshed.error();
  std::vector<BrokerId> brokers;  // each knows only those it coordinates
  for (const auto& [id, broker] : client_.metadata().brokers()) brokers.push_back(id);
  std::vector<TransactionListing> listing;
  for (const auto broker : brokers) {
    protocol::ListTransactionsRequest request;
    const auto response = co_await client_.call_broker(broker, std::move(request), deadline);
    if (!response) co_return response.error();
    if (response->error_code != ErrorCode::none) {
      co_return rejected(response->error_code,
                         fmt::format("listing the transactions of broker {}", broker.value));
    }
    for (const auto& each : response->transaction_states) {
      listing.push_back({.id = each.transactional_id,
                         .state = each.transaction_state,
                         .producer = ProducerId{each.producer_id},
                         .coordinator = broker});
    }
  }
  std::ranges::sort(listing, {}, &TransactionListing::id);
  co_return listing;
}

net::Awaitable<Outcome<PerItem<std::string, TransactionDescription>>> Admin::describe_transactions(
    std::vector<std::string> ids, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::DescribeTransactionsResponse& response) {
    return response.transaction_states.empty() ? ErrorCode::none
                                               : response.transaction_states.front().error_code;
  };
  PerItem<std::string, TransactionDescription> results;
  for (const auto& id : ids) {
    protocol::DescribeTransactionsRequest request{.transactional_ids = {id}};
    const auto response = co_await client_.call_coordinator(CoordinatorType::transaction, id,
                                                            std::move(request), deadline, kErrorOf);
    const auto where = fmt::format("describing the transactions of {}", id);
    if (!response) {
      results.emplace_back(id, response.error());
    } else if (response->transaction_states.empty()) {
      results.emplace_back(id, malformed("the answer leaves the transactional id out", where));
    } else if (const auto code = kErrorOf(*response); code != ErrorCode::none) {
      results.emplace_back(id, rejected(code, where));
    } else {
      results.emplace_back(id, description_from(response->transaction_states.front()));
    }
  }
  co_return results;
}

net::Awaitable<Outcome<std::vector<ProducerAtPartition>>> Admin::describe_producers(
    TopicPartition partition, Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::DescribeProducersResponse& response) {
    const bool whole = !response.topics.empty() && !response.topics.front().partitions.empty();
    return whole ? response.topics.front().partitions.front().error_code : ErrorCode::none;
  };
  protocol::DescribeProducersRequest request;
  request.topics.push_back({partition.topic, {partition.partition.value}});
  const auto response =
      co_await client_.call_leader(partition, std::move(request), deadline, kErrorOf);
  const auto where = fmt::format("describing the producers of {}", name_of(partition));
  if (!response) co_return response.error();
  if (const auto code = kErrorOf(*response); code != ErrorCode::none)
    co_return rejected(code, where);
  if (response->topics.empty() || response->topics.front().partitions.empty())
    co_return malformed("the answer leaves the partition out", where);
  co_return producers_from(response->topics.front().partitions.front());
}

net::Awaitable<Outcome<std::vector<HangingTransaction>>> Admin::hanging_transactions(
    std::vector<TopicPartition> partitions, Instant deadline) {
  std::vector<HangingTransaction> open;
  for (const auto& partition : partitions) {
    const auto producers = co_await describe_producers(partition, deadline);
    if (!producers) co_return producers.error();
    for (const auto& producer : *producers)
      if (producer.transaction_start) open.push_back({partition, producer});
  }
  if (open.empty()) co_return open;
  // Only now: what is open at a partition was known to its coordinator before.
  const auto known = co_await list_transactions(deadline);
  if (!known) co_return known.error();
  std::vector<std::string> ids;
  for (const auto& listed : *known) {
    const bool may_be_its = std::ranges::any_of(
        open, [&](const auto& each) { return each.producer.producer == listed.producer; });
    if (may_be_its) ids.push_back(listed.id);
  }
  const auto described = co_await describe_transactions(std::move(ids), deadline);
  if (!described) co_return described.error();
  std::set<std::pair<ProducerId, TopicPartition>> looked_after;
  for (const auto& [id, description] : *described) {
    if (!description) co_return description.error();
    for (const auto& partition : description->partitions)
      looked_after.emplace(description->producer, partition);
  }
  std::erase_if(open, [&](const auto& each) {
    return looked_after.contains({each.producer.producer, each.partition});
  });
  co_return open;
}

net::Awaitable<Outcome<void>> Admin::abort_transaction(HangingTransaction transaction,
                                                       Instant deadline) {
  constexpr auto kErrorOf = [](const protocol::WriteTxnMarkersResponse& response) {
    const bool whole = !response.markers.empty() && !response.markers.front().topics.empty() &&
                       !response.markers.front().topics.front().partitions.empty();
    return whole ? response.markers.front().topics.front().partitions.front().error_code
                 : ErrorCode::unknown_server_error;
  };
  const auto& [partition, producer] = transaction;
  protocol::WriteTxnMarkersRequest request;
  auto& marker = request.markers.emplace_back();
  marker.producer_id = producer.producer.value;
  marker.producer_epoch = static_cast<std::int16_t>(producer.epoch);
  marker.transaction_result = false;
  marker.coordinator_epoch = std::max(producer.coordinator_epoch, 0);
  marker.topics.push_back({partition.topic, {partition.partition.value}});
  const auto response =
      co_await client_.call_leader(partition, std::move(request), deadline, kErrorOf);
  if (!response) co_return response.error();
  if (const auto code = kErrorOf(*response); code != ErrorCode::none) {
    co_return rejected(code, fmt::format("aborting the transaction of producer {} at {}",
                                         producer.producer.value, name_of(partition)));
  }
  co_return Outcome<void>{};
}

}  // namespace millrace::clients
