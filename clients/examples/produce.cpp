// Sends each line of stdin as a record: produce HOST:PORT TOPIC <FILE
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "clients/producer.hpp"
#include "protocol/net/asio_runtime.hpp"

using namespace millrace;
using namespace millrace::clients;

namespace {

struct Count {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
};

/// Reading stdin blocks, which is fine while nothing else runs on this thread but the producer: it
/// goes on whenever this waits for room, and in `flush`.
net::Awaitable<void> send_lines(Producer& producer, const std::string& topic, Count& count) {
  const auto note = [&count](const Outcome<Delivered>& outcome) {
    if (outcome) {
      ++count.delivered;
    } else if (++count.failed == 1) {
      fmt::print(stderr, "{}\n", outcome.error().message);
    }
  };
  std::string line;
  while (count.failed == 0 && std::getline(std::cin, line)) {
    const RecordRef record{.topic = topic, .value = as_bytes(line)};
    auto taken = producer.enqueue(record, note);
    while (!taken && taken.error().code == Errc::buffer_full) {
      co_await producer.room();
      taken = producer.enqueue(record, note);
    }
    if (!taken) note(taken.error());
  }
}

net::Awaitable<int> whole(Client& client, std::string topic) {
  Producer producer{client, {.codec = protocol::Codec::lz4}};
  Count count;
  co_await send_lines(producer, topic, count);
  const auto deadline = client.now() + std::chrono::minutes{2};
  const auto flushed = co_await producer.flush(deadline);
  co_await producer.stop();
  co_await client.stop();
  fmt::print("delivered {}, failed {}\n", count.delivered, count.failed);
  co_return flushed&& count.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto bootstrap = parse_bootstrap(argc == 3 ? argv[1] : "");
  if (!bootstrap) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC <FILE\n", argv[0]);
    return 2;
  }
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{scheduler, rng, {.bootstrap = *bootstrap}};
  return net::run_blocking(scheduler, whole(client, argv[2]));
}
