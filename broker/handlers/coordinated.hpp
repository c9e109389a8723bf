#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "broker/ask.hpp"
#include "broker/group_service.hpp"
#include "broker/handlers/handler.hpp"
#include "broker/session.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {

/// Where a group lives.
struct GroupHome {
  Shard* shard = nullptr;
  PartitionIndex partition;
};

/// The shard and partition of a group's coordinator; nothing while `__consumer_offsets` does not
/// exist, because nobody has looked for a coordinator yet.
std::optional<GroupHome> home_of_group(const RequestContext& context, std::string_view group_id);

/// Who is asking, as members are shown.
GroupClient group_client(const RequestContext& context);

/// Runs `operation(coordinator, token, moment)` where the group lives and brings its reply here, or
/// what `refuse(error)` makes of a coordinator that cannot be asked.
template <class Response, class Operation, class Refuse>
net::Awaitable<Response> coordinate(RequestContext& context, std::string_view group_id,
                                    Operation operation, Refuse refuse) {
  const auto home = home_of_group(context, group_id);
  if (!home) co_return refuse(protocol::ErrorCode::coordinator_not_available);
  auto work = [place = *home, operation = std::move(operation),
               refuse](Answer<Response> answer) mutable {
    GroupService& groups = place.shard->groups();
    const auto error = groups.available(place.partition);
    if (error != protocol::ErrorCode::none) return answer(refuse(error));
    groups.run(place.partition, operation,
               [answer = std::move(answer)](GroupReply::Response reply) mutable {
                 answer(std::get<Response>(std::move(reply)));
               });
  };
  auto asked = ask<Response>(context.shard, *home->shard, std::move(work));
  co_return co_await std::move(asked);
}

/// The same for a question that changes nothing: `question(coordinator)` is the answer.
template <class Response, class Question, class Refuse>
net::Awaitable<Response> consult(RequestContext& context, std::string_view group_id,
                                 Question question, Refuse refuse) {
  const auto home = home_of_group(context, group_id);
  if (!home) co_return refuse(protocol::ErrorCode::coordinator_not_available);
  auto work = [place = *home, question = std::move(question),
               refuse](Answer<Response> answer) mutable {
    GroupService& groups = place.shard->groups();
    const auto error = groups.available(place.partition);
    answer(error == protocol::ErrorCode::none ? question(groups.look(place.partition))
                                              : refuse(error));
  };
  auto asked = ask<Response>(context.shard, *home->shard, std::move(work));
  co_return co_await std::move(asked);
}

}  // namespace millrace::broker
