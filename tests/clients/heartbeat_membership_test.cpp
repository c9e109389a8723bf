#include "clients/heartbeat_membership.hpp"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::clients;
using namespace std::chrono_literals;
using protocol::ErrorCode;
using After = HeartbeatMembership::After;
using Request = HeartbeatMembership::Request;
using Response = HeartbeatMembership::Response;

namespace {

const TopicId kTopic{{1}};

IdPartitions parts(std::initializer_list<std::int32_t> indexes, const TopicId& topic = kTopic) {
  IdPartitions all;
  for (const auto index : indexes) all.insert({topic, PartitionIndex{index}});
  return all;
}

std::optional<IdPartitions> told(const Request& request) {
  if (!request.topic_partitions) return std::nullopt;
  IdPartitions all;
  for (const auto& topic : *request.topic_partitions) {
    for (const auto index : topic.partitions) all.insert({topic.topic_id, PartitionIndex{index}});
  }
  return all;
}

Response fine(std::int32_t epoch, const std::optional<IdPartitions>& assigned = std::nullopt) {
  Response response{
      .member_id = std::string{"me"}, .member_epoch = epoch, .heartbeat_interval_ms = 3'000};
  if (!assigned) return response;
  response.assignment.emplace();
  for (const auto& at : *assigned) {
    auto& topics = response.assignment->topic_partitions;
    if (topics.empty() || topics.back().topic_id != at.topic) {
      topics.emplace_back().topic_id = at.topic;
    }
    topics.back().partitions.push_back(at.partition.value);
  }
  return response;
}

Response error(ErrorCode code) {
  return {.error_code = code, .error_message = std::string{"because"}};
}

/// A member of group `g` that wants topic `t`, at 100 s.
struct Bench {
  explicit Bench(ConsumerOptions with = {}) : options{std::move(with)} {
    member.subscribe({.names = {"t"}}, now);
  }
  Request join() {
    member.join(now);
    return member.heartbeat();
  }
  /// Joined, and owns what it was assigned.
  void settle(std::int32_t epoch, const IdPartitions& partitions) {
    join();
    member.answered(fine(epoch, partitions), now);
    member.took(member.to_take(), now);
    member.heartbeat();
    member.answered(fine(epoch), now);
  }

  Instant now{100s};
  ConsumerOptions options;
  HeartbeatMembership member{options, "g", "me"};
};

}  // namespace

TEST_CASE("heartbeats: a join says everything, and owns nothing", "[clients][group]") {
  Bench bench{{.rack = "r1", .group_instance_id = "one", .remote_assignor = "range"}};
  CHECK_FALSE(bench.member.due());
  const auto request = bench.join();
  CHECK(request.group_id == "g");
  CHECK(request.member_id == "me");
  CHECK(request.member_epoch == 0);
  CHECK(request.instance_id == "one");
  CHECK(request.rack_id == "r1");
  CHECK(request.server_assignor == "range");
  CHECK(request.rebalance_timeout_ms == 300'000);
  CHECK(request.subscribed_topic_names == std::vector<std::string>{"t"});
  CHECK_FALSE(request.subscribed_topic_regex);  // older brokers have no room for it
  CHECK(told(request) == IdPartitions{});
  CHECK_FALSE(bench.member.epoch());
}

TEST_CASE("heartbeats: what has not changed is not said again, at the interval of the answer",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0, 1}));
  CHECK(bench.member.epoch() == 4);
  CHECK(bench.member.due() == bench.now + 3s);
  const auto request = bench.member.heartbeat();
  CHECK_FALSE(bench.member.due());  // one at a time
  CHECK(request == Request{.group_id = "g", .member_id = "me", .member_epoch = 4});
}

TEST_CASE("heartbeats: after one without an answer everything is said again", "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0, 1}));
  bench.member.heartbeat();
  bench.member.unanswered();
  bench.member.retry_at(bench.now + 50ms);
  CHECK(bench.member.due() == bench.now + 50ms);
  const auto request = bench.member.heartbeat();
  CHECK(request.member_epoch == 4);
  CHECK(request.subscribed_topic_names == std::vector<std::string>{"t"});
  CHECK(request.rebalance_timeout_ms == 300'000);
  CHECK(told(request) == parts({0, 1}));
}

TEST_CASE("heartbeats: an assignment is taken, and then said to be owned", "[clients][group]") {
  Bench bench;
  bench.join();
  bench.member.answered(fine(1, parts({0, 2})), bench.now);
  CHECK(bench.member.to_take() == parts({0, 2}));
  CHECK(bench.member.owned().empty());
  CHECK(bench.member.due() == bench.now + 3s);  // not before there is something to say
  bench.member.took(parts({0, 2}), bench.now);
  CHECK(bench.member.due() == bench.now);
  CHECK(told(bench.member.heartbeat()) == parts({0, 2}));
}

TEST_CASE("heartbeats: what is taken away is given up before anything is taken",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0, 1}));
  bench.member.heartbeat();
  bench.member.answered(fine(5, parts({1, 7})), bench.now);
  CHECK(bench.member.to_give_up() == parts({0}));
  CHECK(bench.member.to_take().empty());
  CHECK(bench.member.owned() == parts({0, 1}));
  bench.member.gave_up(parts({0}), bench.now);
  CHECK(bench.member.due() == bench.now);
  CHECK(told(bench.member.heartbeat()) == parts({1, 7}));
  bench.member.answered(fine(5), bench.now);
  CHECK(bench.member.to_take() == parts({7}));
}

TEST_CASE("heartbeats: what is about to be taken counts as owned, so that nobody else is given it",
          "[clients][group]") {
  Bench bench;
  bench.join();
  bench.member.answered(fine(1, parts({0})), bench.now);
  CHECK(told(bench.member.heartbeat()) == parts({0}));
  bench.member.unanswered();
  CHECK(told(bench.member.heartbeat()) == parts({0}));
  // Withdrawn before it was taken.
  bench.member.answered(fine(2, parts({})), bench.now);
  CHECK(bench.member.to_take().empty());
  CHECK(told(bench.member.heartbeat()) == parts({}));
}

TEST_CASE("heartbeats: an assignment that was withdrawn before it was taken is acknowledged",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0}));
  bench.member.heartbeat();
  bench.member.answered(fine(5, parts({0, 1})), bench.now);
  bench.member.heartbeat();
  const auto version = bench.member.assignment_version();
  bench.member.answered(fine(5, parts({0})), bench.now);
  CHECK(bench.member.assignment_version() != version);
  CHECK(bench.member.to_take().empty());
  // The server waits to hear that partition 1 is free, though 0 is all that was ever owned.
  CHECK(bench.member.due() == bench.now);
  CHECK(told(bench.member.heartbeat()) == parts({0}));
  bench.member.answered(fine(6), bench.now);
  CHECK_FALSE(told(bench.member.heartbeat()));
}

TEST_CASE("heartbeats: what was prepared in one epoch does not hold in the next",
          "[clients][group]") {
  Bench bench;
  bench.join();
  bench.member.answered(fine(1, parts({0})), bench.now);
  const auto version = bench.member.assignment_version();
  bench.member.heartbeat();
  bench.member.answered(fine(1), bench.now);
  CHECK(bench.member.assignment_version() == version);
  bench.member.heartbeat();
  bench.member.answered(fine(2, parts({0})), bench.now);
  CHECK(bench.member.assignment_version() != version);
}

TEST_CASE("heartbeats: what changes while one is under way is said by the next",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0}));
  bench.member.heartbeat();
  bench.member.answered(fine(4, parts({0, 1})), bench.now);
  bench.member.heartbeat();
  bench.member.took(parts({1, 2}), bench.now);
  bench.member.subscribe({.names = {"t", "u"}}, bench.now);
  CHECK_FALSE(bench.member.due());
  bench.member.answered(fine(4), bench.now);
  CHECK(bench.member.due() == bench.now);
  const auto request = bench.member.heartbeat();
  CHECK(told(request) == parts({0, 1, 2}));
  CHECK(request.subscribed_topic_names == std::vector<std::string>{"t", "u"});
}

TEST_CASE("heartbeats: an expression is said once it is there, and taken back by an empty one",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, {});
  bench.member.subscribe({.pattern = "o.*"}, bench.now);
  auto request = bench.member.heartbeat();
  CHECK(request.subscribed_topic_names == std::vector<std::string>{});
  CHECK(request.subscribed_topic_regex == "o.*");
  bench.member.answered(fine(5), bench.now);
  CHECK_FALSE(bench.member.heartbeat().subscribed_topic_regex);
  bench.member.answered(fine(5), bench.now);
  bench.member.subscribe({.names = {"u"}}, bench.now);
  request = bench.member.heartbeat();
  CHECK(request.subscribed_topic_names == std::vector<std::string>{"u"});
  CHECK(request.subscribed_topic_regex == "");
}

TEST_CASE("heartbeats: a member that is fenced joins anew when it has let go of everything",
          "[clients][group]") {
  for (const auto code : {ErrorCode::fenced_member_epoch, ErrorCode::unknown_member_id,
                          ErrorCode::group_id_not_found}) {
    Bench bench;
    bench.settle(4, parts({0, 1}));
    bench.member.heartbeat();
    const auto answer = bench.member.answered(error(code), bench.now);
    CHECK(answer.after == After::lost);
    CHECK_FALSE(answer.error);
    CHECK(bench.member.lost());
    CHECK(bench.member.is_out());
    CHECK_FALSE(bench.member.epoch());
    CHECK_FALSE(bench.member.due());
    CHECK(bench.member.to_give_up() == parts({0, 1}));
    CHECK(bench.member.to_take().empty());
    bench.member.gave_up(parts({0, 1}), bench.now);
    CHECK_FALSE(bench.member.lost());
    const auto request = bench.join();
    CHECK(request.member_id == "me");
    CHECK(request.member_epoch == 0);
    CHECK(told(request) == IdPartitions{});
    bench.member.answered(fine(9, parts({1})), bench.now);
    CHECK(bench.member.to_take() == parts({1}));
  }
}

TEST_CASE("heartbeats: each error decides what is still ours and who is asked next",
          "[clients][group]") {
  const auto after = [](ErrorCode code, bool joining) {
    Bench bench;
    if (joining) {
      bench.join();
    } else {
      bench.settle(4, parts({0}));
      bench.member.heartbeat();
    }
    const auto answer = bench.member.answered(error(code), bench.now);
    return std::tuple{answer.after, answer.error.has_value(), bench.member.is_out()};
  };
  using Told = std::tuple<After, bool, bool>;
  for (const bool joining : {false, true}) {
    CHECK(after(ErrorCode::not_coordinator, joining) ==
          Told{After::find_coordinator, false, false});
    CHECK(after(ErrorCode::coordinator_not_available, joining) ==
          Told{After::find_coordinator, false, false});
    CHECK(after(ErrorCode::coordinator_load_in_progress, joining) ==
          Told{After::retry, false, false});
    CHECK(after(ErrorCode::unknown_server_error, joining) == Told{After::refused, true, true});
    CHECK(after(ErrorCode::invalid_request, joining) == Told{After::refused, true, true});
    CHECK(after(ErrorCode::unsupported_assignor, joining) == Told{After::refused, true, true});
    CHECK(after(ErrorCode::invalid_regular_expression, joining) ==
          Told{After::refused, true, true});
    CHECK(after(ErrorCode::group_authorization_failed, joining) ==
          Told{After::refused, true, true});
    CHECK(after(ErrorCode::fenced_instance_id, joining) == Told{After::refused, true, true});
  }
  CHECK(after(ErrorCode::group_max_size_reached, true) == Told{After::refused, true, true});
  CHECK(after(ErrorCode::group_id_not_found, true) == Told{After::refused, true, true});
}

TEST_CASE("heartbeats: an instance id that is not free is told, and asked for again",
          "[clients][group]") {
  Bench bench{{.group_instance_id = "one"}};
  bench.join();
  const auto answer = bench.member.answered(error(ErrorCode::unreleased_instance_id), bench.now);
  CHECK(answer.after == After::retry);
  REQUIRE(answer.error);
  CHECK(answer.error->retriable);
  CHECK_FALSE(bench.member.is_out());
  bench.member.retry_at(bench.now + 1s);
  CHECK(bench.member.due() == bench.now + 1s);
  CHECK(bench.member.heartbeat().member_epoch == 0);
}

TEST_CASE("heartbeats: who leaves says so, and a static member that it may come back",
          "[clients][group]") {
  Bench bench;
  bench.settle(4, parts({0}));
  CHECK(bench.member.leave() == Request{.group_id = "g", .member_id = "me", .member_epoch = -1});
  CHECK(bench.member.is_out());
  CHECK(bench.member.to_give_up() == parts({0}));
  Bench lasting{{.group_instance_id = "one"}};
  lasting.settle(4, parts({0}));
  CHECK(lasting.member.leave().member_epoch == -2);
}

TEST_CASE("heartbeats: an answer that comes when the member has left changes nothing",
          "[clients][group]") {
  Bench bench;
  bench.join();
  static_cast<void>(bench.member.leave());
  bench.member.answered(fine(3, parts({0})), bench.now);
  CHECK(bench.member.is_out());
  CHECK(bench.member.to_take().empty());
}

TEST_CASE("heartbeats: a topic made anew under its name is another one", "[clients][group]") {
  const TopicId anew{{2}};
  Bench bench;
  bench.settle(4, parts({0}));
  bench.member.heartbeat();
  bench.member.answered(fine(5, parts({0}, anew)), bench.now);
  CHECK(bench.member.to_give_up() == parts({0}));
  CHECK(bench.member.to_take().empty());
  bench.member.gave_up(parts({0}), bench.now);
  CHECK(bench.member.to_take() == parts({0}, anew));
}
