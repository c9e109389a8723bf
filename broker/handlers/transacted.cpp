#include "broker/handlers/transacted.hpp"

#include "broker/group/partitioner.hpp"
#include "broker/metadata_service.hpp"
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

net::Awaitable<ErrorCode> admit_to_transaction(Shard& home, std::string transactional_id,
                                               ProducerIdentity producer, TopicPartition partition,
                                               TransactionVersion version) {
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
