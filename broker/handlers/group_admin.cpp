#include "broker/handlers/brokers.hpp"
#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/handlers.hpp"

/// Looking at groups, and deleting them.
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Described = protocol::DescribeGroupsResponse::DescribedGroup;
using Listed = protocol::ListGroupsResponse::ListedGroup;
using Deleted = protocol::DeleteGroupsResponse::DeletableGroupResult;

}  // namespace

net::Awaitable<DescribeGroups::Response> DescribeGroups::handle(Request request,
                                                                RequestContext& context) {
  Response response;
  for (const auto& id : request.groups) {
    auto question = [&id, &request, version = context.version()](const GroupCoordinator& core) {
      auto group = core.describe(id, version);
      if (request.include_rebalances) core.describe_rebalances(id, group);
      return group;
    };
    auto refuse = [&id](ErrorCode error) {
      Described group;
      group.group_id = id;
      group.error_code = error;
      return group;
    };
    auto consulted = consult<Described>(context, id, question, refuse);
    auto group = co_await std::move(consulted);
    if (request.include_authorized_operations) group.authorized_operations = kAllGroupOperations;
    response.groups.push_back(std::move(group));
  }
  co_return response;
}

net::Awaitable<ListGroups::Response> ListGroups::handle(Request request, RequestContext& context) {
  Response response;
  struct Share {
    bool loading = false;
    std::vector<Listed> groups;
  };
  for (const auto& shard : context.node.shards) {
    auto work = [&request, target = shard.get()](Answer<Share> answer) {
      Share share;
      share.loading = target->groups().loading();
      for (const GroupCoordinator* const core : target->groups().all()) {
        auto listed = core->list(request.states_filter, request.types_filter);
        std::ranges::move(listed, std::back_inserter(share.groups));
      }
      answer(std::move(share));
    };
    auto asked = ask<Share>(context.shard, *shard, std::move(work));
    auto share = co_await std::move(asked);
    if (share.loading) response.error_code = ErrorCode::coordinator_load_in_progress;
    std::ranges::move(share.groups, std::back_inserter(response.groups));
  }
  std::ranges::sort(response.groups, {}, &Listed::group_id);
  co_return response;
}

net::Awaitable<DeleteGroups::Response> DeleteGroups::handle(Request request,
                                                            RequestContext& context) {
  Response response;
  for (const auto& id : request.groups_names) {
    auto operation = [id](GroupCoordinator& core, ReplyToken token, const Moment& at) {
      return core.delete_group(id, token, at);
    };
    auto refuse = [id](ErrorCode error) {
      Deleted deleted;
      deleted.group_id = id;
      deleted.error_code = error;
      return deleted;
    };
    auto coordinated = coordinate<Deleted>(context, id, std::move(operation), refuse);
    auto deleted = co_await std::move(coordinated);
    response.results.push_back(std::move(deleted));
  }
  co_return response;
}

}  // namespace millrace::broker
