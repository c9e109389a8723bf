// Histories of transactions made by hand, each with one thing wrong.
#include <catch2/catch.hpp>

#include "tests/sim/history.hpp"

namespace millrace::sim {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;
using Told = Ended::Told;

struct Script {
  template <class What>
  Script& add(What what) {
    history.add(Instant{std::chrono::milliseconds{++time}}, TransactionEvent{std::move(what)});
    return *this;
  }
  Script& took_over(const std::string& writer) {
    return add(TookOver{"x", writer}).add(TookOver{"x", writer, true});
  }
  /// A transaction of two records, `NAME/1` in the ledger and `NAME/2` in moves.
  Script& began(const std::string& txn, const std::string& writer = "w") {
    add(Began{txn, "x", writer, 60s, false});
    return add(Wrote{txn, "ledger-0", txn + "/1"}).add(Wrote{txn, "moves-0", txn + "/2"});
  }
  Script& offered(const std::string& txn, std::int64_t offset) {
    return add(Offered{txn, "g", "ledger-0", Offset{offset}});
  }
  Script& committed(const std::string& txn) {
    return add(Ending{txn, true}).add(Ended{txn, Told::committed});
  }
  Script& aborted(const std::string& txn) {
    return add(Ending{txn, false}).add(Ended{txn, Told::aborted});
  }
  Script& read(const std::string& value, std::int64_t offset, const std::string& log = "ledger-0") {
    return add(CommittedRead{log, "r", Offset{offset}, value});
  }
  Script& sees(std::optional<std::int64_t> offset) {
    std::optional<Offset> seen;
    if (offset) seen = Offset{*offset};
    return add(OffsetSeen{"g", "ledger-0", seen, history.now(), false});
  }
  Script& has_in_the_end(std::optional<std::int64_t> offset) {
    std::optional<Offset> seen;
    if (offset) seen = Offset{*offset};
    return add(OffsetSeen{"g", "ledger-0", seen, history.now(), true});
  }
  Script& stable(std::int64_t end) {
    return add(StableSeen{"ledger-0", Offset{end}, history.now()});
  }
  /// In the end; what is committed is there for everybody.
  Script& kept(const std::string& value, std::int64_t offset, const std::string& log,
               bool committed = true) {
    if (committed) add(Kept{log, Offset{offset}, value, true});
    return add(Kept{log, Offset{offset}, value, false});
  }
  /// Both records of a transaction.
  Script& counts(const std::string& txn, std::int64_t offset) {
    return kept(txn + "/1", offset, "ledger-0").kept(txn + "/2", offset, "moves-0");
  }

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

Script with_one_committed() {
  Script script;
  script.took_over("w").began("a").offered("a", 5).committed("a");
  return script;
}

TEST_CASE("transaction history: what was promised and kept is no violation", "[sim][history]") {
  auto script = with_one_committed();
  script.sees(5).began("b").offered("b", 6).aborted("b").stable(3).read("a/1", 0);
  script.counts("a", 0).kept("b/1", 2, "ledger-0", false).sees(5);
  script.add(Settled{"ledger-0", Offset{4}, Offset{4}});
  CHECK(broken_rules(script).empty());
}

TEST_CASE("transaction history: one of unknown fate counts whole or not at all", "[sim][history]") {
  Script script;
  script.took_over("w").began("a").offered("a", 5).add(Ending{"a", true});
  script.add(Ended{"a", Told::unknown});
  auto none = script;
  CHECK(broken_rules(none.has_in_the_end(std::nullopt)).empty());
  auto whole = script;
  CHECK(broken_rules(whole.counts("a", 0).has_in_the_end(5)).empty());
  auto half = script;
  CHECK(broken_rules(half.kept("a/1", 0, "ledger-0").sees(5)) == "torn");
  auto without_offset = script;
  CHECK(broken_rules(without_offset.counts("a", 0).has_in_the_end(std::nullopt)) == "torn");
  auto offset_alone = script;
  CHECK(broken_rules(offset_alone.sees(5)) == "torn");
}

TEST_CASE("transaction history: a committed record that is not there is lost", "[sim][history]") {
  auto script = with_one_committed();
  CHECK(broken_rules(script.kept("a/1", 0, "ledger-0").sees(5)) == "lost");
}

TEST_CASE("transaction history: a committed offset that is not there is forgotten",
          "[sim][history]") {
  auto script = with_one_committed();
  script.counts("a", 0);
  auto never = script;
  CHECK(broken_rules(never.sees(std::nullopt)) == "forgotten");
  auto older = with_one_committed();
  older.began("b").offered("b", 6).committed("b").sees(5).counts("a", 0).counts("b", 1).sees(6);
  CHECK(broken_rules(older) == "forgotten");
}

TEST_CASE("transaction history: nothing of an aborted one is ever committed data",
          "[sim][history]") {
  Script script;
  script.took_over("w").began("a").offered("a", 5).aborted("a");
  auto in_the_end = script;
  CHECK(broken_rules(in_the_end.kept("a/1", 0, "ledger-0")) == "uncommitted");
  auto read = script;
  CHECK(broken_rules(read.read("a/1", 0)) == "uncommitted");
  auto offset = script;
  CHECK(broken_rules(offset.sees(5)) == "uncommitted");
}

TEST_CASE("transaction history: nothing is committed data before its commit is asked for",
          "[sim][history]") {
  Script script;
  script.took_over("w").began("a").offered("a", 5);
  auto read = script;
  CHECK(broken_rules(read.read("a/1", 0).committed("a").counts("a", 0)) == "uncommitted");
  auto offset = script;
  CHECK(broken_rules(offset.sees(5).committed("a").counts("a", 0)) == "uncommitted");
  auto left_open = script;
  CHECK(broken_rules(left_open.counts("a", 0).sees(5)) == "uncommitted, uncommitted");
}

TEST_CASE("transaction history: what nobody sent or offered is invented", "[sim][history]") {
  auto script = with_one_committed();
  script.counts("a", 0);
  auto stored = script;
  CHECK(broken_rules(stored.kept("ghost", 1, "ledger-0", false)) == "invented");
  auto read = script;
  CHECK(broken_rules(read.read("ghost", 1)) == "invented");
  auto offset = script;
  CHECK(broken_rules(offset.sees(99)) == "invented");
}

TEST_CASE("transaction history: records twice, out of order, moved or gone are told",
          "[sim][history]") {
  auto script = with_one_committed();
  script.began("b").committed("b");
  auto twice = script;
  twice.counts("a", 0).counts("b", 1).kept("a/1", 2, "ledger-0", false);
  CHECK(broken_rules(twice) == "duplicated");
  auto order = script;
  order.counts("b", 0).counts("a", 1);
  CHECK(broken_rules(order).starts_with("reordered"));
  auto moved = script;
  moved.read("a/1", 4).counts("a", 0).counts("b", 1);
  CHECK(broken_rules(moved) == "changed");
  Script gone;
  gone.took_over("w").began("a").add(Ending{"a", true}).read("a/1", 0);
  CHECK(broken_rules(gone) == "vanished");
  auto jumped = script;
  jumped.began("c").committed("c").read("a/1", 0).read("c/1", 2);
  CHECK(broken_rules(jumped.counts("a", 0).counts("b", 1).counts("c", 2)) == "skipped");
}

TEST_CASE("transaction history: a producer that nobody replaced is not dismissed",
          "[sim][history]") {
  Script script;
  script.took_over("w").began("a").add(Ending{"a", true});
  const auto dismissed = [&](auto before) {
    auto copy = script;
    before(copy);
    return copy.add(Ended{"a", Told::dismissed, ErrorCode::producer_fenced});
  };
  CHECK(broken_rules(dismissed([](Script&) {})) == "disturbed");
  CHECK(broken_rules(dismissed([](Script&) {}).counts("a", 0)) == "denied");
  const auto late = dismissed([](Script& s) { s.time += 60'000; });
  CHECK(broken_rules(late).empty());
  const auto replaced = dismissed([](Script& s) { s.took_over("v"); });
  CHECK(broken_rules(replaced).empty());
  auto earlier = Script{}.took_over("v").took_over("w").began("a").add(Ending{"a", true});
  earlier.add(Ended{"a", Told::must_abort, ErrorCode::invalid_txn_state});
  CHECK(broken_rules(earlier) == "disturbed");
}

TEST_CASE("transaction history: committed data never ends earlier than it did, nor before the log",
          "[sim][history]") {
  Script back;
  back.stable(4).stable(3);
  CHECK(broken_rules(back) == "went back");
  Script open;
  open.add(Settled{"ledger-0", Offset{3}, Offset{4}});
  CHECK(broken_rules(open) == "stuck");
}

}  // namespace
}  // namespace millrace::sim
