#pragma once

#include "protocol/messages/add_offsets_to_txn.hpp"
#include "protocol/messages/add_partitions_to_txn.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/alter_partition_reassignments.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/delete_records.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/describe_configs.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/describe_log_dirs.hpp"
#include "protocol/messages/describe_producers.hpp"
#include "protocol/messages/describe_topic_partitions.hpp"
#include "protocol/messages/describe_transactions.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "protocol/messages/end_txn.hpp"
#include "protocol/messages/fetch.hpp"
#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/init_producer_id.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/list_offsets.hpp"
#include "protocol/messages/list_partition_reassignments.hpp"
#include "protocol/messages/list_transactions.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "protocol/messages/offset_for_leader_epoch.hpp"
#include "protocol/messages/peer.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/messages/sync_group.hpp"
#include "protocol/messages/txn_offset_commit.hpp"
#include "protocol/messages/unregister_broker.hpp"
#include "protocol/messages/write_txn_markers.hpp"

namespace millrace::protocol {

/// The two messages of an API, as a value without state.
template <class Req, class Resp>
struct ApiMessages {
  using Request = Req;
  using Response = Resp;
};

/// Calls `visit` with `ApiMessages<Request, Response>{}` for every API this build has, by key.
template <class Visit>
constexpr void for_each_api(Visit&& visit) {
  visit(ApiMessages<ProduceRequest, ProduceResponse>{});
  visit(ApiMessages<FetchRequest, FetchResponse>{});
  visit(ApiMessages<ListOffsetsRequest, ListOffsetsResponse>{});
  visit(ApiMessages<MetadataRequest, MetadataResponse>{});
  visit(ApiMessages<OffsetCommitRequest, OffsetCommitResponse>{});
  visit(ApiMessages<OffsetFetchRequest, OffsetFetchResponse>{});
  visit(ApiMessages<FindCoordinatorRequest, FindCoordinatorResponse>{});
  visit(ApiMessages<JoinGroupRequest, JoinGroupResponse>{});
  visit(ApiMessages<HeartbeatRequest, HeartbeatResponse>{});
  visit(ApiMessages<LeaveGroupRequest, LeaveGroupResponse>{});
  visit(ApiMessages<SyncGroupRequest, SyncGroupResponse>{});
  visit(ApiMessages<DescribeGroupsRequest, DescribeGroupsResponse>{});
  visit(ApiMessages<ListGroupsRequest, ListGroupsResponse>{});
  visit(ApiMessages<ApiVersionsRequest, ApiVersionsResponse>{});
  visit(ApiMessages<CreateTopicsRequest, CreateTopicsResponse>{});
  visit(ApiMessages<DeleteTopicsRequest, DeleteTopicsResponse>{});
  visit(ApiMessages<DeleteRecordsRequest, DeleteRecordsResponse>{});
  visit(ApiMessages<InitProducerIdRequest, InitProducerIdResponse>{});
  visit(ApiMessages<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>{});
  visit(ApiMessages<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>{});
  visit(ApiMessages<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>{});
  visit(ApiMessages<EndTxnRequest, EndTxnResponse>{});
  visit(ApiMessages<WriteTxnMarkersRequest, WriteTxnMarkersResponse>{});
  visit(ApiMessages<TxnOffsetCommitRequest, TxnOffsetCommitResponse>{});
  visit(ApiMessages<DescribeConfigsRequest, DescribeConfigsResponse>{});
  visit(ApiMessages<DescribeLogDirsRequest, DescribeLogDirsResponse>{});
  visit(ApiMessages<CreatePartitionsRequest, CreatePartitionsResponse>{});
  visit(ApiMessages<DeleteGroupsRequest, DeleteGroupsResponse>{});
  visit(ApiMessages<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>{});
  visit(ApiMessages<OffsetDeleteRequest, OffsetDeleteResponse>{});
  visit(ApiMessages<DescribeClusterRequest, DescribeClusterResponse>{});
  visit(ApiMessages<DescribeProducersRequest, DescribeProducersResponse>{});
  visit(ApiMessages<DescribeTransactionsRequest, DescribeTransactionsResponse>{});
  visit(ApiMessages<ListTransactionsRequest, ListTransactionsResponse>{});
  visit(ApiMessages<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>{});
  visit(ApiMessages<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>{});
  visit(ApiMessages<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>{});
  visit(ApiMessages<PeerRequest, PeerResponse>{});
}

}  // namespace millrace::protocol
