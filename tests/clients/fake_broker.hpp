#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/frame_reader.hpp"
#include "protocol/messages/all.hpp"
#include "protocol/record/batch.hpp"
#include "protocol/wire/frame.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_scheduler.hpp"
#include "tests/support/sim_world.hpp"

namespace millrace::clients::test {

/// One transactional id and its coordinator, which knows no other.
struct FakeTransactions {
  std::int16_t feature = 2;             // transaction.version
  std::optional<BrokerId> coordinator;  // whoever is asked, without
  std::int16_t epoch = -1;
  bool open = false;
  std::optional<bool> last_end;  // committed
  std::set<TopicPartition> partitions;
  std::set<std::string> groups;
  std::map<TopicPartition, std::int64_t> offsets;  // as they wait for the end
  std::vector<std::string> story;                  // what was done, in order
};

/// The id of the topic of that name, in every pretended cluster.
inline TopicId topic_id_of(const std::string& name) {
  TopicId id;
  std::ranges::copy_n(name.begin(),
                      static_cast<std::ptrdiff_t>(std::min(name.size(), id.bytes.size())),
                      id.bytes.begin());
  return id;
}

/// What the brokers of one pretended cluster share: logs, leaders, offsets, and what a test wants
/// them to do wrong.
struct FakeCluster {
  struct Log {
    BrokerId leader{1};
    std::optional<BrokerId> near;  // the replica that consumers with a rack are sent to
    std::int32_t epoch = 0;
    std::vector<std::byte> bytes;
    std::int64_t end = 0;
    std::map<std::pair<std::int64_t, std::int16_t>, std::int32_t> next_sequence;  // by producer
    std::vector<protocol::FetchResponse::FetchableTopicResponse::PartitionData::AbortedTransaction>
        aborted;
  };
  std::map<BrokerId, net::Endpoint> brokers;
  std::map<TopicPartition, Log> logs;
  std::map<std::string, TopicId> made_anew;  // topics that were deleted and made again
  std::map<TopicPartition, std::int64_t> committed;
  std::map<protocol::ApiKey, std::deque<protocol::ErrorCode>> errors;  // for the next answers
  std::map<protocol::ApiKey, int> asked;
  std::vector<std::int32_t> sequences;  // of every batch that came, in order
  std::map<protocol::ApiKey, int>
      silent;                            // so many requests get no answer, and the connection dies
  std::map<protocol::ApiKey, int> mute;  // the same, but what they ask for is done
  std::int16_t api_versions_max = 4;
  std::int32_t generation = 0;
  std::string member;
  SharedBytes assignment;
  std::vector<std::int32_t> generations_heard;  // in heartbeats
  FakeTransactions transactions;
  std::vector<std::int32_t> generations_committed;
  // The group of the consumer protocol: what a test makes it.
  std::function<protocol::ConsumerGroupHeartbeatResponse(
      const protocol::ConsumerGroupHeartbeatRequest&)>
      consumer_group;

  protocol::ErrorCode next_error(protocol::ApiKey key) {
    auto& queue = errors[key];
    if (queue.empty()) return protocol::ErrorCode::none;
    const auto code = queue.front();
    queue.pop_front();
    return code;
  }
  TopicId id_of(const std::string& topic) const {
    const auto anew = made_anew.find(topic);
    return anew == made_anew.end() ? topic_id_of(topic) : anew->second;
  }
  /// Of the topic that has the id now; empty when there is none.
  std::string name_of(const TopicId& id) const {
    for (const auto& [at, log] : logs)
      if (id_of(at.topic) == id) return at.topic;
    return {};
  }
  void add_topic(const std::string& name, std::int32_t partitions, BrokerId leader = BrokerId{1}) {
    for (std::int32_t i = 0; i < partitions; ++i) {
      logs[{name, PartitionIndex{i}}].leader = leader;
    }
  }
  void append(const TopicPartition& at, std::vector<std::byte> batch) {
    auto& log = logs.at(at);
    protocol::patch_base_offset_and_epoch(batch, Offset{log.end}, LeaderEpoch{log.epoch});
    const auto view = protocol::parse_batch(batch);
    log.end = view->next_offset().value;
    log.bytes.insert(log.bytes.end(), batch.begin(), batch.end());
  }
};

/// A broker small enough to be obviously right, on a simulated host, answering with the real
/// messages. One request at a time per connection, as brokers do.
class FakeBroker {
 public:
  FakeBroker(sim::SimScheduler& scheduler, FakeCluster& cluster, BrokerId id, net::Endpoint at)
      : scheduler_{scheduler}, cluster_{cluster}, id_{id}, tasks_{scheduler.executor()} {
    cluster_.brokers[id] = at;
    listener_ = *scheduler.listen(at);
    tasks_.spawn(accept_loop());
  }

 private:
  net::Awaitable<void> accept_loop() {
    for (;;) {
      auto connection = co_await listener_->accept(scheduler_);
      if (!connection) co_return;
      tasks_.spawn(serve(std::move(*connection)));
    }
  }

  net::Awaitable<void> serve(std::unique_ptr<net::Connection> connection) {
    FrameReader frames{std::size_t{64} << 20};
    for (;;) {
      auto frame = frames.next();
      if (!frame) co_return;
      if (!*frame) {
        const auto room = frames.room();
        const auto count = co_await connection->read_some(room);
        if (!count) co_return;
        frames.commit(*count);
        continue;
      }
      protocol::Reader in{**frame};
      const auto header = protocol::decode_request_header(in);
      if (!header) co_return;
      if (auto& silent = cluster_.silent[header->api_key]; silent > 0) {
        --silent;
        connection->close();
        co_return;
      }
      ++cluster_.asked[header->api_key];
      if (header->api_key == protocol::ApiKey::fetch) co_await wait_for_data(in, *header);
      protocol::Reader again{**frame};
      static_cast<void>(protocol::decode_request_header(again));
      const auto answer = handle(*header, again);
      if (!answer) co_return;
      if (auto& mute = cluster_.mute[header->api_key]; mute > 0) {
        --mute;
        connection->close();
        co_return;
      }
      std::vector<Piece> pieces;
      answer->gather(pieces);
      const auto written = co_await connection->write(pieces);
      if (!written) co_return;
    }
  }

  net::Awaitable<void> wait_for_data(protocol::Reader& in, const protocol::RequestHeader& header) {
    const auto request =
        protocol::MessageCodec<protocol::FetchRequest>::decode(in, header.api_version);
    const auto until = scheduler_.clock().now() + std::chrono::milliseconds{request->max_wait_ms};
    const auto timer = scheduler_.make_timer();
    while (scheduler_.clock().now() < until) {
      for (const auto& topic : request->topics) {
        for (const auto& partition : topic.partitions) {
          const auto found = cluster_.logs.find({topic.topic, PartitionIndex{partition.partition}});
          if (found == cluster_.logs.end()) co_return;
          if (reader(found->second, request->rack_id) != id_) co_return;
          if (found->second.end != partition.fetch_offset) co_return;
        }
      }
      co_await timer->wait_until(scheduler_.clock().now() + std::chrono::milliseconds{5});
    }
  }

  template <class Request, class Handle>
  std::optional<protocol::EncodedMessage> answer(const protocol::RequestHeader& header,
                                                 protocol::Reader& in, Handle handle) {
    auto request = protocol::MessageCodec<Request>::decode(in, header.api_version);
    if (!request) return std::nullopt;
    return protocol::encode_response(header.correlation_id, header.api_version,
                                     handle(*request, header.api_version));
  }

  static BrokerId reader(const FakeCluster::Log& log, const std::string& rack) {
    return rack.empty() ? log.leader : log.near.value_or(log.leader);
  }

  std::optional<protocol::EncodedMessage> handle(const protocol::RequestHeader& header,
                                                 protocol::Reader& in);
  protocol::ApiVersionsResponse api_versions() const;
  protocol::MetadataResponse metadata(const protocol::MetadataRequest& request);
  protocol::ProduceResponse produce(const protocol::ProduceRequest& request, std::int16_t version);
  protocol::FetchResponse fetch(const protocol::FetchRequest& request);
  protocol::ListOffsetsResponse list_offsets(const protocol::ListOffsetsRequest& request);

  // Of groups; in fake_groups.hpp.
  protocol::JoinGroupResponse join(const protocol::JoinGroupRequest& request);
  protocol::OffsetCommitResponse commit(const protocol::OffsetCommitRequest& request,
                                        std::int16_t version);

  // Of transactions; in fake_transactions.hpp.
  protocol::ErrorCode coordinated(protocol::ErrorCode code, std::int16_t epoch) const;
  protocol::ErrorCode admit_batch(const TopicPartition& at, std::int16_t epoch, bool adds);
  protocol::InitProducerIdResponse init_transactional(
      const protocol::InitProducerIdRequest& request, protocol::ErrorCode code);
  protocol::AddPartitionsToTxnResponse add_partitions(
      const protocol::AddPartitionsToTxnRequest& request);
  protocol::AddOffsetsToTxnResponse add_group(const protocol::AddOffsetsToTxnRequest& request);
  protocol::TxnOffsetCommitResponse keep_offsets(const protocol::TxnOffsetCommitRequest& request,
                                                 std::int16_t version);
  protocol::EndTxnResponse end(const protocol::EndTxnRequest& request, std::int16_t version);

  sim::SimScheduler& scheduler_;
  FakeCluster& cluster_;
  BrokerId id_;
  std::unique_ptr<net::Listener> listener_;
  net::TaskGroup tasks_;
};

inline protocol::ApiVersionsResponse FakeBroker::api_versions() const {
  protocol::ApiVersionsResponse response;
  protocol::for_each_api([&]<class Api>(Api) {
    using Request = typename Api::Request;
    auto last = Request::kVersions.last;
    if (Request::kApiKey == protocol::ApiKey::api_versions) last = cluster_.api_versions_max;
    response.api_keys.push_back({.api_key = std::to_underlying(Request::kApiKey),
                                 .min_version = Request::kVersions.first,
                                 .max_version = last});
  });
  if (const auto level = cluster_.transactions.feature; level > 0) {
    response.finalized_features_epoch = 1;
    response.finalized_features.push_back({"transaction.version", level, level});
  }
  return response;
}

inline protocol::MetadataResponse FakeBroker::metadata(const protocol::MetadataRequest& request) {
  protocol::MetadataResponse response{.cluster_id = "fake", .controller_id = 1};
  for (const auto& [id, at] : cluster_.brokers) {
    response.brokers.push_back({.node_id = id.value, .host = at.host, .port = at.port});
  }
  std::map<std::string, protocol::MetadataResponse::MetadataResponseTopic> topics;
  for (const auto& [at, log] : cluster_.logs) {
    auto& topic = topics[at.topic];
    topic.name = at.topic;
    topic.topic_id = cluster_.id_of(at.topic);
    topic.partitions.push_back({.partition_index = at.partition.value,
                                .leader_id = log.leader.value,
                                .leader_epoch = log.epoch});
  }
  if (request.topics) {
    for (const auto& wanted : *request.topics) {
      const auto found = std::ranges::find_if(topics, [&](const auto& topic) {
        return wanted.name ? topic.first == *wanted.name : topic.second.topic_id == wanted.topic_id;
      });
      if (found != topics.end()) {
        response.topics.push_back(found->second);
      } else {
        response.topics.push_back(
            {.error_code = protocol::ErrorCode::unknown_topic_or_partition, .name = wanted.name});
      }
    }
  } else {
    for (const auto& [name, topic] : topics) response.topics.push_back(topic);
  }
  return response;
}

inline protocol::ProduceResponse FakeBroker::produce(const protocol::ProduceRequest& request,
                                                     std::int16_t version) {
  using protocol::ErrorCode;
  protocol::ProduceResponse response;
  for (const auto& topic : request.topic_data) {
    auto& answers = response.responses.emplace_back();
    answers.name = topic.name;
    for (const auto& part : topic.partition_data) {
      auto& answer = answers.partition_responses.emplace_back();
      answer.index = part.index;
      answer.base_offset = -1;
      const TopicPartition at{topic.name, PartitionIndex{part.index}};
      const auto bytes = part.records->view();
      const auto batch = protocol::parse_batch(bytes);
      const auto first = batch->base_sequence().value_or(Sequence{-1}).value;
      cluster_.sequences.push_back(first);
      auto code = cluster_.next_error(protocol::ApiKey::produce);
      const auto found = cluster_.logs.find(at);
      if (code == ErrorCode::none && found == cluster_.logs.end()) {
        code = ErrorCode::unknown_topic_or_partition;
      }
      if (code == ErrorCode::none && found->second.leader != id_) {
        code = ErrorCode::not_leader_or_follower;
      }
      if (code == ErrorCode::none && batch->producer_id()) {
        auto& next =
            found->second
                .next_sequence[{batch->producer_id()->value, batch->producer_epoch()->value}];
        if (first != next) {
          code = first < next ? ErrorCode::duplicate_sequence_number
                              : ErrorCode::out_of_order_sequence_number;
        } else {
          next += batch->record_count();
        }
      }
      if (code == ErrorCode::none && batch->is_transactional()) {
        code = admit_batch(at, batch->producer_epoch()->value, version >= 12);
      }
      answer.error_code = code;
      if (code != ErrorCode::none) continue;
      answer.base_offset = found->second.end;
      cluster_.append(at, {bytes.begin(), bytes.end()});
    }
  }
  return response;
}

inline protocol::FetchResponse FakeBroker::fetch(const protocol::FetchRequest& request) {
  using protocol::ErrorCode;
  protocol::FetchResponse response;
  for (const auto& topic : request.topics) {
    auto& answers = response.responses.emplace_back();
    answers.topic = topic.topic;
    for (const auto& part : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = part.partition;
      answer.error_code = cluster_.next_error(protocol::ApiKey::fetch);
      if (answer.error_code != ErrorCode::none) continue;
      auto& log = cluster_.logs.at({topic.topic, PartitionIndex{part.partition}});
      const auto to_ask = reader(log, request.rack_id);
      if (log.leader != id_ && to_ask != id_) {
        answer.error_code = ErrorCode::not_leader_or_follower;
      } else if (to_ask != id_) {
        answer.preferred_read_replica = to_ask.value;
      } else if (part.fetch_offset > log.end) {
        answer.error_code = ErrorCode::offset_out_of_range;
      } else {
        answer.high_watermark = log.end;
        answer.last_stable_offset = log.end;
        answer.aborted_transactions = log.aborted;
        std::size_t from = 0;
        for (protocol::BatchRun run{log.bytes}; const auto batch : run) {
          if (batch.next_offset().value > part.fetch_offset) break;
          from += batch.size_bytes();
        }
        answer.records = BytesChain{SharedBytes::copy_of(Bytes{log.bytes}.subspan(from))};
      }
    }
  }
  return response;
}

inline protocol::ListOffsetsResponse FakeBroker::list_offsets(
    const protocol::ListOffsetsRequest& request) {
  protocol::ListOffsetsResponse response;
  for (const auto& topic : request.topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    for (const auto& part : topic.partitions) {
      const auto& log = cluster_.logs.at({topic.name, PartitionIndex{part.partition_index}});
      answers.partitions.push_back(
          {.partition_index = part.partition_index,
           .error_code = cluster_.next_error(protocol::ApiKey::list_offsets),
           .offset = part.timestamp == -2 ? 0 : log.end});
    }
  }
  return response;
}

inline std::optional<protocol::EncodedMessage> FakeBroker::handle(
    const protocol::RequestHeader& header, protocol::Reader& in) {
  using namespace protocol;
  switch (header.api_key) {
    case ApiKey::api_versions:
      if (header.api_version > cluster_.api_versions_max) {
        auto response = api_versions();
        std::erase_if(response.api_keys, [](const auto& api) { return api.api_key != 18; });
        response.error_code = ErrorCode::unsupported_version;
        return encode_response(header.correlation_id, 0, response);
      }
      return encode_response(header.correlation_id, header.api_version, api_versions());
    case ApiKey::metadata:
      return answer<MetadataRequest>(header, in,
                                     [this](const auto& r, auto) { return metadata(r); });
    case ApiKey::produce:
      return answer<ProduceRequest>(
          header, in, [this](const auto& r, std::int16_t version) { return produce(r, version); });
    case ApiKey::fetch:
      return answer<FetchRequest>(header, in, [this](const auto& r, auto) { return fetch(r); });
    case ApiKey::list_offsets:
      return answer<ListOffsetsRequest>(header, in,
                                        [this](const auto& r, auto) { return list_offsets(r); });
    case ApiKey::init_producer_id:
      return answer<InitProducerIdRequest>(header, in, [this](const auto& r, auto) {
        const auto code = cluster_.next_error(ApiKey::init_producer_id);
        if (r.transactional_id) return init_transactional(r, code);
        return InitProducerIdResponse{.error_code = code, .producer_id = 7, .producer_epoch = 0};
      });
    case ApiKey::add_partitions_to_txn:
      return answer<AddPartitionsToTxnRequest>(
          header, in, [this](const auto& r, auto) { return add_partitions(r); });
    case ApiKey::add_offsets_to_txn:
      return answer<AddOffsetsToTxnRequest>(header, in,
                                            [this](const auto& r, auto) { return add_group(r); });
    case ApiKey::txn_offset_commit:
      return answer<TxnOffsetCommitRequest>(
          header, in,
          [this](const auto& r, std::int16_t version) { return keep_offsets(r, version); });
    case ApiKey::end_txn:
      return answer<EndTxnRequest>(
          header, in, [this](const auto& r, std::int16_t version) { return end(r, version); });
    case ApiKey::find_coordinator:
      return answer<FindCoordinatorRequest>(header, in, [this](const auto& r, auto) {
        FindCoordinatorResponse response;
        response.coordinators.push_back(
            {.key = r.coordinator_keys.front(),
             .node_id = cluster_.transactions.coordinator.value_or(id_).value,
             .error_code = cluster_.next_error(ApiKey::find_coordinator)});
        return response;
      });
    case ApiKey::join_group:
      return answer<JoinGroupRequest>(header, in, [this](const auto& r, auto) { return join(r); });
    case ApiKey::sync_group:
      return answer<SyncGroupRequest>(header, in, [this](const auto& r, auto) {
        SyncGroupResponse response{.error_code = cluster_.next_error(ApiKey::sync_group)};
        if (!r.assignments.empty()) response.assignment = r.assignments.front().assignment;
        return response;
      });
    case ApiKey::heartbeat:
      return answer<HeartbeatRequest>(header, in, [this](const auto& r, auto) {
        cluster_.generations_heard.push_back(r.generation_id);
        return HeartbeatResponse{.error_code = cluster_.next_error(ApiKey::heartbeat)};
      });
    case ApiKey::consumer_group_heartbeat:
      return answer<ConsumerGroupHeartbeatRequest>(header, in, [this](const auto& r, auto) {
        const auto code = cluster_.next_error(ApiKey::consumer_group_heartbeat);
        if (code == ErrorCode::none) return cluster_.consumer_group(r);
        return ConsumerGroupHeartbeatResponse{.error_code = code};
      });
    case ApiKey::leave_group:
      return answer<LeaveGroupRequest>(header, in,
                                       [](const auto&, auto) { return LeaveGroupResponse{}; });
    case ApiKey::offset_commit:
      return answer<OffsetCommitRequest>(
          header, in, [this](const auto& r, std::int16_t version) { return commit(r, version); });
    case ApiKey::offset_fetch:
      return answer<OffsetFetchRequest>(header, in, [this](const auto& r, auto) {
        OffsetFetchResponse response;
        auto& group = response.groups.emplace_back();
        group.group_id = r.groups.front().group_id;
        group.error_code = cluster_.next_error(ApiKey::offset_fetch);
        for (const auto& [at, offset] : cluster_.committed) {
          auto& topic = group.topics.emplace_back();
          topic.name = at.topic;
          topic.partitions.push_back(
              {.partition_index = at.partition.value, .committed_offset = offset});
        }
        return response;
      });
    default:
      return std::nullopt;
  }
}

}  // namespace millrace::clients::test

#include "tests/clients/fake_groups.hpp"
#include "tests/clients/fake_transactions.hpp"
