#include "broker/group/history.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace millrace::broker {
namespace {

using std::chrono::milliseconds;

Moment at(std::int64_t ms) {
  return {Instant{} + milliseconds{ms}, Timestamp{1'000'000 + ms}};
}

RebalanceTrigger cause(RebalanceCause what, std::int64_t ms) {
  RebalanceTrigger trigger;
  trigger.cause = what;
  trigger.at = at(ms).wall;
  return trigger;
}

Rebalance rebalance_of(const Ownership& before, const Ownership& after) {
  RebalanceRecorder recorder;
  recorder.trigger(cause(RebalanceCause::member_joined, 0), at(0).now, 1, [&] { return before; });
  recorder.finish(at(10), true, "Stable", 2, after);
  auto finished = recorder.take_finished();
  REQUIRE(finished.size() == 1);
  return finished.front();
}

TEST_CASE("group history: what comes up during a rebalance belongs to it",
          "[broker][group][history]") {
  RebalanceRecorder recorder;
  int asked = 0;
  const auto before = [&] { return ++asked, Ownership{{"a", {{"t", {0, 1}}}}}; };
  recorder.trigger(cause(RebalanceCause::member_joined, 5), at(5).now, 3, before);
  recorder.trigger(cause(RebalanceCause::session_expired, 9), at(9).now, 4, before);
  CHECK(recorder.is_running());
  CHECK(recorder.take_finished().empty());
  recorder.finish(at(105), false, "Stable", 4, {{"a", {{"t", {0}}}}, {"b", {{"t", {1}}}}});
  CHECK_FALSE(recorder.is_running());
  CHECK(asked == 1);

  const auto finished = recorder.take_finished();
  REQUIRE(finished.size() == 1);
  const auto& one = finished.front();
  CHECK(one.began == at(5).wall);
  CHECK(one.took == milliseconds{100});
  CHECK(one.epoch_before == 3);
  CHECK(one.epoch_after == 4);
  CHECK(one.members_before == 1);
  CHECK(one.members_after == 2);
  REQUIRE(one.triggers.size() == 2);
  CHECK(one.triggers[1].cause == RebalanceCause::session_expired);
  CHECK(one.shares == std::vector<MemberShare>{{"a", 2, 1}, {"b", 0, 1}});
  CHECK(one.moved == std::vector<MovedPartition>{{"t", 1, "a", "b"}});
  CHECK(recorder.take_finished().empty());
}

TEST_CASE("group history: nothing ends that did not begin", "[broker][group][history]") {
  RebalanceRecorder recorder;
  recorder.finish(at(1), true, "Stable", 1, {});
  CHECK(recorder.take_finished().empty());
}

TEST_CASE("group history: partitions that nobody had, or has, come from nobody and go to nobody",
          "[broker][group][history]") {
  const auto one = rebalance_of({{"a", {{"t", {0}}}}}, {{"b", {{"t", {1}}}}});
  CHECK(one.moved == std::vector<MovedPartition>{{"t", 0, "a", ""}, {"t", 1, "", "b"}});
}

TEST_CASE("group history: lists are bounded, and what is left out is counted",
          "[broker][group][history]") {
  Ownership before;
  Ownership after;
  for (int i = 0; i < 100; ++i) {
    // The first thirty keep their share, so that they stand behind the others.
    const auto member = "m" + std::to_string(100 + i);
    before[member]["t"] = {i};
    after[member]["t"] = i < 30 ? std::vector<std::int32_t>{i} : std::vector<std::int32_t>{};
  }
  const auto one = rebalance_of(before, after);
  CHECK(one.shares.size() == kSharesMax);
  CHECK(one.shares_left_out == 100 - static_cast<std::int32_t>(kSharesMax));
  CHECK(one.shares.front().member == "m130");
  CHECK(one.moved.size() == kMovedMax);
  CHECK(one.moved_left_out == 70 - static_cast<std::int32_t>(kMovedMax));

  RebalanceRecorder recorder;
  for (int i = 0; i < 20; ++i) {
    recorder.trigger(cause(RebalanceCause::member_joined, i), at(i).now, 1,
                     [] { return Ownership{}; });
  }
  REQUIRE(recorder.running() != nullptr);
  CHECK(recorder.running()->triggers.size() == kTriggersMax);
  CHECK(recorder.running()->triggers_left_out == 20 - static_cast<std::int32_t>(kTriggersMax));
}

TEST_CASE("group history: texts of clients are cut, whole characters at a time",
          "[broker][group][history]") {
  const std::string long_text = std::string(kHistoryTextBytesMax - 1, 'x') + "\u00e4\u00e4";
  CHECK(cut_for_history(long_text) == std::string(kHistoryTextBytesMax - 1, 'x'));
  CHECK(cut_for_history("short") == "short");
  RebalanceRecorder recorder;
  auto trigger = cause(RebalanceCause::member_joined, 0);
  trigger.member_id = trigger.client_id = trigger.host = trigger.reason = std::string(10'000, 'x');
  trigger.instance_id = std::string(10'000, 'x');
  recorder.trigger(trigger, at(0).now, 1, [] { return Ownership{}; });
  CHECK(bytes_of(*recorder.running()) < 2'000);
}

TEST_CASE("group history: the oldest go first, of a group and of all", "[broker][group][history]") {
  const auto one = rebalance_of({}, {{"a", {{"t", {0}}}}});
  SECTION("of a group") {
    RebalanceArchive archive{1'000'000'000};
    for (std::size_t i = 0; i < kRebalancesMax + 5; ++i) {
      auto each = one;
      each.epoch_after = static_cast<std::int32_t>(i);
      archive.add("g", each);
    }
    archive.add("h", one);
    REQUIRE(archive.of("g") != nullptr);
    CHECK(archive.of("g")->size() == kRebalancesMax);
    CHECK(archive.of("g")->front().epoch_after == 5);
    CHECK(archive.of("h")->size() == 1);
    CHECK(archive.bytes() == (kRebalancesMax + 1) * bytes_of(one));
  }
  SECTION("of all, to the byte") {
    RebalanceArchive archive{3 * bytes_of(one)};
    for (const char* const group : {"a", "b", "a", "c", "b"}) archive.add(group, one);
    CHECK(archive.bytes() == 3 * bytes_of(one));
    REQUIRE(archive.of("a") != nullptr);
    CHECK(archive.of("a")->size() == 1);
    CHECK(archive.of("b")->size() == 1);
    CHECK(archive.of("c")->size() == 1);
    archive.add("d", one);
    CHECK(archive.of("a") == nullptr);
  }
  SECTION("none at all") {
    RebalanceArchive archive{0};
    archive.add("g", one);
    CHECK(archive.of("g") == nullptr);
    CHECK(archive.bytes() == 0);
  }
}

}  // namespace
}  // namespace millrace::broker
