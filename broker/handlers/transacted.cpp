#include "broker/handlers/transacted.hpp"

#include "broker/group/partitioner.hpp"
#include "broker/metadata_service.hpp"
#include "protocol/messages/add_partitions_to_txn.hpp"
#include "replication/controller/topic_names.hpp"

namespace millrace::broker {

using protocol::ErrorCode;

std::optional<TransactionHome> home_of_transaction(const Shard& from,
                                                   std::string_view transactional_id) {
  const auto topic = from.image()->topic(replication::kTransactionTopic);
  if (!topic) return std::nullopt;
  const PartitionIndex partition{
      partition_for_group(transactional_id, static_cast<std::int32_t>(topic->partitions.size()))};
  return TransactionHome{&from.node().owner_of(topic->id, partition), partition};
}

net::Awaitable<TransactionReply> transact(Shard& home, std::string transactional_id,
                                          TransactionOperation operation) {
  std::optional<ProducerId> fresh;
  for (;;) {
    const auto place = home_of_transaction(home, transactional_id);
    if (!place)
      co_return TransactionReply{.error = ErrorCode::coordinator_not_available, .producer = {}};
    auto work = [place = *place, operation, fresh](Answer<TransactionReply> answer) {
      TransactionService& service = place.shard->transactions();
      const auto error = service.available(place.partition);
      if (error != ErrorCode::none) return answer({.error = error, .producer = {}});
      service.run(
          place.partition,
          [&](TransactionCoordinator& core, ReplyToken token, const Moment& at) {
            return operation(core, fresh, token, at);
          },
          [answer = std::move(answer)](const TransactionReply& reply) mutable { answer(reply); });
    };
    auto asked = ask<TransactionReply>(home, *place->shard, std::move(work));
    const auto reply = co_await std::move(asked);
    if (!reply.needs_producer_id) co_return reply;
    fresh = co_await home.node().metadata->next_producer_id(home);
    if (!fresh)
      co_return TransactionReply{.error = ErrorCode::coordinator_not_available, .producer = {}};
  }
}

namespace {

constexpr auto kAdmissionTimeout = std::chrono::seconds{10};
/// The versions in which brokers ask for several transactions, or only whether.
constexpr protocol::VersionRange kBetweenBrokers{4, 5};

/// Which other broker has the coordinator; nothing when it is this one, or nobody.
std::optional<BrokerId> coordinator_elsewhere(const Shard& home, std::string_view id) {
  const auto place = home_of_transaction(home, id);
  if (!place) return std::nullopt;
  const auto topic = home.image()->topic(replication::kTransactionTopic);
  const auto leader = topic->partition(place->partition)->leader;
  return leader == home.node().settings.node_id ? std::nullopt : leader;
}

net::Awaitable<ErrorCode> ask_elsewhere(Shard& home, BrokerId coordinator, AddPartitions what) {
  protocol::AddPartitionsToTxnRequest request;
  auto& asked = request.transactions.emplace_back();
  asked.transactional_id = what.transactional_id;
  asked.producer_id = what.producer.id.value;
  asked.producer_epoch = what.producer.epoch.value;
  asked.verify_only = what.version == TransactionVersion::v1;
  for (const auto& partition : what.partitions)
    asked.topics.push_back({partition.topic, {partition.partition.value}});
  auto calling = home.peers().call(coordinator, std::move(request), home.now() + kAdmissionTimeout,
                                   PeerLane::transactions, 0, kBetweenBrokers);
  const auto response = co_await std::move(calling);
  if (!response) co_return ErrorCode::coordinator_not_available;
  if (response->error_code != ErrorCode::none) co_return response->error_code;
  for (const auto& each : response->results_by_transaction)
    for (const auto& topic : each.topic_results)
      for (const auto& one : topic.results_by_partition) co_return one.partition_error_code;
  co_return ErrorCode::unknown_server_error;
}

}  // namespace

net::Awaitable<ErrorCode> admit_to_transaction(Shard& home, std::string transactional_id,
                                               ProducerIdentity producer, TopicPartition partition,
                                               TransactionVersion version) {
  if (const auto elsewhere = coordinator_elsewhere(home, transactional_id)) {
    AddPartitions what{std::move(transactional_id), producer, {std::move(partition)}, version};
    auto asking = ask_elsewhere(home, *elsewhere, std::move(what));
    co_return co_await std::move(asking);
  }
  if (version == TransactionVersion::v1) {
    auto question = [transactional_id, producer, partition](const TransactionCoordinator& core) {
      return core.verify(transactional_id, producer, partition);
    };
    auto refuse = [](ErrorCode error) { return error; };
    auto consulted =
        consult_transactions<ErrorCode>(home, transactional_id, std::move(question), refuse);
    co_return co_await std::move(consulted);
  }
  AddPartitions request{transactional_id, producer, {std::move(partition)}, version};
  auto operation = [request = std::move(request)](
                       TransactionCoordinator& core, std::optional<ProducerId>, ReplyToken token,
                       const Moment& at) { return core.add_partitions(request, token, at); };
  auto adding = transact(home, transactional_id, std::move(operation));
  const auto reply = co_await std::move(adding);
  co_return reply.error;
}

}  // namespace millrace::broker
