#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/handlers.hpp"

/// Membership of classic groups: join, sync, heartbeat, leave. All decisions are the coordinator's
/// (broker/group/).
namespace millrace::broker {
namespace {

using protocol::ErrorCode;

/// An answer that says nothing but `error`.
template <class Response>
auto only_error() {
  return [](ErrorCode error) {
    Response response;
    response.error_code = error;
    return response;
  };
}

}  // namespace

net::Awaitable<JoinGroup::Response> JoinGroup::handle(Request request, RequestContext& context) {
  const std::string group = request.group_id;
  const auto home = home_of_group(context, group);
  if (!home) co_return only_error<Response>()(ErrorCode::coordinator_not_available);
  auto operation = [request = std::move(request), client = group_client(context),
                    owner = home->shard, &rng = context.node.world.rng](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.join(request, client, token, at, ImageDirectory{owner->image()}, rng);
  };
  auto joined = coordinate<Response>(context, group, std::move(operation), only_error<Response>());
  co_return co_await std::move(joined);
}

net::Awaitable<SyncGroup::Response> SyncGroup::handle(Request request, RequestContext& context) {
  const std::string group = request.group_id;
  const auto home = home_of_group(context, group);
  if (!home) co_return only_error<Response>()(ErrorCode::coordinator_not_available);
  auto operation = [request = std::move(request), owner = home->shard](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.sync(request, token, at, ImageDirectory{owner->image()});
  };
  auto synced = coordinate<Response>(context, group, std::move(operation), only_error<Response>());
  co_return co_await std::move(synced);
}

net::Awaitable<Heartbeat::Response> Heartbeat::handle(Request request, RequestContext& context) {
  const std::string group = request.group_id;
  const auto home = home_of_group(context, group);
  if (!home) co_return only_error<Response>()(ErrorCode::coordinator_not_available);
  auto operation = [request = std::move(request), owner = home->shard](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.heartbeat(request, token, at, ImageDirectory{owner->image()});
  };
  auto refuse = [](ErrorCode error) {
    Response response;
    // A member must not lose its place because its coordinator has just started.
    const bool loading = error == ErrorCode::coordinator_load_in_progress;
    response.error_code = loading ? ErrorCode::none : error;
    return response;
  };
  auto beaten = coordinate<Response>(context, group, std::move(operation), refuse);
  co_return co_await std::move(beaten);
}

net::Awaitable<LeaveGroup::Response> LeaveGroup::handle(Request request, RequestContext& context) {
  const std::string group = request.group_id;
  const auto home = home_of_group(context, group);
  if (!home) co_return only_error<Response>()(ErrorCode::coordinator_not_available);
  auto operation = [request = std::move(request), client = group_client(context),
                    owner = home->shard](GroupCoordinator& core, ReplyToken token,
                                         const Moment& at) {
    return core.leave(request, client, token, at, ImageDirectory{owner->image()});
  };
  auto left = coordinate<Response>(context, group, std::move(operation), only_error<Response>());
  co_return co_await std::move(left);
}

}  // namespace millrace::broker
