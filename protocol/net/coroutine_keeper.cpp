#include "protocol/net/coroutine_keeper.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>

namespace millrace::net {

CoroutineKeeper* keeper_of(const Executor& executor) {
  // The common case first: looking a service up takes a lock and walks a list.
  if (executor.target_type() == typeid(boost::asio::io_context::executor_type)) return nullptr;
  auto& context = boost::asio::query(executor, boost::asio::execution::context);
  if (!boost::asio::has_service<CoroutineKeeperService>(context)) return nullptr;
  return boost::asio::use_service<CoroutineKeeperService>(context).keeper();
}

}  // namespace millrace::net
