#include "clients/transaction_session.hpp"

#include <algorithm>

#include "clients/backoff.hpp"
#include "protocol/base/ensure.hpp"

namespace millrace::clients {

using protocol::ErrorCode;

namespace {

/// Leaves retries to the core, except those for which another coordinator has to be found.
template <class CodeOf>
struct Moved {
  CodeOf code_of;
  template <class Response>
  ErrorCode operator()(const Response& response) const {
    const ErrorCode code = code_of(response);
    return is_coordinator_moved(code) ? code : ErrorCode::none;
  }
};

struct TopCode {
  template <class Response>
  ErrorCode operator()(const Response& response) const {
    return response.error_code;
  }
};

/// Of the partitions of an answer the code that decides.
struct PartitionsCode {
  TransactionCore::Question question;
  ErrorCode operator()(const protocol::AddPartitionsToTxnResponse& response) const {
    std::vector<ErrorCode> codes;
    for (const auto& topic : response.results_by_topic_v3_and_below)
      for (const auto& partition : topic.results_by_partition)
        codes.push_back(partition.partition_error_code);
    return TransactionCore::decisive(question, codes);
  }
  ErrorCode operator()(const protocol::TxnOffsetCommitResponse& response) const {
    std::vector<ErrorCode> codes;
    for (const auto& topic : response.topics)
      for (const auto& partition : topic.partitions) codes.push_back(partition.error_code);
    return TransactionCore::decisive(question, codes);
  }
};

std::optional<ProducerIdentity> identity_from(std::int64_t id, std::int16_t epoch) {
  if (id < 0) return std::nullopt;
  return ProducerIdentity{ProducerId{id}, ProducerEpoch{epoch}};
}

}  // namespace

TransactionSession::TransactionSession(Client& client, const ProducerOptions& options,
                                       BatchesOf batches, std::function<void()> changed)
    : client_{client},
      options_{options},
      batches_{std::move(batches)},
      changed_{std::move(changed)},
      core_{options.transactional_id, options.delivery_timeout},
      wakeup_{client.scheduler()} {}

void TransactionSession::stop() {
  stopped_ = true;
  wakeup_.wake();
}

TransactionVersion TransactionSession::version() const {
  const bool v2 = options_.transaction_version_max == TransactionVersion::v2 &&
                  client_.feature_level("transaction.version") >= 2;
  return v2 ? TransactionVersion::v2 : TransactionVersion::v1;
}

net::Awaitable<void> TransactionSession::run() {
  constexpr auto kIdle = std::chrono::hours{1};
  Backoff backoff{client_.options().retry_backoff_min, client_.options().retry_backoff_max};
  while (!stopped_) {
    if (client_.now() < backoff.next_try()) {
      co_await wakeup_.wait_until(backoff.next_try());
      continue;
    }
    const auto question = core_.next(batches_());
    if (!question) {
      changed_();
      co_await wakeup_.wait_until(client_.now() + kIdle);
      continue;
    }
    const auto answer = co_await ask(*question);
    if (core_.answered(*question, answer, client_.now())) {
      backoff.failed(client_.now(), client_.rng());
    } else {
      backoff.succeeded();
    }
    changed_();
  }
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask(
    TransactionCore::Question question) {
  const auto deadline = client_.now() + options_.request_timeout;
  if (const auto* init = std::get_if<TransactionCore::Init>(&question))
    co_return co_await ask_init(*init, deadline);
  if (const auto* add = std::get_if<TransactionCore::AddPartitions>(&question))
    co_return co_await ask_partitions(*add, deadline);
  if (const auto* add = std::get_if<TransactionCore::AddOffsets>(&question))
    co_return co_await ask_group(*add, deadline);
  if (const auto* commit = std::get_if<TransactionCore::CommitOffsets>(&question))
    co_return co_await ask_offsets(*commit, deadline);
  co_return co_await ask_end(std::get<TransactionCore::End>(question), deadline);
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask_init(TransactionCore::Init init,
                                                                        Instant deadline) {
  protocol::InitProducerIdRequest request{
      .transactional_id = options_.transactional_id,
      .transaction_timeout_ms = static_cast<std::int32_t>(options_.transaction_timeout.count())};
  if (init.current) {
    request.producer_id = init.current->id.value;
    request.producer_epoch = init.current->epoch.value;
  }
  const auto response =
      co_await client_.call_coordinator(CoordinatorType::transaction, options_.transactional_id,
                                        std::move(request), deadline, Moved<TopCode>{});
  if (!response) co_return response.error();
  co_return TransactionCore::Answer{
      .code = response->error_code,
      .identity = identity_from(response->producer_id, response->producer_epoch)};
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask_partitions(
    TransactionCore::AddPartitions add, Instant deadline) {
  protocol::AddPartitionsToTxnRequest request{
      .v3_and_below_transactional_id = options_.transactional_id,
      .v3_and_below_producer_id = identity().id.value,
      .v3_and_below_producer_epoch = identity().epoch.value};
  auto& topics = request.v3_and_below_topics;
  for (const auto& at : add.partitions) {
    if (topics.empty() || topics.back().name != at.topic) topics.emplace_back().name = at.topic;
    topics.back().partitions.push_back(at.partition.value);
  }
  const PartitionsCode code_of{std::move(add)};
  Moved<PartitionsCode> moved{code_of};
  const auto response =
      co_await client_.call_coordinator(CoordinatorType::transaction, options_.transactional_id,
                                        std::move(request), deadline, std::move(moved));
  if (!response) co_return response.error();
  co_return TransactionCore::Answer{.code = code_of(*response), .identity = {}};
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask_group(
    TransactionCore::AddOffsets add, Instant deadline) {
  protocol::AddOffsetsToTxnRequest request{.transactional_id = options_.transactional_id,
                                           .producer_id = identity().id.value,
                                           .producer_epoch = identity().epoch.value,
                                           .group_id = std::move(add.group)};
  const auto response =
      co_await client_.call_coordinator(CoordinatorType::transaction, options_.transactional_id,
                                        std::move(request), deadline, Moved<TopCode>{});
  if (!response) co_return response.error();
  co_return TransactionCore::Answer{.code = response->error_code, .identity = {}};
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask_offsets(
    TransactionCore::CommitOffsets commit, Instant deadline) {
  protocol::TxnOffsetCommitRequest request{.transactional_id = options_.transactional_id,
                                           .group_id = commit.member.group,
                                           .producer_id = identity().id.value,
                                           .producer_epoch = identity().epoch.value,
                                           .generation_id = commit.member.generation,
                                           .member_id = commit.member.member_id,
                                           .group_instance_id = commit.member.instance_id};
  for (const auto& [at, offset] : commit.offsets) {
    if (request.topics.empty() || request.topics.back().name != at.topic)
      request.topics.emplace_back().name = at.topic;
    request.topics.back().partitions.push_back(
        {.partition_index = at.partition.value, .committed_offset = offset.value});
  }
  const auto group = commit.member.group;
  const auto versions = versions_in<protocol::TxnOffsetCommitRequest>(core_.version());
  const PartitionsCode code_of{std::move(commit)};
  Moved<PartitionsCode> moved{code_of};
  const auto response =
      co_await client_.call_coordinator(CoordinatorType::group, group, std::move(request), deadline,
                                        std::move(moved), kGeneralLane, versions);
  if (!response) co_return response.error();
  co_return TransactionCore::Answer{.code = code_of(*response), .identity = {}};
}

net::Awaitable<TransactionSession::Answer> TransactionSession::ask_end(TransactionCore::End end,
                                                                       Instant deadline) {
  protocol::EndTxnRequest request{.transactional_id = options_.transactional_id,
                                  .producer_id = identity().id.value,
                                  .producer_epoch = identity().epoch.value,
                                  .committed = end.commit};
  const auto versions = versions_in<protocol::EndTxnRequest>(core_.version());
  const auto response = co_await client_.call_coordinator(
      CoordinatorType::transaction, options_.transactional_id, std::move(request), deadline,
      Moved<TopCode>{}, kGeneralLane, versions);
  if (!response) co_return response.error();
  co_return TransactionCore::Answer{
      .code = response->error_code,
      .identity = identity_from(response->producer_id, response->producer_epoch)};
}

ProducerIdentity TransactionSession::identity() const {
  ENSURE(core_.identity());
  return *core_.identity();
}

}  // namespace millrace::clients
