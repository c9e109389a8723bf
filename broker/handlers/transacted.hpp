#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/ask.hpp"
#include "broker/shard.hpp"
#include "broker/transaction_service.hpp"

/// How the coordinator of a transactional id is reached from any shard.
namespace millrace::broker {

/// Where a transactional id lives.
struct TransactionHome {
  Shard* shard = nullptr;
  PartitionIndex partition;
};

/// Nothing while `__transaction_state` does not exist, because nobody has looked for a coordinator
/// yet.
std::optional<TransactionHome> home_of_transaction(const Shard& from,
                                                   std::string_view transactional_id);

/// One operation of a coordinator, which may want a producer id that nobody had before.
using TransactionOperation = std::function<TransactionOutput(
    TransactionCoordinator&, std::optional<ProducerId>, ReplyToken, const Moment&)>;

/// Runs `operation` where the id lives and brings its reply to `home`.
net::Awaitable<TransactionReply> transact(Shard& home, std::string transactional_id,
                                          TransactionOperation operation);

/// May the producer write to `partition` in its transaction? In version 2 that adds the partition,
/// in version 1 it must have been added. Errors are those of the coordinator.
net::Awaitable<protocol::ErrorCode> admit_to_transaction(Shard& home, std::string transactional_id,
                                                         ProducerIdentity producer,
                                                         TopicPartition partition,
                                                         TransactionVersion version);

/// A question that changes nothing: `question(coordinator)` is the answer, or `refuse(error)`.
template <class T, class Question, class Refuse>
net::Awaitable<T> consult_transactions(Shard& home, std::string_view transactional_id,
                                       Question question, Refuse refuse) {
  const auto place = home_of_transaction(home, transactional_id);
  if (!place) co_return refuse(protocol::ErrorCode::coordinator_not_available);
  auto work = [place = *place, question = std::move(question), refuse](Answer<T> answer) mutable {
    TransactionService& service = place.shard->transactions();
    const auto error = service.available(place.partition);
    answer(error == protocol::ErrorCode::none ? question(service.look(place.partition))
                                              : refuse(error));
  };
  auto asked = ask<T>(home, *place->shard, std::move(work));
  co_return co_await std::move(asked);
}

}  // namespace millrace::broker
