#include "broker/handlers/handlers.hpp"
#include "broker/metadata_service.hpp"
#include "broker/shard.hpp"

namespace millrace::broker {

net::Awaitable<InitProducerId::Response> InitProducerId::handle(Request request,
                                                                RequestContext& context) {
  Response response;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    // Transactions are not served yet. Idempotence without a transactional id is.
    response.error_code = protocol::ErrorCode::invalid_request;
    co_return response;
  }
  const auto id = co_await context.node.metadata->next_producer_id(context.shard);
  if (!id) {
    response.error_code = protocol::ErrorCode::coordinator_not_available;
    co_return response;
  }
  response.producer_id = id->value;
  response.producer_epoch = 0;
  co_return response;
}

}  // namespace millrace::broker
