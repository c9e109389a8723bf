#include "broker/handlers/handler.hpp"

#include <algorithm>
#include <array>

#include "broker/handlers/coordinator_errors.hpp"
#include "broker/handlers/handlers.hpp"
#include "protocol/errc.hpp"

namespace millrace::broker {
namespace {

template <ApiHandler H>
net::Awaitable<Result<protocol::EncodedMessage>> run(RequestContext& context,
                                                     protocol::Reader& in) {
  const std::int16_t version = context.version();
  if (!H::kVersions.contains(version)) co_return protocol::Errc::unsupported_version;
  auto request = protocol::MessageCodec<typename H::Request>::decode(in, version);
  if (!request) co_return request.error();
  if constexpr (AnsweredByCoordinator<typename H::Request>) {
    const auto subject = subject_of(*request);
    const auto response = co_await H::handle(std::move(*request), context);
    report_errors(context, subject, errors_in(response));
    co_return protocol::encode_response(context.header.correlation_id, version, response);
  } else {
    const auto response = co_await H::handle(std::move(*request), context);
    co_return protocol::encode_response(context.header.correlation_id, version, response);
  }
}

/// Whoever speaks a newer version learns here which ones we know (KIP-511): the answer has the form
/// of version 0, and the request's body is not looked at.
net::Awaitable<Result<protocol::EncodedMessage>> run_api_versions(RequestContext& context,
                                                                  protocol::Reader& in) {
  if (ApiVersions::kVersions.contains(context.version())) {
    auto served = run<ApiVersions>(context, in);
    co_return co_await std::move(served);
  }
  protocol::ApiVersionsResponse response;
  response.error_code = protocol::ErrorCode::unsupported_version;
  auto& known = response.api_keys.emplace_back();
  known.api_key = std::to_underlying(protocol::ApiKey::api_versions);
  known.min_version = ApiVersions::kVersions.first;
  known.max_version = ApiVersions::kVersions.last;
  co_return protocol::encode_response(context.header.correlation_id, 0, response);
}

/// Only versions that are announced but not served come here.
net::Awaitable<Result<protocol::EncodedMessage>> refuse_produce(RequestContext&,
                                                                protocol::Reader&) {
  co_return protocol::Errc::unsupported_version;
}

template <class H>
constexpr Handler entry(Handler::Function function = run<H>) {
  return {H::Request::kApiKey, H::kVersions, function};
}

constexpr std::array kHandlers{
    Handler{protocol::ApiKey::produce, kProduceAnnounced, refuse_produce},
    entry<Fetch>(),
    entry<ListOffsets>(),
    entry<Metadata>(),
    entry<OffsetCommit>(),
    entry<OffsetFetch>(),
    entry<FindCoordinator>(),
    entry<JoinGroup>(),
    entry<Heartbeat>(),
    entry<LeaveGroup>(),
    entry<SyncGroup>(),
    entry<DescribeGroups>(),
    entry<ListGroups>(),
    entry<ApiVersions>(run_api_versions),
    entry<CreateTopics>(),
    entry<DeleteTopics>(),
    entry<DeleteRecords>(),
    entry<InitProducerId>(),
    entry<OffsetForLeaderEpoch>(),
    entry<AddPartitionsToTxn>(),
    entry<AddOffsetsToTxn>(),
    entry<EndTxn>(),
    entry<WriteTxnMarkers>(),
    entry<TxnOffsetCommit>(),
    entry<DescribeConfigs>(),
    entry<AlterConfigs>(),
    entry<DescribeLogDirs>(),
    entry<CreatePartitions>(),
    entry<DeleteGroups>(),
    entry<ElectLeaders>(),
    entry<IncrementalAlterConfigs>(),
    entry<AlterPartitionReassignments>(),
    entry<ListPartitionReassignments>(),
    entry<OffsetDelete>(),
    entry<DescribeCluster>(),
    entry<DescribeProducers>(),
    entry<UnregisterBroker>(),
    entry<DescribeTransactions>(),
    entry<ListTransactions>(),
    entry<ConsumerGroupHeartbeat>(),
    entry<ConsumerGroupDescribe>(),
    entry<DescribeTopicPartitions>(),
    entry<Peer>(),
};

static_assert(std::ranges::is_sorted(kHandlers, {}, &Handler::key));

}  // namespace

std::span<const Handler> all_handlers() {
  return kHandlers;
}

const Handler* find_handler(protocol::ApiKey key) {
  const auto found = std::ranges::lower_bound(kHandlers, key, {}, &Handler::key);
  return found != kHandlers.end() && found->key == key ? &*found : nullptr;
}

}  // namespace millrace::broker
