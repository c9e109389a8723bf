#include "broker/handlers/brokers.hpp"
#include "broker/handlers/coordinated.hpp"
#include "broker/handlers/handlers.hpp"

/// Groups of the consumer protocol (KIP-848). All decisions are the coordinator's
/// (broker/group/consumer/).
namespace millrace::broker {
namespace {

using protocol::ErrorCode;
using Described = protocol::ConsumerGroupDescribeResponse::DescribedGroup;

}  // namespace

net::Awaitable<ConsumerGroupHeartbeat::Response> ConsumerGroupHeartbeat::handle(
    Request request, RequestContext& context) {
  const std::string group = request.group_id;
  const auto refuse = [](ErrorCode error) {
    Response response;
    response.error_code = error;
    return response;
  };
  if (!context.node.settings.groups.consumer.offered) {
    co_return refuse(ErrorCode::unsupported_version);
  }
  // Topics are looked at as the group's own shard sees them: views of two shards would alternate.
  const auto home = home_of_group(context, group);
  if (!home) co_return refuse(ErrorCode::coordinator_not_available);
  auto operation = [request = std::move(request), client = group_client(context),
                    owner = home->shard, &rng = context.node.world.rng](
                       GroupCoordinator& core, ReplyToken token, const Moment& at) {
    return core.consumer_heartbeat(request, client, token, at, ImageDirectory{owner->image()}, rng);
  };
  auto heard = coordinate<Response>(context, group, std::move(operation), refuse);
  co_return co_await std::move(heard);
}

net::Awaitable<ConsumerGroupDescribe::Response> ConsumerGroupDescribe::handle(
    Request request, RequestContext& context) {
  Response response;
  for (const auto& id : request.group_ids) {
    auto question = [&id, image = context.shard.image()](const GroupCoordinator& core) {
      return core.describe_consumer(id, ImageDirectory{image});
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

}  // namespace millrace::broker
