// Histories made by hand, each with one thing wrong: the checker must be able to fail.
#include "tests/sim/history.hpp"

#include <catch2/catch.hpp>

namespace millrace::sim {
namespace {

struct Script {
  template <class What>
  Script& add(What what) {
    history.add(Instant{std::chrono::milliseconds{++time}}, std::move(what));
    return *this;
  }
  Script& sent(std::string value, std::string writer = "w", LogName log = "t-0") {
    return add(Sent{std::move(log), std::move(writer), std::move(value)});
  }
  Script& acked(std::string value, std::int64_t offset, LogName log = "t-0") {
    return add(Acked{std::move(log), std::move(value), Offset{offset}});
  }
  Script& read(std::string value, std::int64_t offset, std::string reader = "r",
               std::string group = "") {
    return add(Read{"t-0", std::move(reader), std::move(group), Offset{offset}, std::move(value)});
  }
  Script& stored(std::string value, std::int64_t offset, LogName log = "t-0") {
    return add(Stored{std::move(log), Offset{offset}, std::move(value)});
  }
  Script& committed(std::int64_t offset, Moment began, bool acked = true) {
    return add(Committed{"g", "t-0", Offset{offset}, began, acked});
  }
  Script& committed_by(std::string member, std::int64_t offset, Moment began, bool acked = true) {
    return add(Committed{"g", "t-0", Offset{offset}, began, acked, std::move(member)});
  }
  Script& owned(std::string member, LogName log = "t-0") {
    return add(Owned{"g", std::move(member), std::move(log)});
  }
  Script& disowned(std::string member, std::optional<LogName> log = "t-0") {
    return add(Disowned{"g", std::move(member), std::move(log)});
  }
  /// For so many more events.
  Script& leased(std::string member, int events) {
    return add(
        Leased{"g", std::move(member), Instant{std::chrono::milliseconds{time + 1 + events}}});
  }
  Script& must_be_shared() { return add(MustBeShared{"g", {"t-0"}}); }
  Script& seen(std::optional<Offset> offset) {
    return add(CommitSeen{"g", "t-0", offset, history.now()});
  }
  Script& end(std::int64_t offset) { return add(EndSeen{"t-0", Offset{offset}, history.now()}); }

  History history;
  int time = 0;
};

std::string broken_rules(const Script& script) {
  std::string rules;
  for (const auto& violation : check(script.history)) {
    CHECK_FALSE(describe(script.history, violation).empty());
    if (!rules.empty()) rules += ", ";
    rules += violation.rule;
  }
  return rules;
}

Script two_records() {
  Script script;
  script.sent("a").acked("a", 0).sent("b").acked("b", 1);
  return script;
}

TEST_CASE("history: what was promised and kept is no violation", "[sim][history]") {
  auto script = two_records();
  script.read("a", 0).end(2).read("b", 1).sent("c").stored("a", 0).stored("b", 1).stored("c", 2);
  CHECK(broken_rules(script).empty());
}

TEST_CASE("history: a record that was given up may be there or not", "[sim][history]") {
  auto script = two_records();
  script.sent("c").add(GaveUp{"t-0", "c", "timed out"}).stored("a", 0).stored("b", 1);
  CHECK(broken_rules(script).empty());
  script.stored("c", 2);
  CHECK(broken_rules(script).empty());
  script.stored("c", 3);
  CHECK(broken_rules(script) == "duplicated");
}

TEST_CASE("history: an acknowledged record that is not stored is lost", "[sim][history]") {
  auto script = two_records();
  script.stored("a", 0);
  CHECK(broken_rules(script) == "lost");
}

TEST_CASE("history: a record at another offset than told has moved", "[sim][history]") {
  auto script = two_records();
  script.sent("c").stored("a", 0).stored("c", 1).stored("b", 2);
  CHECK(broken_rules(script).starts_with("reordered"));
  CHECK(broken_rules(script).ends_with("moved"));
}

TEST_CASE("history: an old retry's offset is not known and not missed", "[sim][history]") {
  Script script;
  script.sent("a").add(Acked{"t-0", "a", std::nullopt}).stored("a", 0);
  CHECK(broken_rules(script).empty());
}

TEST_CASE("history: the order of one writer counts, of two it does not", "[sim][history]") {
  Script script;
  script.sent("a", "w1").sent("b", "w2").stored("b", 0).stored("a", 1);
  CHECK(broken_rules(script).empty());
  Script other;
  other.sent("a", "w1").sent("b", "w1").stored("b", 0).stored("a", 1);
  CHECK(broken_rules(other) == "reordered");
}

TEST_CASE("history: what nobody sent, or sent to another log, is invented", "[sim][history]") {
  auto script = two_records();
  script.stored("a", 0).stored("b", 1).stored("z", 2);
  CHECK(broken_rules(script) == "invented");
  auto other = two_records();
  other.sent("c", "w", "t-1").stored("a", 0).stored("b", 1).stored("c", 2);
  CHECK(broken_rules(other) == "invented");
}

TEST_CASE("history: a record that is read before it is sent is invented", "[sim][history]") {
  Script script;
  script.read("a", 0).sent("a").stored("a", 0);
  CHECK(broken_rules(script) == "invented");
}

TEST_CASE("history: offsets without a record are a gap", "[sim][history]") {
  Script script;
  script.sent("a").sent("b").stored("a", 0).stored("b", 2);
  CHECK(broken_rules(script) == "gap");
}

TEST_CASE("history: what was read and is gone has vanished", "[sim][history]") {
  Script script;
  script.sent("a").sent("b").read("a", 0).read("b", 1).stored("a", 0);
  CHECK(broken_rules(script) == "vanished");
}

TEST_CASE("history: what was read and is another record has changed", "[sim][history]") {
  Script script;
  script.sent("a", "w1").sent("b", "w2").read("a", 0).stored("b", 0).stored("a", 1);
  CHECK(broken_rules(script) == "changed");
}

TEST_CASE("history: a reader that jumps or goes back is told", "[sim][history]") {
  auto script = two_records();
  script.sent("c").stored("a", 0).stored("b", 1).stored("c", 2);
  auto jumps = script;
  jumps.read("a", 0).read("c", 2);
  CHECK(broken_rules(jumps) == "skipped");
  auto returns = script;
  returns.read("b", 1).read("a", 0);
  CHECK(broken_rules(returns) == "skipped");
  auto another = script;
  another.read("b", 1, "r1").read("a", 0, "r2");
  CHECK(broken_rules(another).empty());
}

TEST_CASE("history: an end below what was acknowledged, or behind the log, is told",
          "[sim][history]") {
  auto script = two_records();
  script.end(1).stored("a", 0).stored("b", 1);
  CHECK(broken_rules(script) == "went back");
  auto other = two_records();
  other.stored("a", 0).stored("b", 1).end(3);
  CHECK(broken_rules(other) == "went back");
}

TEST_CASE("history: a commit that was acknowledged is not forgotten", "[sim][history]") {
  auto script = two_records();
  script.read("a", 0, "r", "g").read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
  auto kept = script;
  kept.committed(1, kept.history.now()).committed(2, kept.history.now()).seen(Offset{2});
  CHECK(broken_rules(kept).empty());
  auto none = script;
  none.committed(1, none.history.now()).seen(std::nullopt);
  CHECK(broken_rules(none) == "forgotten");
  auto older = script;
  older.committed(1, older.history.now()).committed(2, older.history.now()).seen(Offset{1});
  CHECK(broken_rules(older) == "forgotten");
  auto other = script;
  other.committed(1, other.history.now()).seen(Offset{2});
  CHECK(broken_rules(other) == "forgotten");
}

TEST_CASE("history: commits under way at once may win in either order", "[sim][history]") {
  for (const std::int64_t winner : {1, 2}) {
    auto script = two_records();
    script.read("a", 0, "r", "g").read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
    const Moment began = script.history.now();
    script.committed(1, began).committed(2, began).seen(Offset{winner});
    CHECK(broken_rules(script).empty());
  }
}

TEST_CASE("history: a commit without an answer may count at any later time", "[sim][history]") {
  auto script = two_records();
  script.read("a", 0, "r", "g").read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
  script.committed(1, script.history.now(), false).committed(2, script.history.now());
  auto late = script;
  late.seen(Offset{1});
  CHECK(broken_rules(late).empty());
  script.seen(Offset{2});
  CHECK(broken_rules(script).empty());
}

TEST_CASE("history: a group that commits past what it got has skipped", "[sim][history]") {
  auto script = two_records();
  script.read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
  script.committed(2, script.history.now()).seen(Offset{2});
  CHECK(broken_rules(script) == "skipped");
}

TEST_CASE("history: a partition with two members of a group at once is told", "[sim][history]") {
  Script both;
  both.leased("a", 9).owned("a").leased("b", 9).owned("b");
  CHECK(broken_rules(both) == "owned twice");
  Script other_log;
  other_log.leased("a", 9).owned("a").leased("b", 9).owned("b", "t-1");
  CHECK(broken_rules(other_log).empty());
  Script other_group;
  other_group.leased("a", 9).owned("a").add(Owned{"h", "b", "t-0"});
  CHECK(broken_rules(other_group).empty());
}

TEST_CASE("history: a partition that was given up, or whose member is dead, may be another's",
          "[sim][history]") {
  Script given_up;
  given_up.leased("a", 9).owned("a").disowned("a").leased("b", 9).owned("b");
  CHECK(broken_rules(given_up).empty());
  Script dead;
  dead.leased("a", 9).owned("a").disowned("a", std::nullopt).leased("b", 9).owned("b");
  CHECK(broken_rules(dead).empty());
}

TEST_CASE(
    "history: a member whose lease has run out owns nothing, until it is told that all is well",
    "[sim][history]") {
  Script script;
  script.leased("a", 2).owned("a").leased("b", 9).owned("b");
  CHECK(broken_rules(script).empty());
  auto again = script;
  again.leased("a", 9);
  CHECK(broken_rules(again) == "owned twice");
  // A lease that ends before the one that was known takes nothing back.
  Script shorter;
  shorter.leased("a", 9).owned("a").leased("a", 0).leased("b", 9).owned("b");
  CHECK(broken_rules(shorter) == "owned twice");
}

TEST_CASE("history: a group that had time to settle has shared out everything", "[sim][history]") {
  Script shared;
  shared.leased("a", 9).owned("a").must_be_shared();
  CHECK(broken_rules(shared).empty());
  Script nobodys;
  nobodys.leased("a", 9).must_be_shared();
  CHECK(broken_rules(nobodys) == "not shared");
  Script of_the_dead;
  of_the_dead.leased("a", 9).owned("a").disowned("a", std::nullopt).must_be_shared();
  CHECK(broken_rules(of_the_dead) == "not shared");
  Script of_the_silent;
  of_the_silent.leased("a", 1).owned("a").must_be_shared();
  CHECK(broken_rules(of_the_silent) == "not shared");
  Script twice;
  twice.leased("a", 9).owned("a").leased("b", 9).owned("b").must_be_shared();
  CHECK(broken_rules(twice) == "owned twice, not shared");
}

TEST_CASE("history: a commit behind one that was acknowledged before is told", "[sim][history]") {
  const auto records = [] {
    auto script = two_records();
    script.read("a", 0, "r", "g").read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
    return script;
  };
  auto forth = records();
  forth.committed_by("m", 1, forth.history.now()).committed_by("n", 2, forth.history.now());
  CHECK(broken_rules(forth).empty());
  auto back = records();
  back.committed_by("m", 2, back.history.now()).committed_by("n", 1, back.history.now());
  CHECK(broken_rules(back) == "rewound");
  auto refused = records();
  refused.committed_by("m", 2, refused.history.now());
  refused.committed_by("n", 1, refused.history.now(), false).seen(Offset{2});
  CHECK(broken_rules(refused).empty());
}

TEST_CASE("history: a late commit of a member that is not the owner any more must not count",
          "[sim][history]") {
  const auto late = [](const std::string& member) {
    auto script = two_records();
    script.read("a", 0, "r", "g").read("b", 1, "r", "g").stored("a", 0).stored("b", 1);
    const Moment began = script.history.now();
    script.committed_by(member, 1, began, false).committed_by("n", 2, script.history.now());
    script.seen(Offset{1});
    return broken_rules(script);
  };
  CHECK(late("m") == "rewound");
  CHECK(late("n").empty());  // on another connection, its own may come late
}

}  // namespace
}  // namespace millrace::sim
