#pragma once

#include "broker/handlers/handler.hpp"
#include "protocol/messages/all.hpp"

/// The APIs that a broker serves, each with its versions. `X::handle` is in the file named after
/// the API, or after the family it belongs to. To add one: declare it here, define `handle`, and
/// put it into the list in handler.cpp.
namespace millrace::broker {

/// The usual shape: `kVersions` are those that both the messages and the semantics here cover.
#define MILLRACE_HANDLER(Name, first, last)                                           \
  struct Name {                                                                       \
    using Request = protocol::Name##Request;                                          \
    using Response = protocol::Name##Response;                                        \
    static constexpr protocol::VersionRange kVersions{first, last};                   \
    static net::Awaitable<Response> handle(Request request, RequestContext& context); \
  }

MILLRACE_HANDLER(Fetch, 4, 18);
MILLRACE_HANDLER(ListOffsets, 1, 11);
MILLRACE_HANDLER(Metadata, 0, 13);
MILLRACE_HANDLER(OffsetCommit, 2, 10);
MILLRACE_HANDLER(OffsetFetch, 1, 10);
MILLRACE_HANDLER(FindCoordinator, 0, 6);
MILLRACE_HANDLER(JoinGroup, 0, 9);
MILLRACE_HANDLER(Heartbeat, 0, 4);
MILLRACE_HANDLER(LeaveGroup, 0, 5);
MILLRACE_HANDLER(SyncGroup, 0, 5);
MILLRACE_HANDLER(DescribeGroups, 0, 6);
MILLRACE_HANDLER(ListGroups, 0, 5);
MILLRACE_HANDLER(ApiVersions, 0, 4);
MILLRACE_HANDLER(CreateTopics, 2, 7);
MILLRACE_HANDLER(DeleteTopics, 1, 6);
MILLRACE_HANDLER(DeleteRecords, 0, 2);
MILLRACE_HANDLER(InitProducerId, 0, 5);
MILLRACE_HANDLER(OffsetForLeaderEpoch, 2, 4);
MILLRACE_HANDLER(AddPartitionsToTxn, 0, 5);
MILLRACE_HANDLER(AddOffsetsToTxn, 0, 4);
MILLRACE_HANDLER(EndTxn, 0, 5);
MILLRACE_HANDLER(WriteTxnMarkers, 1, 2);
MILLRACE_HANDLER(TxnOffsetCommit, 0, 5);
MILLRACE_HANDLER(AlterConfigs, 0, 2);
MILLRACE_HANDLER(ElectLeaders, 0, 2);
MILLRACE_HANDLER(AlterPartitionReassignments, 0, 1);
MILLRACE_HANDLER(ListPartitionReassignments, 0, 0);
MILLRACE_HANDLER(UnregisterBroker, 0, 0);
MILLRACE_HANDLER(DescribeConfigs, 1, 4);
MILLRACE_HANDLER(DescribeLogDirs, 0, 5);
MILLRACE_HANDLER(CreatePartitions, 0, 3);
MILLRACE_HANDLER(DeleteGroups, 0, 2);
MILLRACE_HANDLER(IncrementalAlterConfigs, 0, 1);
MILLRACE_HANDLER(OffsetDelete, 0, 0);
MILLRACE_HANDLER(DescribeCluster, 0, 2);
MILLRACE_HANDLER(DescribeProducers, 0, 0);
MILLRACE_HANDLER(DescribeTransactions, 0, 0);
MILLRACE_HANDLER(ListTransactions, 0, 1);
MILLRACE_HANDLER(ConsumerGroupHeartbeat, 0, 1);
MILLRACE_HANDLER(ConsumerGroupDescribe, 0, 1);
MILLRACE_HANDLER(DescribeTopicPartitions, 0, 0);
/// Of other nodes, so it is not announced.
MILLRACE_HANDLER(Peer, 0, 0);

#undef MILLRACE_HANDLER

/// Produce is begun by the session itself (produce.hpp), so that the next request is read while its
/// records are on their way to the disk. Versions 0 to 2 are announced, because older librdkafka
/// compresses only when it sees them, and refused, as Kafka 4 does.
inline constexpr protocol::VersionRange kProduceAnnounced{0, 13};
inline constexpr protocol::VersionRange kProduceServed{3, 13};

}  // namespace millrace::broker
