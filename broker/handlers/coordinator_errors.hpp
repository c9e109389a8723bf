#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <vector>

#include "broker/handlers/handler.hpp"
#include "protocol/error_code.hpp"
#include "protocol/messages/all.hpp"

/// Errors that the coordinators of groups and transactions answer with are told to the operator,
/// who can see there what a client only shows as a code: who asked, for what, and what it means.
namespace millrace::broker {

/// What a request is about, as it says itself.
struct CoordinatorSubject {
  friend bool operator==(const CoordinatorSubject&, const CoordinatorSubject&) = default;
  std::string group;             // empty: of no group
  std::string transactional_id;  // empty: of no transaction
  std::string member;            // empty: none, or not told yet
  std::optional<std::string> instance;
};

/// One error of an answer. An answer that tells the same of many partitions has it once.
struct AnsweredError {
  friend bool operator==(const AnsweredError&, const AnsweredError&) = default;
  protocol::ErrorCode code = protocol::ErrorCode::none;
  std::string detail;  // which group, member or partition, or the answer's own words; may be empty
};

CoordinatorSubject subject_of(const protocol::JoinGroupRequest& request);
CoordinatorSubject subject_of(const protocol::SyncGroupRequest& request);
CoordinatorSubject subject_of(const protocol::HeartbeatRequest& request);
CoordinatorSubject subject_of(const protocol::LeaveGroupRequest& request);
CoordinatorSubject subject_of(const protocol::ConsumerGroupHeartbeatRequest& request);
CoordinatorSubject subject_of(const protocol::OffsetCommitRequest& request);
CoordinatorSubject subject_of(const protocol::OffsetFetchRequest& request);
CoordinatorSubject subject_of(const protocol::OffsetDeleteRequest& request);
CoordinatorSubject subject_of(const protocol::DeleteGroupsRequest& request);
CoordinatorSubject subject_of(const protocol::TxnOffsetCommitRequest& request);
CoordinatorSubject subject_of(const protocol::InitProducerIdRequest& request);
CoordinatorSubject subject_of(const protocol::AddPartitionsToTxnRequest& request);
CoordinatorSubject subject_of(const protocol::AddOffsetsToTxnRequest& request);
CoordinatorSubject subject_of(const protocol::EndTxnRequest& request);

std::vector<AnsweredError> errors_in(const protocol::JoinGroupResponse& response);
std::vector<AnsweredError> errors_in(const protocol::SyncGroupResponse& response);
std::vector<AnsweredError> errors_in(const protocol::HeartbeatResponse& response);
std::vector<AnsweredError> errors_in(const protocol::LeaveGroupResponse& response);
std::vector<AnsweredError> errors_in(const protocol::ConsumerGroupHeartbeatResponse& response);
std::vector<AnsweredError> errors_in(const protocol::OffsetCommitResponse& response);
std::vector<AnsweredError> errors_in(const protocol::OffsetFetchResponse& response);
std::vector<AnsweredError> errors_in(const protocol::OffsetDeleteResponse& response);
std::vector<AnsweredError> errors_in(const protocol::DeleteGroupsResponse& response);
std::vector<AnsweredError> errors_in(const protocol::TxnOffsetCommitResponse& response);
std::vector<AnsweredError> errors_in(const protocol::InitProducerIdResponse& response);
std::vector<AnsweredError> errors_in(const protocol::AddPartitionsToTxnResponse& response);
std::vector<AnsweredError> errors_in(const protocol::AddOffsetsToTxnResponse& response);
std::vector<AnsweredError> errors_in(const protocol::EndTxnResponse& response);

/// Requests whose errors are told.
template <class Request>
concept AnsweredByCoordinator = requires(const Request& request) {
  { subject_of(request) } -> std::same_as<CoordinatorSubject>;
};

/// The line for the log. Texts of clients are escaped and capped.
std::string error_line(protocol::ApiKey api, const CoordinatorSubject& subject,
                       const AnsweredError& error, std::string_view client_id,
                       std::string_view host);

/// Part of the ordinary course of things, which clients go on from by themselves: told at the level
/// "debug" only.
bool is_ordinary(protocol::ErrorCode error);

/// Logs them, as far as `Node::coordinator_errors` lets them through.
void report_errors(const RequestContext& context, const CoordinatorSubject& subject,
                   const std::vector<AnsweredError>& errors);

}  // namespace millrace::broker
