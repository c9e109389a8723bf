#include "broker/handlers/coordinator_errors.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>

#include "broker/session.hpp"
#include "broker/shard.hpp"
#include "broker/strangers.hpp"

namespace millrace::broker {

using protocol::ErrorCode;
using Errors = std::vector<AnsweredError>;

namespace {

constexpr std::size_t kNameShown = 100;    // characters of a text that a client chose
constexpr std::size_t kDetailShown = 300;  // of a text that is partly ours

/// Each code once, with the first that it was told of.
void add(Errors& errors, ErrorCode code, std::string detail = {}) {
  if (code == ErrorCode::none) return;
  if (std::ranges::find(errors, code, &AnsweredError::code) != errors.end()) return;
  errors.push_back({code, std::move(detail)});
}

template <class Response>
Errors top_level(const Response& response) {
  Errors errors;
  add(errors, response.error_code);
  return errors;
}

/// Allocates for errors only: most answers have none.
template <class Topics>
void add_partitions(Errors& errors, const Topics& topics) {
  for (const auto& topic : topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code == ErrorCode::none) continue;
      add(errors, partition.error_code,
          fmt::format("at {}-{}", topic.name, partition.partition_index));
    }
  }
}

template <class Topics>
void add_results(Errors& errors, const Topics& topics) {
  for (const auto& topic : topics) {
    for (const auto& partition : topic.results_by_partition) {
      if (partition.partition_error_code == ErrorCode::none) continue;
      add(errors, partition.partition_error_code,
          fmt::format("at {}-{}", topic.name, partition.partition_index));
    }
  }
}

/// What an operator is to make of it, where the code alone is not enough.
std::string_view meaning_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::unknown_member_id:
      return "the group has no such member: its session ended, it left, or it never joined; it "
             "will "
             "join again";
    case ErrorCode::illegal_generation:
      return "the group has rebalanced since; the client will join again";
    case ErrorCode::stale_member_epoch:
    case ErrorCode::fenced_member_epoch:
      return "the member is in another epoch than the group knows it in; it will join again";
    case ErrorCode::fenced_instance_id:
      return "another process came with this instance id: each one needs an id of its own";
    case ErrorCode::unreleased_instance_id:
      return "a process that has not left has this instance id: each one needs an id of its own";
    case ErrorCode::inconsistent_group_protocol:
      return "the member has no assignment protocol in common with all others of the group";
    case ErrorCode::invalid_session_timeout:
      return "its session timeout is outside of group.min.session.timeout.ms to "
             "group.max.session.timeout.ms";
    case ErrorCode::group_max_size_reached:
      return "the group has as many members as group.max.size or group.consumer.max.size allows";
    case ErrorCode::group_id_not_found:
      return "there is no such group, or it is of the other protocol";
    case ErrorCode::non_empty_group:
      return "the group has members; stop them first";
    case ErrorCode::group_subscribed_to_topic:
      return "the group's members read this topic";
    case ErrorCode::offset_metadata_too_large:
      return "the text beside the offset is longer than offset.metadata.max.bytes";
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
      return "there is no such partition; it may have been deleted";
    case ErrorCode::producer_fenced:
    case ErrorCode::invalid_producer_epoch:
      return "a newer producer has this transactional id, or its transaction took too long and was "
             "aborted";
    case ErrorCode::invalid_producer_id_mapping:
      return "the transactional id has another producer id: it expired, or was used elsewhere";
    case ErrorCode::invalid_txn_state:
      return "the transaction is not in a state in which this can be done";
    case ErrorCode::invalid_transaction_timeout:
      return "its timeout is above transaction.max.timeout.ms";
    case ErrorCode::transaction_abortable:
      return "the transaction can only be aborted";
    case ErrorCode::coordinator_not_available:
      return "what it decided could not be written in time, or the coordinator is not there yet";
    case ErrorCode::not_coordinator:
      return "it is coordinated elsewhere, or the log of the coordinator could not be written";
    default:
      return {};
  }
}

CoordinatorSubject of_group(const std::string& group, const std::string& member = {},
                            const std::optional<std::string>& instance = {}) {
  return {.group = group, .transactional_id = {}, .member = member, .instance = instance};
}

CoordinatorSubject of_transaction(const std::string& id, const std::string& group = {}) {
  return {.group = group, .transactional_id = id, .member = {}, .instance = {}};
}

}  // namespace

// What requests are about --------------------------------------------------------------------

CoordinatorSubject subject_of(const protocol::JoinGroupRequest& request) {
  return of_group(request.group_id, request.member_id, request.group_instance_id);
}
CoordinatorSubject subject_of(const protocol::SyncGroupRequest& request) {
  return of_group(request.group_id, request.member_id, request.group_instance_id);
}
CoordinatorSubject subject_of(const protocol::HeartbeatRequest& request) {
  return of_group(request.group_id, request.member_id, request.group_instance_id);
}
CoordinatorSubject subject_of(const protocol::LeaveGroupRequest& request) {
  return of_group(request.group_id, request.member_id);
}
CoordinatorSubject subject_of(const protocol::ConsumerGroupHeartbeatRequest& request) {
  return of_group(request.group_id, request.member_id, request.instance_id);
}
CoordinatorSubject subject_of(const protocol::OffsetCommitRequest& request) {
  return of_group(request.group_id, request.member_id, request.group_instance_id);
}
CoordinatorSubject subject_of(const protocol::OffsetFetchRequest& request) {
  return of_group(request.groups.size() == 1 ? request.groups.front().group_id : request.group_id);
}
CoordinatorSubject subject_of(const protocol::OffsetDeleteRequest& request) {
  return of_group(request.group_id);
}
CoordinatorSubject subject_of(const protocol::DeleteGroupsRequest& request) {
  return of_group(request.groups_names.size() == 1 ? request.groups_names.front() : std::string{});
}
CoordinatorSubject subject_of(const protocol::TxnOffsetCommitRequest& request) {
  auto subject = of_group(request.group_id, request.member_id, request.group_instance_id);
  subject.transactional_id = request.transactional_id;
  return subject;
}
CoordinatorSubject subject_of(const protocol::InitProducerIdRequest& request) {
  return of_transaction(request.transactional_id.value_or(""));
}
CoordinatorSubject subject_of(const protocol::AddPartitionsToTxnRequest& request) {
  return of_transaction(request.transactions.size() == 1
                            ? request.transactions.front().transactional_id
                            : request.v3_and_below_transactional_id);
}
CoordinatorSubject subject_of(const protocol::AddOffsetsToTxnRequest& request) {
  return of_transaction(request.transactional_id, request.group_id);
}
CoordinatorSubject subject_of(const protocol::EndTxnRequest& request) {
  return of_transaction(request.transactional_id);
}

// What answers tell --------------------------------------------------------------------------

Errors errors_in(const protocol::JoinGroupResponse& response) {
  return top_level(response);
}
Errors errors_in(const protocol::SyncGroupResponse& response) {
  return top_level(response);
}
Errors errors_in(const protocol::HeartbeatResponse& response) {
  return top_level(response);
}
Errors errors_in(const protocol::LeaveGroupResponse& response) {
  auto errors = top_level(response);
  for (const auto& member : response.members) {
    if (member.error_code == ErrorCode::none) continue;
    add(errors, member.error_code,
        fmt::format("member {}", member.member_id.empty() ? member.group_instance_id.value_or("")
                                                          : member.member_id));
  }
  return errors;
}
Errors errors_in(const protocol::ConsumerGroupHeartbeatResponse& response) {
  Errors errors;
  add(errors, response.error_code, response.error_message.value_or(""));
  return errors;
}
Errors errors_in(const protocol::OffsetCommitResponse& response) {
  Errors errors;
  add_partitions(errors, response.topics);
  return errors;
}
Errors errors_in(const protocol::OffsetFetchResponse& response) {
  auto errors = top_level(response);
  add_partitions(errors, response.topics);
  for (const auto& group : response.groups) {
    if (group.error_code != ErrorCode::none)
      add(errors, group.error_code, fmt::format("group {}", group.group_id));
    add_partitions(errors, group.topics);
  }
  return errors;
}
Errors errors_in(const protocol::OffsetDeleteResponse& response) {
  auto errors = top_level(response);
  add_partitions(errors, response.topics);
  return errors;
}
Errors errors_in(const protocol::DeleteGroupsResponse& response) {
  Errors errors;
  for (const auto& each : response.results) {
    if (each.error_code != ErrorCode::none)
      add(errors, each.error_code, fmt::format("group {}", each.group_id));
  }
  return errors;
}
Errors errors_in(const protocol::TxnOffsetCommitResponse& response) {
  Errors errors;
  add_partitions(errors, response.topics);
  return errors;
}
Errors errors_in(const protocol::InitProducerIdResponse& response) {
  return top_level(response);
}
Errors errors_in(const protocol::AddPartitionsToTxnResponse& response) {
  auto errors = top_level(response);
  add_results(errors, response.results_by_topic_v3_and_below);
  for (const auto& each : response.results_by_transaction) add_results(errors, each.topic_results);
  return errors;
}
Errors errors_in(const protocol::AddOffsetsToTxnResponse& response) {
  return top_level(response);
}
Errors errors_in(const protocol::EndTxnResponse& response) {
  return top_level(response);
}

// The log -------------------------------------------------------------------------------------

bool is_ordinary(ErrorCode error) {
  switch (error) {
    case ErrorCode::member_id_required:
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::concurrent_transactions:
    case ErrorCode::unstable_offset_commit:
      return true;
    default:
      return false;
  }
}

std::string error_line(protocol::ApiKey api, const CoordinatorSubject& subject,
                       const AnsweredError& error, std::string_view client_id,
                       std::string_view host) {
  std::string line = fmt::format("{} answered with {}:", fmt::streamed(api), to_string(error.code));
  const auto tell = [&](std::string_view what, std::string_view text) {
    if (!text.empty()) line += fmt::format(" {} {},", what, escaped(text, kNameShown));
  };
  tell("transactional id", subject.transactional_id);
  tell("group", subject.group);
  tell("member", subject.member);
  tell("instance", subject.instance.value_or(""));
  tell("client", client_id);
  line += fmt::format(" from {}", escaped(host, kNameShown));
  if (!error.detail.empty()) line += fmt::format(": {}", escaped(error.detail, kDetailShown));
  const auto meaning = meaning_of(error.code);
  if (!meaning.empty()) line += fmt::format("{} {}", error.detail.empty() ? ":" : ";", meaning);
  return line;
}

void report_errors(const RequestContext& context, const CoordinatorSubject& subject,
                   const Errors& errors) {
  for (const auto& error : errors) {
    const auto level = is_ordinary(error.code) ? spdlog::level::debug : spdlog::level::warn;
    if (!spdlog::should_log(level)) continue;
    const auto api = context.header.api_key;
    const auto key = fmt::format("{} {} {} {}", fmt::streamed(api), fmt::underlying(error.code),
                                 subject.group, subject.transactional_id);
    const auto verdict = context.node.coordinator_errors.ask(key, context.shard.now());
    if (!verdict.told) continue;
    auto line = error_line(api, subject, error, context.header.client_id.value_or(""),
                           context.session.info().peer.host);
    if (verdict.held_back > 0) {
      line += fmt::format("; {} more of these since its last line", verdict.held_back);
    }
    if (verdict.others > 0) {
      line += fmt::format("; {} errors of other groups had no line", verdict.others);
    }
    spdlog::log(level, "{}", line);
  }
}

}  // namespace millrace::broker
