// A project of somebody else: it tests itself against a broker in memory.
#include <cstdio>

#include "clients/producer.hpp"
#include "protocol/net/asio_runtime.hpp"
#include "testing/broker.hpp"

using namespace millrace;
using namespace millrace::clients;

namespace {

net::Awaitable<bool> send_one(Client& client) {
  Producer producer{client, {}};
  const auto delivered = co_await producer.send({.topic = "t", .value = "from outside"});
  co_await producer.stop();
  co_await client.stop();
  if (!delivered) std::fprintf(stderr, "%s\n", delivered.error().message.c_str());
  co_return delivered && delivered->offset == Offset{0};
}

}  // namespace

int main() {
  testing::Broker broker;
  broker.fail_next(protocol::ApiKey::produce, protocol::ErrorCode::not_enough_replicas);
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{
      scheduler,
      rng,
      {.bootstrap = *parse_bootstrap(broker.address()), .allow_auto_topic_creation = true}};
  const bool good = net::run_blocking(scheduler, send_one(client));
  return good && broker.requests(protocol::ApiKey::produce) == 2 ? 0 : 1;
}
