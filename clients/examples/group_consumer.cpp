// Prints what its group has not read yet, until Ctrl-C: group_consumer HOST:PORT GROUP TOPIC
// Start several: they share the partitions. One that dies is replaced by the others.
#include <fmt/format.h>

#include <cstdio>

#include "clients/consumer.hpp"
#include "protocol/net/asio_runtime.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;

namespace {

net::Awaitable<void> tell(std::string what, std::vector<TopicPartition> partitions) {
  for (const auto& each : partitions)
    fmt::print(stderr, "{} {}-{}\n", what, each.topic, each.partition.value);
  co_return;
}

/// What a poll returned is committed from inside a later one: a record that was printed just before
/// a crash may be printed again, and none is left out.
net::Awaitable<bool> read(Consumer& consumer, Client& client, const bool& stop_asked) {
  while (!stop_asked) {
    const auto deadline = client.now() + 200ms;
    const auto records = co_await consumer.poll(deadline);
    if (!records) {
      fmt::print(stderr, "{}\n", records.error().message);
      if (!records.error().retriable) co_return false;
      continue;
    }
    for (const auto& record : *records) {
      fmt::print("{}-{} {}: {} = {}\n", record.topic(), record.partition().value,
                 record.offset.value, record.key_text().value_or("(no key)"),
                 record.value_text().value_or("(none)"));
    }
    std::fflush(stdout);
  }
  co_return true;
}

net::Awaitable<int> whole(Client& client, std::string group, std::string topic,
                          const bool& stop_asked) {
  Consumer consumer{
      client,
      {.on_assigned = [](auto partitions) { return tell("took", std::move(partitions)); },
       .on_revoked = [](auto partitions) { return tell("gave up", std::move(partitions)); }}};
  const auto subscribed = consumer.subscribe({std::move(topic)}, std::move(group));
  bool good = subscribed.has_value();
  if (good) good = co_await read(consumer, client, stop_asked);
  const auto deadline = client.now() + 10s;
  co_await consumer.stop(deadline);
  co_await client.stop();
  co_return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto bootstrap = parse_bootstrap(argc == 4 ? argv[1] : "");
  if (!bootstrap) {
    fmt::print(stderr, "usage: {} HOST:PORT GROUP TOPIC\n", argv[0]);
    return 2;
  }
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{scheduler, rng, {.bootstrap = *bootstrap}};
  bool stop_asked = false;
  const net::SignalWatch signals{scheduler, [&stop_asked](int) { stop_asked = true; }};
  return net::run_blocking(scheduler, whole(client, argv[2], argv[3], stop_asked));
}
