// A table on a compacted topic, whose broker keeps the last record of each key:
//
//     table HOST:PORT TOPIC set KEY VALUE
//     table HOST:PORT TOPIC get KEY
//     table HOST:PORT TOPIC delete KEY
//     table HOST:PORT TOPIC list
//
// A record without a value takes its key out of the table. To look something up the topic is read
// from start to end; a program that looks up often keeps the map and goes on reading.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <span>

#include "clients/admin.hpp"
#include "clients/consumer.hpp"
#include "clients/producer.hpp"
#include "protocol/net/asio_runtime.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;

namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Words = std::vector<std::string>;

net::Awaitable<Outcome<void>> create(Client& client, const std::string& topic) {
  Admin admin{client};
  const NewTopic wanted{.name = topic, .configs = {{"cleanup.policy", "compact"}}};
  const auto deadline = client.now() + 10s;
  const auto created = co_await admin.create_topics({wanted}, deadline);
  if (!created) co_return created.error();
  const auto& outcome = created->front().second;
  if (!outcome && outcome.error().broker_code != protocol::ErrorCode::topic_already_exists)
    co_return outcome.error();
  co_return Outcome<void>{};
}

/// Done when the broker has it: whoever reads from now on sees it.
net::Awaitable<Outcome<void>> write(Client& client, std::string topic, std::string key,
                                    std::optional<std::string> value) {
  Producer producer{client, {.linger = 0ms}};
  const auto delivered = co_await producer.send(
      {.topic = std::move(topic), .key = std::move(key), .value = std::move(value)});
  co_await producer.stop();
  if (!delivered) co_return delivered.error();
  co_return Outcome<void>{};
}

net::Awaitable<Outcome<void>> read_into(Rows& rows, Consumer& consumer, Client& client,
                                        const std::string& topic) {
  const auto deadline = client.now() + 60s;
  const auto known = co_await client.await_topic(topic, deadline);
  if (!known) co_return known.error();
  std::vector<TopicPartition> partitions;
  std::vector<Assignment> from_start;
  for (const auto& partition : client.metadata().topic(topic)->partitions) {
    partitions.push_back({topic, partition.index});
    from_start.push_back({.partition = partitions.back()});
  }
  const auto ends = co_await consumer.end_offsets(std::move(partitions), deadline);
  if (!ends) co_return ends.error();
  const auto assigned = consumer.assign(std::move(from_start));
  if (!assigned) co_return assigned.error();
  const auto read_all = [&] {
    return std::ranges::all_of(*ends, [&](const auto& end) {
      const auto position = consumer.position(end.first);
      return end.second == Offset{0} || (position && *position >= end.second);
    });
  };
  while (!read_all()) {
    const auto records = co_await consumer.poll(deadline);
    if (!records) co_return records.error();
    for (const auto& record : *records) {
      const std::string key{record.key_text().value_or("")};
      if (record.value) {
        rows.insert_or_assign(key, std::string{*record.value_text()});
      } else {
        rows.erase(key);
      }
    }
  }
  co_return Outcome<void>{};
}

net::Awaitable<Outcome<Rows>> read(Client& client, std::string topic) {
  Rows rows;
  Consumer consumer{client, {.isolation = Isolation::read_committed}};
  const auto outcome = co_await read_into(rows, consumer, client, topic);
  const auto deadline = client.now() + 5s;
  co_await consumer.stop(deadline);
  if (!outcome) co_return outcome.error();
  co_return rows;
}

/// What `words` ask for; gives the exit code.
net::Awaitable<Outcome<int>> run(Client& client, const std::string& topic, const Words& words) {
  const auto created = co_await create(client, topic);
  if (!created) co_return created.error();
  if (words.front() == "set" || words.front() == "delete") {
    std::optional<std::string> value;
    if (words.front() == "set") value = words.at(2);
    const auto written = co_await write(client, topic, words.at(1), std::move(value));
    if (!written) co_return written.error();
    co_return 0;
  }
  const auto rows = co_await read(client, topic);
  if (!rows) co_return rows.error();
  if (words.front() == "list") {
    for (const auto& [key, value] : *rows) fmt::print("{} = {}\n", key, value);
    co_return 0;
  }
  const auto found = rows->find(words.at(1));
  if (found == rows->end()) co_return 1;
  fmt::print("{}\n", found->second);
  co_return 0;
}

net::Awaitable<int> whole(Client& client, std::string topic, Words words) {
  const auto outcome = co_await run(client, topic, words);
  co_await client.stop();
  if (outcome) co_return *outcome;
  fmt::print(stderr, "{}\n", outcome.error().message);
  co_return 1;
}

bool is_right(const Words& words) {
  static const std::map<std::string, std::size_t> kWords{
      {"set", 3}, {"get", 2}, {"delete", 2}, {"list", 1}};
  if (words.empty()) return false;
  const auto verb = kWords.find(words.front());
  return verb != kWords.end() && verb->second == words.size();
}

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv + std::min(argc, 3), argv + argc);
  const auto bootstrap = parse_bootstrap(is_right(words) ? argv[1] : "");
  if (!bootstrap) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC set KEY VALUE|get KEY|delete KEY|list\n",
               argv[0]);
    return 2;
  }
  const SystemClock clock;
  SystemRng rng;
  net::AsioScheduler scheduler{clock};
  Client client{scheduler, rng, {.bootstrap = *bootstrap}};
  return net::run_blocking(scheduler, whole(client, argv[2], words));
}
