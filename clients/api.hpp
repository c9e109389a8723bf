#pragma once

#include <algorithm>

#include "protocol/messages/all.hpp"

namespace millrace::clients {

/// The answer that belongs to a request.
template <class Request>
struct ApiOf;

#define MILLRACE_CLIENT_API(Name)              \
  template <>                                  \
  struct ApiOf<protocol::Name##Request> {      \
    using Response = protocol::Name##Response; \
  }
MILLRACE_CLIENT_API(Produce);
MILLRACE_CLIENT_API(Fetch);
MILLRACE_CLIENT_API(ListOffsets);
MILLRACE_CLIENT_API(Metadata);
MILLRACE_CLIENT_API(OffsetCommit);
MILLRACE_CLIENT_API(OffsetFetch);
MILLRACE_CLIENT_API(FindCoordinator);
MILLRACE_CLIENT_API(JoinGroup);
MILLRACE_CLIENT_API(Heartbeat);
MILLRACE_CLIENT_API(LeaveGroup);
MILLRACE_CLIENT_API(SyncGroup);
MILLRACE_CLIENT_API(DescribeGroups);
MILLRACE_CLIENT_API(ListGroups);
MILLRACE_CLIENT_API(ApiVersions);
MILLRACE_CLIENT_API(CreateTopics);
MILLRACE_CLIENT_API(DeleteTopics);
MILLRACE_CLIENT_API(DeleteRecords);
MILLRACE_CLIENT_API(InitProducerId);
MILLRACE_CLIENT_API(AddPartitionsToTxn);
MILLRACE_CLIENT_API(AddOffsetsToTxn);
MILLRACE_CLIENT_API(EndTxn);
MILLRACE_CLIENT_API(TxnOffsetCommit);
MILLRACE_CLIENT_API(OffsetForLeaderEpoch);
MILLRACE_CLIENT_API(DescribeConfigs);
MILLRACE_CLIENT_API(DescribeLogDirs);
MILLRACE_CLIENT_API(CreatePartitions);
MILLRACE_CLIENT_API(DeleteGroups);
MILLRACE_CLIENT_API(OffsetDelete);
MILLRACE_CLIENT_API(ConsumerGroupDescribe);
MILLRACE_CLIENT_API(IncrementalAlterConfigs);
MILLRACE_CLIENT_API(AlterConfigs);
MILLRACE_CLIENT_API(ElectLeaders);
MILLRACE_CLIENT_API(AlterPartitionReassignments);
MILLRACE_CLIENT_API(ListPartitionReassignments);
MILLRACE_CLIENT_API(UnregisterBroker);
MILLRACE_CLIENT_API(DescribeCluster);
MILLRACE_CLIENT_API(WriteTxnMarkers);
MILLRACE_CLIENT_API(DescribeProducers);
MILLRACE_CLIENT_API(DescribeTransactions);
MILLRACE_CLIENT_API(ListTransactions);
MILLRACE_CLIENT_API(DescribeTopicPartitions);
MILLRACE_CLIENT_API(ConsumerGroupHeartbeat);
MILLRACE_CLIENT_API(Peer);
#undef MILLRACE_CLIENT_API

template <class Request>
using ResponseOf = typename ApiOf<Request>::Response;

/// The versions that this client asks in: what the messages describe, less those versions whose
/// meaning the client does not implement. Produce below 3 and Fetch below 4 carry old formats;
/// from the upper ends on topics travel by id instead of by name.
template <class Request>
constexpr protocol::VersionRange client_versions() {
  protocol::VersionRange range = Request::kVersions;
  const auto cap = [&range](int first, int last) {
    range.first = std::max<std::int16_t>(range.first, static_cast<std::int16_t>(first));
    range.last = std::min<std::int16_t>(range.last, static_cast<std::int16_t>(last));
  };
  using protocol::ApiKey;
  switch (Request::kApiKey) {
    case ApiKey::produce:
      cap(3, 12);
      break;
    case ApiKey::fetch:
      cap(4, 12);
      break;
    case ApiKey::offset_commit:
      cap(2, 9);
      break;
    case ApiKey::offset_fetch:
      cap(1, 9);
      break;
    case ApiKey::add_partitions_to_txn:
      cap(0, 3);  // from 4 on it is what brokers ask each other
      break;
    default:
      break;
  }
  return range;
}

// The rest of the client writes and reads the newest form of a message only. Where older versions
// put the same thing elsewhere, these move it there and back; they lose nothing as long as a
// request is about one group, one coordinator key or one member.
void fit_to_version(protocol::FindCoordinatorRequest& request, std::int16_t version);
void fit_to_version(protocol::DeleteTopicsRequest& request, std::int16_t version);
void fit_to_version(protocol::OffsetFetchRequest& request, std::int16_t version);
void fit_to_version(protocol::LeaveGroupRequest& request, std::int16_t version);
/// Group id and coordinator key stay empty where older answers do not repeat them.
void lift_from_version(protocol::FindCoordinatorResponse& response, std::int16_t version);
void lift_from_version(protocol::OffsetFetchResponse& response, std::int16_t version);

}  // namespace millrace::clients
