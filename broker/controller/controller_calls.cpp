#include "broker/controller/controller_calls.hpp"

#include <fmt/format.h>

#include "broker/controller/admin_requests.hpp"
#include "broker/shard.hpp"
#include "replication/controller/records.hpp"

namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using replication::id_bytes;
using replication::schema::PeerAnswer;
using replication::schema::PeerCall;

PeerResult refused(ErrorCode error, std::string message) {
  return PeerRefusal{error, std::move(message)};
}

/// Ids that came from outside have the right length, or the call is no good.
std::optional<Uuid> id_of(std::string_view bytes) {
  if (bytes.size() != Uuid{}.bytes.size()) return std::nullopt;
  return replication::id_from_bytes(bytes);
}

bool is_port(std::uint32_t port) {
  return port > 0 && port <= std::numeric_limits<std::uint16_t>::max();
}

}  // namespace

net::Awaitable<PeerResult> ControllerCalls::ask(PeerCall call, Instant deadline, PeerLane lane) {
  const auto leader = log_.leader();
  if (!leader) co_return refused(ErrorCode::not_controller, "no active controller is known");
  if (*leader == shard_.node().settings.node_id) {
    auto serving = serve(std::move(call));
    co_return co_await std::move(serving);
  }
  auto asking = shard_.peers().ask(*leader, std::move(call), deadline, lane);
  auto answer = co_await std::move(asking);
  if (answer) co_return std::move(*answer);
  const auto& error = answer.error();
  if (error.code == clients::Errc::rejected) co_return refused(error.broker_code, error.message);
  co_return refused(ErrorCode::not_controller,
                    fmt::format("the active controller, node {}, did not answer: {}", leader->value,
                                error.message));
}

net::Awaitable<PeerResult> ControllerCalls::serve(PeerCall call) {
  if (!controller_.is_active()) {
    co_return refused(ErrorCode::not_controller, fmt::format("node {} is not the active controller",
                                                             shard_.node().settings.node_id.value));
  }
  switch (call.call_case()) {
    case PeerCall::kRegisterBroker: {
      auto serving = enroll(call.register_broker());
      co_return co_await std::move(serving);
    }
    case PeerCall::kHeartbeat: {
      auto serving = heartbeat(call.heartbeat());
      co_return co_await std::move(serving);
    }
    case PeerCall::kInSync: {
      auto serving = in_sync(call.in_sync());
      co_return co_await std::move(serving);
    }
    case PeerCall::kProducerIds: {
      auto serving = producer_ids(call.producer_ids());
      co_return co_await std::move(serving);
    }
    case PeerCall::kForward: {
      auto serving = forwarded(call.forward());
      co_return co_await std::move(serving);
    }
    default:
      co_return refused(ErrorCode::unsupported_version, "the controller does not know this call");
  }
}

net::Awaitable<PeerResult> ControllerCalls::enroll(const replication::schema::RegisterCall& call) {
  const auto incarnation = id_of(call.incarnation());
  const auto directory = id_of(call.directory());
  const bool ports = std::ranges::all_of(
      call.endpoints(), [](const auto& endpoint) { return is_port(endpoint.port()); });
  if (!incarnation || !directory || !ports || call.id() < 0)
    co_return refused(ErrorCode::invalid_request, "a registration with a bad id or port");
  replication::Registration request{
      .id = BrokerId{call.id()}, .incarnation = *incarnation, .directory = *directory};
  if (call.has_rack()) request.rack = call.rack();
  if (call.has_stopped_cleanly_at()) request.stopped_cleanly_at = call.stopped_cleanly_at();
  for (const auto& at : call.endpoints()) {
    request.endpoints.push_back(
        {at.listener(), at.host(), static_cast<std::uint16_t>(at.port()), at.security()});
  }
  using Said = replication::RegistrationAnswer;
  auto work = [this, request = std::move(request)](Answer<Said> answer) mutable {
    controller_.enroll(std::move(request), std::move(answer));
  };
  auto asking = broker::ask<Said>(shard_, shard_, std::move(work));
  const auto said = co_await std::move(asking);
  PeerAnswer answer;
  auto& to = *answer.mutable_register_broker();
  to.set_error(std::to_underlying(said.error));
  to.set_message(said.message);
  to.set_epoch(said.epoch);
  co_return answer;
}

net::Awaitable<PeerResult> ControllerCalls::heartbeat(
    const replication::schema::HeartbeatCall& call) {
  const replication::BrokerHeartbeat request{.id = BrokerId{call.id()},
                                             .epoch = call.epoch(),
                                             .applied = call.applied(),
                                             .wants_fence = call.wants_fence(),
                                             .wants_to_stop = call.wants_to_stop()};
  using Said = replication::BrokerHeartbeatAnswer;
  auto work = [this, request](Answer<Said> answer) {
    controller_.heartbeat(request, std::move(answer));
  };
  auto asking = broker::ask<Said>(shard_, shard_, std::move(work));
  const auto said = co_await std::move(asking);
  PeerAnswer answer;
  auto& to = *answer.mutable_heartbeat();
  to.set_error(std::to_underlying(said.error));
  to.set_caught_up(said.caught_up);
  to.set_fenced(said.fenced);
  to.set_may_stop(said.may_stop);
  co_return answer;
}

net::Awaitable<PeerResult> ControllerCalls::in_sync(const replication::schema::InSyncCall& call) {
  std::vector<replication::InSyncProposal> proposals;
  for (const auto& from : call.proposals()) {
    const auto topic = id_of(from.topic_id());
    if (!topic) co_return refused(ErrorCode::invalid_request, "a proposal with a bad topic id");
    auto& proposal = proposals.emplace_back();
    proposal.topic = *topic;
    proposal.partition = PartitionIndex{from.partition()};
    proposal.leader_epoch = LeaderEpoch{from.leader_epoch()};
    proposal.partition_epoch = from.partition_epoch();
    proposal.recovering = from.recovering();
    for (const auto& member : from.in_sync())
      proposal.in_sync.push_back({BrokerId{member.id()}, member.epoch()});
  }
  const BrokerId broker{call.broker()};
  using Said = ActiveController::InSyncReply;
  auto work = [this, broker, epoch = call.broker_epoch(),
               proposals = std::move(proposals)](Answer<Said> answer) mutable {
    controller_.alter_in_sync(broker, epoch, std::move(proposals), std::move(answer));
  };
  auto asking = broker::ask<Said>(shard_, shard_, std::move(work));
  const auto said = co_await std::move(asking);
  if (said.error != ErrorCode::none) co_return refused(said.error, "the change was not committed");
  PeerAnswer answer;
  auto& to = *answer.mutable_in_sync();
  for (const auto& verdict : said.answers) {
    auto& each = *to.add_verdicts();
    each.set_error(std::to_underlying(verdict.error));
    if (verdict.error != ErrorCode::none) continue;
    *each.mutable_now() =
        replication::partition_record(verdict.topic, verdict.partition, verdict.now).partition();
  }
  co_return answer;
}

net::Awaitable<PeerResult> ControllerCalls::producer_ids(
    const replication::schema::ProducerIdsCall& call) {
  const BrokerId broker{call.broker()};
  using Said = ActiveController::ProducerIds;
  auto work = [this, broker, epoch = call.broker_epoch()](Answer<Said> answer) {
    controller_.give_producer_ids(broker, epoch, std::move(answer));
  };
  auto asking = broker::ask<Said>(shard_, shard_, std::move(work));
  const auto said = co_await std::move(asking);
  PeerAnswer answer;
  auto& to = *answer.mutable_producer_ids();
  to.set_error(std::to_underlying(said.error));
  to.set_first(said.first);
  to.set_count(said.count);
  co_return answer;
}

template <class Request>
net::Awaitable<PeerResult> ControllerCalls::carry_out(
    const replication::schema::ForwardCall& call) {
  const auto version = static_cast<std::int16_t>(call.api_version());
  if (!Request::kVersions.contains(version))
    co_return refused(ErrorCode::unsupported_version, "a forwarded request of unknown version");
  auto request = message_from<Request>(call.request(), version);
  if (!request)
    co_return refused(ErrorCode::invalid_request, "a forwarded request that cannot be read");
  auto shared = std::make_shared<const Request>(std::move(*request));
  auto deciding = decide_here<Request>(shard_, controller_, std::move(shared), version);
  const auto decided = co_await std::move(deciding);
  if (decided.error != ErrorCode::none)
    co_return refused(decided.error, "the change was not committed");
  PeerAnswer answer;
  answer.mutable_forward()->set_response(body_of(decided.response, version));
  answer.mutable_forward()->set_applied(decided.index);
  co_return answer;
}

net::Awaitable<PeerResult> ControllerCalls::forwarded(
    const replication::schema::ForwardCall& call) {
  std::optional<net::Awaitable<PeerResult>> serving;
  const auto choose = [&]<class... Requests>(std::tuple<Requests...>*) {
    const auto try_one = [&]<class Request>(Request*) {
      if (call.api_key() == std::to_underlying(Request::kApiKey))
        serving.emplace(carry_out<Request>(call));
    };
    (try_one(static_cast<Requests*>(nullptr)), ...);
  };
  choose(static_cast<AdminRequests*>(nullptr));
  if (!serving) {
    co_return refused(ErrorCode::unsupported_version,
                      fmt::format("requests with API key {} are not forwarded", call.api_key()));
  }
  co_return co_await std::move(*serving);
}

void write(const replication::InSyncProposal& proposal,
           replication::schema::InSyncCall::Proposal& to) {
  to.set_topic_id(id_bytes(proposal.topic));
  to.set_partition(proposal.partition.value);
  to.set_leader_epoch(proposal.leader_epoch.value);
  to.set_partition_epoch(proposal.partition_epoch);
  to.set_recovering(proposal.recovering);
  for (const auto& member : proposal.in_sync) {
    auto& each = *to.add_in_sync();
    each.set_id(member.id.value);
    each.set_epoch(member.epoch);
  }
}

std::vector<replication::InSyncAnswer> read_answers(
    const std::vector<replication::InSyncProposal>& proposals, const PeerResult& result) {
  const auto* const answer = std::get_if<PeerAnswer>(&result);
  const auto* const refusal = std::get_if<PeerRefusal>(&result);
  const bool whole = answer != nullptr && answer->has_in_sync() &&
                     answer->in_sync().verdicts_size() == std::ssize(proposals);
  std::vector<replication::InSyncAnswer> answers;
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    auto& each = answers.emplace_back();
    each.topic = proposals[i].topic;
    each.partition = proposals[i].partition;
    if (!whole) {
      each.error = refusal != nullptr ? refusal->error : ErrorCode::unknown_server_error;
      continue;
    }
    const auto& verdict = answer->in_sync().verdicts(static_cast<int>(i));
    each.error = static_cast<ErrorCode>(verdict.error());
    if (each.error == ErrorCode::none) each.now = replication::partition_from(verdict.now());
  }
  return answers;
}

}  // namespace millrace::broker
