// A consumer in a group of the consumer protocol, against a coordinator that does what a test says.
#include <catch2/catch.hpp>

#include "clients/heartbeat_membership.hpp"
#include "tests/clients/bench.hpp"
#include "tests/clients/printing.hpp"

using namespace millrace;
using namespace millrace::clients;
using namespace millrace::clients::test;
using protocol::ApiKey;
using protocol::ErrorCode;
using namespace std::chrono_literals;

namespace {

using Heartbeat = protocol::ConsumerGroupHeartbeatRequest;
using HeartbeatAnswer = protocol::ConsumerGroupHeartbeatResponse;
using Story = std::vector<std::string>;

net::Awaitable<void> done() {
  co_return;
}

/// A coordinator with one member, to whom `assign` gives partitions of `t`: as the real one does,
/// it takes back first, and moves on when it has heard that this is done.
struct FakeGroup {
  std::string topic = "t";
  std::int32_t epoch = 0;
  std::set<std::int32_t> target;
  std::set<std::int32_t> owned;  // as the member says
  std::vector<Heartbeat> heard;
  Story wrongs;

  void assign(std::set<std::int32_t> partitions) {
    target = std::move(partitions);
    ++epoch_to_come;
  }
  HeartbeatAnswer operator()(const Heartbeat& request) {
    heard.push_back(request);
    HeartbeatAnswer answer{.member_id = request.member_id, .heartbeat_interval_ms = 1'000};
    if (request.member_epoch < 0) {
      owned.clear();
      epoch = 0;
      answer.member_epoch = request.member_epoch;
      return answer;
    }
    if (request.member_epoch == 0) {
      if (!request.topic_partitions || !request.topic_partitions->empty()) {
        wrongs.push_back("it joined with partitions");
      }
      owned.clear();
      epoch = ++epoch_to_come;
    } else if (request.member_epoch != epoch) {
      answer.error_code = ErrorCode::fenced_member_epoch;
      return answer;
    }
    if (request.topic_partitions) {
      owned.clear();
      for (const auto& listed : *request.topic_partitions) {
        owned.insert(listed.partitions.begin(), listed.partitions.end());
      }
    }
    std::set<std::int32_t> kept;
    std::ranges::set_intersection(owned, target, std::inserter(kept, kept.end()));
    if (kept == owned) epoch = epoch_to_come;
    answer.member_epoch = epoch;
    auto& topics = answer.assignment.emplace().topic_partitions;
    const auto& told = kept == owned ? target : kept;
    if (!told.empty()) topics.push_back({topic_id_of(topic), {told.begin(), told.end()}});
    return answer;
  }

 private:
  std::int32_t epoch_to_come = 0;
};

struct GroupBench : Bench {
  explicit GroupBench(std::set<std::int32_t> partitions = {0, 1}) {
    group.assign(std::move(partitions));
    cluster.consumer_group = [this](const Heartbeat& request) { return group(request); };
    cluster.append(kFirst, batch({"a", "b"}));
    cluster.append(kSecond, batch({"c"}));
  }
  ConsumerOptions options() {
    const auto note = [this](const char* what) -> RebalanceCallback {
      return [this, what](std::vector<TopicPartition> partitions) {
        std::string line = what;
        for (const auto& at : partitions) line += std::to_string(at.partition.value);
        story.push_back(std::move(line));
        return done();
      };
    };
    return {.group_protocol = GroupProtocol::consumer,
            .on_assigned = note("+"),
            .on_revoked = note("-"),
            .on_lost = note("!")};
  }
  void poll_for(Consumer& consumer, std::chrono::seconds time) {
    run(poll_values(consumer, in(time), 100, values));
  }

  FakeGroup group;
  Story story;
  Values values;
};

}  // namespace

TEST_CASE("consumer protocol: a member joins, reads, gives up and gets only what moves",
          "[clients][consumer][group]") {
  GroupBench bench;
  Consumer consumer{*bench.client, bench.options()};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  bench.poll_for(consumer, 3s);
  CHECK(bench.values.size() == 3);
  CHECK(bench.story == Story{"+01"});
  CHECK(bench.group.owned == std::set{0, 1});
  CHECK(consumer.generation() == bench.group.epoch);
  CHECK(consumer.member_id().size() == 22);
  CHECK(*consumer.confirmed_at() > bench.in(-2s));

  bench.group.assign({0});
  bench.poll_for(consumer, 3s);
  CHECK(bench.story == Story{"+01", "-1"});
  CHECK(bench.cluster.committed[kSecond] == 1);  // before it was given up
  CHECK(bench.group.owned == std::set{0});
  bench.cluster.append(kSecond, batch({"d"}));
  bench.cluster.append(kFirst, batch({"e"}));
  bench.poll_for(consumer, 3s);
  CHECK(bench.values == Values{"a", "b", "c", "e"});  // 0 went on where it was

  bench.group.assign({0, 1});
  bench.poll_for(consumer, 3s);
  CHECK(bench.story == Story{"+01", "-1", "+1"});
  CHECK(bench.values == Values{"a", "b", "c", "e", "d"});
  bench.run(consumer.stop(bench.in(5s)));
  CHECK(bench.cluster.committed[kFirst] == 3);
  CHECK(bench.group.heard.back().member_epoch == -1);
  CHECK(bench.group.wrongs.empty());
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: commits carry the member epoch, and follow it",
          "[clients][consumer][group]") {
  GroupBench bench;
  auto options = bench.options();
  options.auto_commit = false;
  Consumer consumer{*bench.client, std::move(options)};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  bench.poll_for(consumer, 3s);
  REQUIRE(bench.run(consumer.commit(bench.in(5s))));
  CHECK(bench.cluster.generations_committed == std::vector{bench.group.epoch});
  // The coordinator is an epoch ahead: one heartbeat later the commit is right.
  bench.group.assign({0, 1});
  for (int i = 0; i < 2; ++i) {
    bench.cluster.errors[ApiKey::offset_commit].push_back(ErrorCode::stale_member_epoch);
  }
  const auto before = bench.group.epoch;
  REQUIRE(bench.run(consumer.commit(bench.in(5s))));
  CHECK(bench.cluster.generations_committed.size() == 3);
  CHECK(bench.cluster.generations_committed.back() > before);
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: an automatic commit that is retried never overtakes a later one",
          "[clients][consumer][group]") {
  enum class By { revocation, stop, application };
  for (const auto by : {By::revocation, By::stop, By::application}) {
    INFO(static_cast<int>(by));
    GroupBench bench{{0}};
    Consumer consumer{*bench.client, bench.options()};
    REQUIRE(consumer.subscribe({"t"}, "g"));
    bench.poll_for(consumer, 3s);
    REQUIRE(bench.values.size() == 2);
    // A failover, long enough for pauses between attempts that a later commit would fit into.
    auto& errors = bench.cluster.errors[ApiKey::offset_commit];
    errors.assign(6, ErrorCode::coordinator_not_available);
    for (int i = 0; i < 1000 && !errors.empty(); ++i) {
      bench.run(poll_values(consumer, bench.in(10ms), 100, bench.values));
    }
    REQUIRE(errors.empty());
    bench.cluster.append(kFirst, batch({"more"}));
    bench.run(poll_values(consumer, bench.in(300ms), 3, bench.values));
    REQUIRE(bench.values.size() == 3);
    if (by == By::application) {
      REQUIRE(bench.run(consumer.commit(bench.in(5s))));
    } else if (by == By::revocation) {
      bench.group.assign({});
      bench.poll_for(consumer, 3s);
      CHECK(bench.story == Story{"+0", "-0"});
    } else {
      bench.run(consumer.stop(bench.in(5s)));
    }
    CHECK(bench.cluster.committed[kFirst] == 3);
    bench.world.run_for(5s);
    CHECK(bench.cluster.committed[kFirst] == 3);
    if (by != By::stop) bench.run(consumer.stop(bench.in(5s)));
    bench.run(bench.client->stop());
  }
}

TEST_CASE("consumer protocol: a topic made anew gets no position of the one before",
          "[clients][consumer][group]") {
  GroupBench bench;
  Consumer consumer{*bench.client, bench.options()};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  bench.poll_for(consumer, 3s);
  REQUIRE(bench.values.size() == 3);
  CHECK(bench.cluster.committed.empty());
  bench.cluster.made_anew["t"] = topic_id_of("t of another life");
  bench.group.assign({});
  bench.poll_for(consumer, 1s);
  CHECK(bench.story == Story{"+01", "-01"});  // at once: nothing was waited for
  CHECK(bench.cluster.asked[ApiKey::offset_commit] == 1);
  CHECK(bench.cluster.committed.empty());
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: a fenced member loses everything and joins again",
          "[clients][consumer][group]") {
  for (const auto code : {ErrorCode::fenced_member_epoch, ErrorCode::unknown_member_id}) {
    GroupBench bench;
    Consumer consumer{*bench.client, bench.options()};
    REQUIRE(consumer.subscribe({"t"}, "g"));
    bench.poll_for(consumer, 3s);
    const auto id = consumer.member_id();
    bench.cluster.errors[ApiKey::consumer_group_heartbeat].push_back(code);
    bench.poll_for(consumer, 3s);
    CHECK(bench.story == Story{"+01", "!01", "+01"});
    CHECK(consumer.member_id() == id);
    CHECK(bench.group.wrongs.empty());
    bench.run(consumer.stop(bench.in(5s)));
    bench.run(bench.client->stop());
  }
}

TEST_CASE("consumer protocol: what the coordinator refuses is told, and tried again when polled",
          "[clients][consumer][group]") {
  GroupBench bench;
  auto options = bench.options();
  options.remote_assignor = "magic";
  Consumer consumer{*bench.client, std::move(options)};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  bench.cluster.errors[ApiKey::consumer_group_heartbeat].push_back(ErrorCode::unsupported_assignor);
  const auto refused = bench.run(consumer.poll(bench.in(5s)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().broker_code == ErrorCode::unsupported_assignor);
  bench.poll_for(consumer, 3s);
  CHECK(bench.values.size() == 3);
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: an application that stops polling leaves, and finds out",
          "[clients][consumer][group]") {
  GroupBench bench;
  auto options = bench.options();
  options.poll_interval_max = 4s;
  Consumer consumer{*bench.client, std::move(options)};
  REQUIRE(consumer.subscribe({"t"}, "g"));
  bench.poll_for(consumer, 3s);
  bench.world.run_for(6s);
  CHECK(bench.group.heard.back().member_epoch == -1);
  CHECK_FALSE(consumer.generation());
  CHECK(bench.story == Story{"+01"});  // who does not ask is not told
  bench.poll_for(consumer, 3s);
  CHECK(bench.story == Story{"+01", "!01", "+01"});
  bench.run(consumer.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: a pattern is matched by the coordinator",
          "[clients][consumer][group]") {
  GroupBench bench;
  Consumer consumer{*bench.client, bench.options()};
  CHECK_FALSE(consumer.subscribe_pattern("", "g"));
  REQUIRE(consumer.subscribe_pattern("t.*", "g"));
  bench.poll_for(consumer, 3s);
  CHECK(bench.values.size() == 3);
  CHECK(bench.group.heard.front().subscribed_topic_regex == "t.*");
  bench.run(consumer.stop(bench.in(5s)));
  Consumer classic{*bench.client, {}};
  CHECK_FALSE(classic.subscribe_pattern("t.*", "g"));
  bench.run(classic.stop(bench.in(5s)));
  bench.run(bench.client->stop());
}

TEST_CASE("consumer protocol: whatever fails on the way, the story is the same",
          "[clients][consumer][group]") {
  const std::map<ApiKey, ErrorCode> codes{
      {ApiKey::find_coordinator, ErrorCode::coordinator_not_available},
      {ApiKey::consumer_group_heartbeat, ErrorCode::not_coordinator},
      {ApiKey::metadata, ErrorCode::none},
      {ApiKey::offset_fetch, ErrorCode::coordinator_load_in_progress},
      {ApiKey::offset_commit, ErrorCode::coordinator_not_available},
      {ApiKey::fetch, ErrorCode::not_leader_or_follower}};
  for (const auto& [key, code] : codes) {
    for (const bool breaks : {true, false}) {
      for (const int from : {0, 1}) {  // at the first rebalance, or the second
        INFO("api " << static_cast<int>(key) << (breaks ? ", connection breaks" : ", error")
                    << ", rebalance " << from);
        GroupBench bench;
        const auto fail = [&] {
          if (breaks) {
            bench.cluster.silent[key] = 2;
          } else if (code != ErrorCode::none) {
            bench.cluster.errors[key] = {code, code};
          }
        };
        Consumer consumer{*bench.client, bench.options()};
        REQUIRE(consumer.subscribe({"t"}, "g"));
        if (from == 0) fail();
        bench.poll_for(consumer, 10s);
        CHECK(bench.story == Story{"+01"});
        if (from == 1) fail();
        bench.group.assign({1});
        bench.poll_for(consumer, 10s);
        CHECK(bench.story == Story{"+01", "-0"});
        CHECK(bench.group.owned == std::set{1});
        bench.group.assign({0, 1});
        bench.poll_for(consumer, 10s);
        CHECK(bench.story == Story{"+01", "-0", "+0"});
        CHECK(bench.cluster.committed[kFirst] == 2);
        CHECK(bench.values.size() == 3);  // each once
        CHECK(bench.group.wrongs.empty());
        bench.run(consumer.stop(bench.in(5s)));
        bench.run(bench.client->stop());
      }
    }
  }
}
