#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/handlers.hpp"

/// Committed offsets of groups.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using CommittedOffsets = protocol::OffsetFetchResponse::OffsetFetchResponseGroup;

constexpr std::int16_t kManyGroupsSince = 8;

}  // namespace

net::Awaitable<OffsetCommit::Response> OffsetCommit::handle(Request request,
                                                            RequestContext& context) {
  auto shared = std::make_shared<const Request>(std::move(request));
  auto operation = [shared, client = group_client(context), image = context.shard.image()](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.offset_commit(*shared, client, token, at, ImageDirectory{image});
  };
  auto refuse = [shared](ErrorCode error) {
    Response response;
    for (const auto& topic : shared->topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = topic.name;
      answer.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        auto& told = answer.partitions.emplace_back();
        told.partition_index = partition.partition_index;
        told.error_code = error;
      }
    }
    return response;
  };
  auto committed =
      coordinate<Response>(context, shared->group_id, std::move(operation), std::move(refuse));
  co_return co_await std::move(committed);
}

net::Awaitable<OffsetDelete::Response> OffsetDelete::handle(Request request,
                                                            RequestContext& context) {
  const std::string group = request.group_id;
  auto operation = [request = std::move(request), image = context.shard.image()](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.offset_delete(request, token, at, ImageDirectory{image});
  };
  auto refuse = [](ErrorCode error) {
    Response response;
    response.error_code = error;
    return response;
  };
  auto deleted = coordinate<Response>(context, group, std::move(operation), refuse);
  co_return co_await std::move(deleted);
}

net::Awaitable<OffsetFetch::Response> OffsetFetch::handle(Request request,
                                                          RequestContext& context) {
  const std::int16_t version = context.version();
  const bool many = version >= kManyGroupsSince;
  if (!many) request.groups = {single_group_form(request)};
  Response response;
  for (const auto& wanted : request.groups) {
    auto question = [&wanted, version, stable = request.require_stable,
                     image = context.shard.image()](const GroupCoordinator& core) {
      return core.offset_fetch(wanted, version, ImageDirectory{image}, stable);
    };
    auto refuse = [&wanted](ErrorCode error) {
      CommittedOffsets group;
      group.group_id = wanted.group_id;
      group.error_code = error;
      return group;
    };
    auto consulted = consult<CommittedOffsets>(context, wanted.group_id, question, refuse);
    auto group = co_await std::move(consulted);
    response.groups.push_back(std::move(group));
  }
  if (many) co_return response;
  co_return flat_form(response.groups.front());
}

}  // namespace millrace::broker
