#include <fmt/format.h>

#include "protocol/record/builder.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

/// Requests of transactions that are over.
namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using clients::BrokerConnection;
using protocol::ErrorCode;

constexpr int kRecords = 50;  // more than any batch has, so it is never taken for one that is there

SharedBytes ghost_batch(clients::ProducerIdentity producer) {
  protocol::BatchBuilder batch{{.transactional = true}};
  for (int i = 0; i < kRecords; ++i) batch.add(Timestamp{1}, std::nullopt, as_bytes("ghost"));
  batch.set_producer(protocol::BatchBuilder::Producer{
      .id = producer.id, .epoch = producer.epoch, .base_sequence = Sequence{0}});
  return SharedBytes::from(*batch.build());
}

}  // namespace

void Ghosts::granted(const char* what) {
  stage_.add(Failed{"haunted", fmt::format("a {} of a transaction of '{}' that is over was granted",
                                           what, transactional_id(plan_))});
}

net::Awaitable<void> Ghosts::haunt() {
  const auto what = static_cast<What>(stage_.world.rng().below(4));
  auto candidates = past_.size();
  // Where the marker of the last transaction has not come yet, what belongs to it is still taken
  // in, as Kafka does; once another has ended, all markers have come.
  if (what == What::offsets && candidates > 0) --candidates;
  if (candidates == 0) co_return;
  const Past past = past_[stage_.world.rng().below(candidates)];
  auto opened = co_await BrokerConnection::open(here_, {"broker", 9092}, {}, stage_.in(1s));
  if (!opened) co_return;
  co_await haunt_as(past, what, *opened);
  co_await (*opened)->stop();
}

net::Awaitable<void> Ghosts::haunt_as(Past past, What what,
                                      std::shared_ptr<BrokerConnection> through) {
  Rng& rng = stage_.world.rng();
  const auto id = transactional_id(plan_);
  const auto all = ledger_partitions();
  const auto& at = all[rng.below(all.size())];
  const Instant deadline = stage_.in(500ms);
  switch (what) {
    case What::end: {
      // The same end as then is answered as then; it must change nothing.
      const bool commit = rng.chance(1, 4) ? !past.committed : past.committed;
      protocol::EndTxnRequest request{.transactional_id = id,
                                      .producer_id = past.producer.id.value,
                                      .producer_epoch = past.producer.epoch.value,
                                      .committed = commit};
      const auto answer = co_await through->call(std::move(request), deadline);
      if (answer && answer->error_code == ErrorCode::none && commit != past.committed)
        granted("contrary EndTxn");
      break;
    }
    case What::partitions: {
      protocol::AddPartitionsToTxnRequest request{
          .v3_and_below_transactional_id = id,
          .v3_and_below_producer_id = past.producer.id.value,
          .v3_and_below_producer_epoch = past.producer.epoch.value};
      request.v3_and_below_topics.push_back({at.topic, {at.partition.value}});
      const auto answer = co_await through->call(std::move(request), deadline);
      if (!answer) break;
      const auto& topics = answer->results_by_topic_v3_and_below;
      if (topics.at(0).results_by_partition.at(0).partition_error_code == ErrorCode::none)
        granted("AddPartitionsToTxn");
      break;
    }
    case What::offsets: {
      protocol::TxnOffsetCommitRequest request{.transactional_id = id,
                                               .group_id = ledger_group(plan_),
                                               .producer_id = past.producer.id.value,
                                               .producer_epoch = past.producer.epoch.value};
      auto& topic = request.topics.emplace_back();
      topic.name = at.topic;
      topic.partitions.push_back(
          {.partition_index = at.partition.value, .committed_offset = ++stage_.offsets_offered});
      const auto answer = co_await through->call(std::move(request), deadline);
      if (answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none)
        granted("TxnOffsetCommit");
      break;
    }
    case What::records: {
      protocol::ProduceRequest request{.transactional_id = id, .acks = -1, .timeout_ms = 500};
      auto& topic = request.topic_data.emplace_back();
      topic.name = at.topic;
      topic.partition_data.push_back(
          {.index = at.partition.value, .records = ghost_batch(past.producer)});
      const auto answer = co_await through->call(std::move(request), deadline);
      if (answer && answer->responses.at(0).partition_responses.at(0).error_code == ErrorCode::none)
        granted("Produce");
      break;
    }
  }
}

}  // namespace millrace::sim
