#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "broker/ask.hpp"
#include "broker/controller/active_controller.hpp"
#include "protocol/messages/all.hpp"
#include "protocol/wire/codec.hpp"

/// The requests that the active controller decides on. To add one: its `decide`, its `refusal`, and
/// a place in the list.
namespace millrace::broker {

using AdminRequests =
    std::tuple<protocol::CreateTopicsRequest, protocol::DeleteTopicsRequest,
               protocol::CreatePartitionsRequest, protocol::IncrementalAlterConfigsRequest,
               protocol::AlterConfigsRequest, protocol::ElectLeadersRequest,
               protocol::AlterPartitionReassignmentsRequest, protocol::UnregisterBrokerRequest>;

using replication::ControllerOutcome;

/// Asks the core, on the newest image.
ControllerOutcome<protocol::CreateTopicsResponse> decide(
    ActiveController& controller, const protocol::CreateTopicsRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::DeleteTopicsResponse> decide(
    ActiveController& controller, const protocol::DeleteTopicsRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::CreatePartitionsResponse> decide(
    ActiveController& controller, const protocol::CreatePartitionsRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::IncrementalAlterConfigsResponse> decide(
    ActiveController& controller, const protocol::IncrementalAlterConfigsRequest& request,
    std::int16_t version);

ControllerOutcome<protocol::AlterConfigsResponse> decide(
    ActiveController& controller, const protocol::AlterConfigsRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::ElectLeadersResponse> decide(
    ActiveController& controller, const protocol::ElectLeadersRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::AlterPartitionReassignmentsResponse> decide(
    ActiveController& controller, const protocol::AlterPartitionReassignmentsRequest& request,
    std::int16_t version);
ControllerOutcome<protocol::UnregisterBrokerResponse> decide(
    ActiveController& controller, const protocol::UnregisterBrokerRequest& request,
    std::int16_t version);

/// What answers a request.
template <class Request>
using AdminResponse = decltype(decide(std::declval<ActiveController&>(),
                                      std::declval<const Request&>(), std::int16_t{})
                                   .response);

/// Why nothing became of a request.
struct AdminRefusal {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::string message;
};

/// The answer that says so of everything in the request.
protocol::CreateTopicsResponse refusal(const protocol::CreateTopicsRequest& request,
                                       const AdminRefusal& why);
protocol::DeleteTopicsResponse refusal(const protocol::DeleteTopicsRequest& request,
                                       const AdminRefusal& why);
protocol::CreatePartitionsResponse refusal(const protocol::CreatePartitionsRequest& request,
                                           const AdminRefusal& why);
protocol::IncrementalAlterConfigsResponse refusal(
    const protocol::IncrementalAlterConfigsRequest& request, const AdminRefusal& why);

protocol::AlterConfigsResponse refusal(const protocol::AlterConfigsRequest& request,
                                       const AdminRefusal& why);
protocol::ElectLeadersResponse refusal(const protocol::ElectLeadersRequest& request,
                                       const AdminRefusal& why);
protocol::AlterPartitionReassignmentsResponse refusal(
    const protocol::AlterPartitionReassignmentsRequest& request, const AdminRefusal& why);
protocol::UnregisterBrokerResponse refusal(const protocol::UnregisterBrokerRequest& request,
                                           const AdminRefusal& why);

/// How long the client gives it.
template <class Request>
std::chrono::milliseconds patience(const Request& request) {
  constexpr std::chrono::milliseconds kDefault{30'000};
  if constexpr (requires { request.timeout_ms; }) {
    const std::chrono::milliseconds asked{request.timeout_ms};
    return asked.count() > 0 ? std::min(asked, kDefault * 2) : kDefault;
  } else {
    return kDefault;
  }
}

/// What the controller on this node came to; with an error nothing was changed.
template <class Response>
struct Decided {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::int64_t index = -1;  // at which the change is in the metadata
  Response response;
};

/// Returns when the change is committed. On the first shard.
template <class Request>
net::Awaitable<Decided<AdminResponse<Request>>> decide_here(Shard& first,
                                                            ActiveController& controller,
                                                            std::shared_ptr<const Request> request,
                                                            std::int16_t version) {
  using Answered = Decided<AdminResponse<Request>>;
  auto work = [&controller, request = std::move(request), version](Answer<Answered> answer) {
    auto answered = std::make_shared<Answered>();
    controller.submit(
        [&controller, request, version, answered] {
          auto outcome = decide(controller, *request, version);
          answered->response = std::move(outcome.response);
          return std::move(outcome.records);
        },
        [answered, answer = std::move(answer)](protocol::ErrorCode error,
                                               std::int64_t index) mutable {
          answered->error = error;
          answered->index = index;
          answer(std::move(*answered));
        });
  };
  return ask<Answered>(first, first, std::move(work));
}

/// A message without its header, for the way between nodes.
template <class Message>
std::string body_of(const Message& message, std::int16_t version) {
  protocol::Sizer size;
  protocol::MessageCodec<Message>::measure(size, message, version);
  protocol::Writer out{size.own()};
  protocol::MessageCodec<Message>::encode(out, message, version);
  const auto bytes = std::move(out).finish().flatten();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Message>
Result<Message> message_from(std::string_view body, std::int16_t version) {
  protocol::Reader in{SharedBytes::copy_of(as_bytes(body))};
  return protocol::MessageCodec<Message>::decode(in, version);
}

}  // namespace millrace::broker
