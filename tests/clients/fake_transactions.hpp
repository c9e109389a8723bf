#pragma once

#include "tests/clients/fake_broker.hpp"

/// What the fake brokers do for transactions; a part of `fake_broker.hpp`.
namespace millrace::clients::test {

inline std::string name_of(const TopicPartition& at) {
  return at.topic + "-" + std::to_string(at.partition.value);
}

/// Whether this broker may answer for the transactional id at all.
inline protocol::ErrorCode FakeBroker::coordinated(protocol::ErrorCode code,
                                                   std::int16_t epoch) const {
  const auto& now = cluster_.transactions;
  if (code != protocol::ErrorCode::none) return code;
  if (now.coordinator && *now.coordinator != id_) return protocol::ErrorCode::not_coordinator;
  return epoch == now.epoch ? protocol::ErrorCode::none : protocol::ErrorCode::producer_fenced;
}

inline protocol::ErrorCode FakeBroker::admit_batch(const TopicPartition& at, std::int16_t epoch,
                                                   bool adds) {
  auto& now = cluster_.transactions;
  if (epoch != now.epoch) return protocol::ErrorCode::invalid_producer_epoch;
  if (!adds && !now.partitions.contains(at)) return protocol::ErrorCode::invalid_txn_state;
  now.open = true;
  now.partitions.insert(at);
  now.story.push_back("batch " + name_of(at));
  return protocol::ErrorCode::none;
}

inline protocol::InitProducerIdResponse FakeBroker::init_transactional(
    const protocol::InitProducerIdRequest& request, protocol::ErrorCode code) {
  auto& now = cluster_.transactions;
  const bool named = request.producer_id >= 0;
  code = coordinated(code, named ? request.producer_epoch : now.epoch);
  if (code != protocol::ErrorCode::none) return {.error_code = code, .producer_epoch = -1};
  ++now.epoch;
  now.story.emplace_back(named ? "next epoch" : "init");
  return {.producer_id = 9, .producer_epoch = now.epoch};
}

inline protocol::AddPartitionsToTxnResponse FakeBroker::add_partitions(
    const protocol::AddPartitionsToTxnRequest& request) {
  auto& now = cluster_.transactions;
  const auto code = coordinated(cluster_.next_error(protocol::ApiKey::add_partitions_to_txn),
                                request.v3_and_below_producer_epoch);
  protocol::AddPartitionsToTxnResponse response;
  bool first = true;
  for (const auto& topic : request.v3_and_below_topics) {
    auto& result = response.results_by_topic_v3_and_below.emplace_back();
    result.name = topic.name;
    for (const auto index : topic.partitions) {
      // As brokers do: what is wrong with one keeps the others from being tried.
      const bool aside = code == protocol::ErrorCode::topic_authorization_failed && !first;
      result.results_by_partition.push_back(
          {index, aside ? protocol::ErrorCode::operation_not_attempted : code});
      first = false;
      if (code != protocol::ErrorCode::none) continue;
      const TopicPartition at{topic.name, PartitionIndex{index}};
      now.open = true;
      now.partitions.insert(at);
      now.story.push_back("add " + name_of(at));
    }
  }
  return response;
}

inline protocol::AddOffsetsToTxnResponse FakeBroker::add_group(
    const protocol::AddOffsetsToTxnRequest& request) {
  auto& now = cluster_.transactions;
  const auto code = coordinated(cluster_.next_error(protocol::ApiKey::add_offsets_to_txn),
                                request.producer_epoch);
  if (code == protocol::ErrorCode::none) {
    now.open = true;
    now.groups.insert(request.group_id);
    now.story.push_back("add group " + request.group_id);
  }
  return {.error_code = code};
}

inline protocol::TxnOffsetCommitResponse FakeBroker::keep_offsets(
    const protocol::TxnOffsetCommitRequest& request, std::int16_t version) {
  auto& now = cluster_.transactions;
  auto code =
      coordinated(cluster_.next_error(protocol::ApiKey::txn_offset_commit), request.producer_epoch);
  if (code == protocol::ErrorCode::none && version >= 5) {
    now.open = true;
    now.groups.insert(request.group_id);
  }
  if (code == protocol::ErrorCode::none && !now.groups.contains(request.group_id))
    code = protocol::ErrorCode::invalid_txn_state;
  protocol::TxnOffsetCommitResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.topics.emplace_back();
    result.name = topic.name;
    for (const auto& partition : topic.partitions) {
      result.partitions.push_back({partition.partition_index, code});
      if (code != protocol::ErrorCode::none) continue;
      const TopicPartition at{topic.name, PartitionIndex{partition.partition_index}};
      now.offsets[at] = partition.committed_offset;
      now.story.push_back("offset " + std::to_string(partition.committed_offset));
    }
  }
  return response;
}

inline protocol::EndTxnResponse FakeBroker::end(const protocol::EndTxnRequest& request,
                                                std::int16_t version) {
  auto& now = cluster_.transactions;
  const bool v2 = version >= 5;
  const bool repeated = !now.open && now.last_end == request.committed &&
                        request.producer_epoch == (v2 ? now.epoch - 1 : now.epoch);
  auto code = cluster_.next_error(protocol::ApiKey::end_txn);
  code = coordinated(code, repeated ? now.epoch : request.producer_epoch);
  if (code == protocol::ErrorCode::none && !repeated && !now.open && (request.committed || !v2))
    code = protocol::ErrorCode::invalid_txn_state;
  if (code != protocol::ErrorCode::none) return {.error_code = code};
  if (!repeated) {
    now.story.emplace_back(request.committed ? "commit" : "abort");
    if (request.committed)
      for (const auto& [at, offset] : now.offsets) cluster_.committed[at] = offset;
    now.open = false;
    now.last_end = request.committed;
    now.partitions.clear();
    now.groups.clear();
    now.offsets.clear();
    if (v2) ++now.epoch;
  }
  if (!v2) return {};
  return {.producer_id = 9, .producer_epoch = now.epoch};
}

}  // namespace millrace::clients::test
