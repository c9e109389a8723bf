#include <fmt/format.h>

#include "clients/admin.hpp"
#include "tests/sim/actor_parts.hpp"
#include "tests/sim/actors.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;

/// True when there is such a topic now, by this call or by an earlier one whose answer was lost.
net::Awaitable<bool> create(Stage& stage, clients::Client& client) {
  const std::vector<clients::NewTopic> topics{{.name = kFleetingTopic, .partitions = 1}};
  const auto created = co_await clients::Admin{client}.create_topics(topics, stage.in(2s));
  if (!created) co_return false;
  const auto& outcome = created->front().second;
  co_return outcome || outcome.error().broker_code == ErrorCode::topic_already_exists;
}

net::Awaitable<bool> remove(Stage& stage, clients::Client& client) {
  const std::vector<std::string> names{kFleetingTopic};
  const auto removed = co_await clients::Admin{client}.delete_topics(names, stage.in(2s));
  if (!removed) co_return false;
  const auto& outcome = removed->front().second;
  co_return outcome || outcome.error().broker_code == ErrorCode::unknown_topic_or_partition;
}

net::Awaitable<void> fill(Stage& stage, clients::Client& client, const std::string& writer,
                          const LogName& log) {
  clients::Producer producer{client, {.delivery_timeout = 300s, .request_timeout = 3s}};
  Pen pen{stage, writer, true};
  for (auto left = stage.world.rng().below(15); left > 0; --left) {
    pen.write(producer, kFleetingTopic, PartitionIndex{0}, log, stage.world.rng().below(300));
  }
  co_await producer.flush(stage.in(300s));
  co_await producer.stop();
}

}  // namespace

/// One life after the other, so that nothing of a former one can be under way when the next begins.
net::Awaitable<void> recreate_topic(Stage& stage, SimScheduler& here) {
  Rng& rng = stage.world.rng();
  for (int life = 1; !stage.closing; ++life) {
    const LogName log = fmt::format("{}#{}-0", kFleetingTopic, life);
    const auto name = fmt::format("f{}", life);
    clients::Client client{here, rng, client_options(name)};
    bool exists = false;
    while (!exists) {
      exists = co_await create(stage, client);
      if (!exists) co_await net::sleep_until(here, stage.in(20ms));
    }
    stage.add(Note{fmt::format("{} is created", log)});
    co_await fill(stage, client, name, log);
    co_await net::sleep_until(here, stage.in(std::chrono::milliseconds{rng.below(400)}));
    std::vector<TopicPartition> partitions{{kFleetingTopic, PartitionIndex{0}}};
    const auto records = co_await read_to_end(stage, here, client, std::move(partitions));
    for (const auto& record : records) {
      stage.add(Stored{log, record.offset, std::string{record.value_text().value_or("(null)")}});
    }
    bool gone = false;
    while (!gone) {
      gone = co_await remove(stage, client);
      if (!gone) co_await net::sleep_until(here, stage.in(20ms));
    }
    stage.add(Note{fmt::format("{} is deleted", log)});
    co_await client.stop();
    co_await net::sleep_until(here, stage.in(std::chrono::milliseconds{rng.below(200)}));
  }
  --stage.others_left;
}

}  // namespace millrace::sim
