#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/handlers.hpp"
#include "broker/handlers/transacted.hpp"
#include "replication/controller/topic_names.hpp"

/// Offsets that are committed with a transaction: the coordinator of the transaction is asked, then
/// that of the group.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;

constexpr std::int16_t kAbortableSince = 4;
constexpr std::int16_t kAddsPartitionSince = 5;
/// The version of OffsetCommit whose rules hold: topics by name, no retention of their own.
constexpr std::int16_t kCommitVersion = 8;

/// One commit on its way through the shard of its group.
struct Commit {
  std::string transactional_id;
  ProducerIdentity producer;
  std::int16_t version = 0;
  OffsetCommitRequest request;
  GroupClient client;
  replication::ImagePtr image;
  GroupHome home;
};
using CommitPtr = std::shared_ptr<const Commit>;

OffsetCommitRequest plain_commit(protocol::TxnOffsetCommitRequest request) {
  OffsetCommitRequest plain;
  plain.group_id = std::move(request.group_id);
  plain.generation_id_or_member_epoch = request.generation_id;
  plain.member_id = std::move(request.member_id);
  plain.group_instance_id = std::move(request.group_instance_id);
  for (auto& from : request.topics) {
    auto& topic = plain.topics.emplace_back();
    topic.name = std::move(from.name);
    for (auto& partition : from.partitions) {
      topic.partitions.push_back({.partition_index = partition.partition_index,
                                  .committed_offset = partition.committed_offset,
                                  .committed_leader_epoch = partition.committed_leader_epoch,
                                  .committed_metadata = std::move(partition.committed_metadata)});
    }
  }
  return plain;
}

OffsetCommitResponse refused(const OffsetCommitRequest& request, ErrorCode error) {
  OffsetCommitResponse response;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    for (const auto& partition : topic.partitions)
      answer.partitions.push_back({partition.partition_index, error});
  }
  return response;
}

/// What the transaction's coordinator says, as a client of the group's may be told. Whatever is
/// only for now must not send it to look for another coordinator of the group.
ErrorCode told(ErrorCode error, std::int16_t version) {
  switch (error) {
    case ErrorCode::producer_fenced:
      return ErrorCode::invalid_producer_epoch;
    case ErrorCode::transaction_abortable:
      return version >= kAbortableSince ? error : ErrorCode::invalid_txn_state;
    case ErrorCode::concurrent_transactions:
      return version >= kAddsPartitionSince ? error : ErrorCode::coordinator_load_in_progress;
    case ErrorCode::not_coordinator:
    case ErrorCode::coordinator_not_available:
      return ErrorCode::coordinator_load_in_progress;
    default:
      return error;
  }
}

void commit_here(const CommitPtr& commit, Answer<OffsetCommitResponse> answer) {
  GroupService& groups = commit->home.shard->groups();
  const auto error = groups.available(commit->home.partition);
  if (error != ErrorCode::none) return answer(refused(commit->request, error));
  groups.run(
      commit->home.partition,
      [commit](GroupCoordinator& core, ReplyToken token, const Moment& at) {
        return core.txn_offset_commit(commit->request,
                                      {commit->producer.id, commit->producer.epoch}, commit->client,
                                      token, at, ImageDirectory{commit->image});
      },
      [answer = std::move(answer)](GroupReply::Response reply) mutable {
        answer(std::get<OffsetCommitResponse>(std::move(reply)));
      });
}

net::Awaitable<void> ask_for_admission(CommitPtr commit, std::shared_ptr<Partition> partition) {
  const auto version =
      commit->version >= kAddsPartitionSince ? TransactionVersion::v2 : TransactionVersion::v1;
  auto asking = admit_to_transaction(*commit->home.shard, commit->transactional_id,
                                     commit->producer, partition->name(), version);
  const auto said = co_await std::move(asking);
  partition->verifications().answer(commit->producer, said);
}

/// On the shard of the group.
void admit_and_commit(const CommitPtr& commit, Answer<OffsetCommitResponse> answer) {
  Shard& shard = *commit->home.shard;
  const auto topic = commit->image->topic(replication::kOffsetsTopic);
  const auto partition = topic ? shard.find(topic->id, commit->home.partition) : nullptr;
  if (!partition) return answer(refused(commit->request, ErrorCode::not_coordinator));
  const auto& producer = commit->producer;
  const bool admitted = partition->verifications().allowed(producer) ||
                        partition->log().producers().in_transaction(producer.id, producer.epoch);
  if (admitted) return commit_here(commit, std::move(answer));
  auto resume = [commit, answer = std::move(answer)](ErrorCode said) mutable {
    if (said != ErrorCode::none)
      return answer(refused(commit->request, told(said, commit->version)));
    commit_here(commit, std::move(answer));
  };
  if (partition->verifications().wait(producer, std::move(resume)))
    shard.tasks().spawn(ask_for_admission(commit, partition));
}

}  // namespace

net::Awaitable<TxnOffsetCommit::Response> TxnOffsetCommit::handle(Request request,
                                                                  RequestContext& context) {
  auto commit = std::make_shared<Commit>();
  commit->transactional_id = request.transactional_id;
  commit->producer = {ProducerId{request.producer_id}, ProducerEpoch{request.producer_epoch}};
  commit->version = context.version();
  commit->request = plain_commit(std::move(request));
  commit->client = group_client(context);
  commit->client.api_version = kCommitVersion;
  commit->image = context.shard.image();
  const auto home = home_of_group(context, commit->request.group_id);
  OffsetCommitResponse plain;
  if (commit->request.group_id.empty()) {
    plain = refused(commit->request, ErrorCode::invalid_group_id);
  } else if (!home) {
    plain = refused(commit->request, ErrorCode::coordinator_not_available);
  } else {
    commit->home = *home;
    auto work = [commit](Answer<OffsetCommitResponse> answer) {
      admit_and_commit(commit, std::move(answer));
    };
    auto asked = ask<OffsetCommitResponse>(context.shard, *home->shard, std::move(work));
    plain = co_await std::move(asked);
  }
  Response response;
  for (auto& topic : plain.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = std::move(topic.name);
    for (const auto& partition : topic.partitions)
      answer.partitions.push_back({partition.partition_index, partition.error_code});
  }
  co_return response;
}

}  // namespace millrace::broker
