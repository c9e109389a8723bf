#include "tests/sim/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace millrace::sim {
namespace {

constexpr std::size_t kTellMax = 3;    // violations of one rule
constexpr std::size_t kLinesMax = 40;  // of one description
constexpr std::size_t kValueShown = 28;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

std::string shown(std::string_view value) {
  if (value.size() <= kValueShown) return std::string{value};
  return fmt::format("{}... ({} bytes)", value.substr(0, kValueShown), value.size());
}

std::string shown(const std::optional<Offset>& offset) {
  return offset ? fmt::format("{}", offset->value) : "none";
}

/// Where a record stands in everything that is known of it.
struct Fate {
  Moment sent = 0;
  LogName log;
  std::string writer;
  std::uint64_t number = 0;  // among what its writer sent to the log
  std::optional<Moment> acked;
  std::optional<Offset> told;
  std::optional<Moment> stored;
  Offset at;
};

struct CommitKey {
  friend auto operator<=>(const CommitKey&, const CommitKey&) = default;
  std::string group;
  LogName log;
};

class Judge {
 public:
  explicit Judge(const History& history) : events_{history.events()} {}

  std::vector<Violation> judge() {
    for (Moment i = 0; i < events_.size(); ++i) collect(i);
    judge_stored();
    judge_acked();
    judge_reads();
    judge_ends();
    judge_commits();
    return std::move(violations_);
  }

 private:
  template <class What>
  const What& get(Moment i) const {
    return std::get<What>(events_[i].what);
  }

  void blame(std::string rule, LogName log, std::string text, std::vector<Moment> events) {
    if (++told_[rule] > kTellMax) return;
    std::ranges::sort(events);
    violations_.push_back({std::move(rule), std::move(text), std::move(log), std::move(events)});
  }

  void collect(Moment i) {
    std::visit(
        Overloaded{
            [&](const Sent& sent) {
              auto& number = sent_by_[{sent.log, sent.writer}];
              fates_.try_emplace(
                  sent.value,
                  Fate{.sent = i, .log = sent.log, .writer = sent.writer, .number = number++});
            },
            [&](const Acked& acked) {
              const auto found = fates_.find(acked.value);
              if (found == fates_.end() || found->second.log != acked.log) {
                return blame("invented", acked.log, "something was acknowledged that nobody sent",
                             {i});
              }
              found->second.acked = i;
              found->second.told = acked.offset;
            },
            [&](const GaveUp&) {}, [&](const Read&) { reads_.push_back(i); },
            [&](const Committed& committed) {
              commits_[{committed.group, committed.log}].push_back(i);
            },
            [&](const CommitSeen& seen) { looks_[{seen.group, seen.log}].push_back(i); },
            [&](const EndSeen&) { ends_.push_back(i); },
            [&](const Stored& stored) { logs_[stored.log].push_back(i); }, [&](const Note&) {},
            [&](const TransactionEvent&) {},
            [&](const Failed& failed) { blame(failed.rule, {}, failed.text, {i}); },
            [&](const auto&) {},  // of groups: `check_groups`
        },
        events_[i].what);
  }

  void judge_stored() {
    for (const auto& [log, records] : logs_) {
      std::map<std::string, const Fate*> newest;  // by writer
      Offset expected{0};
      for (const Moment i : records) {
        const auto& stored = get<Stored>(i);
        if (stored.offset != expected) {
          blame(
              "gap", log,
              fmt::format("offset {} follows where {} should", stored.offset.value, expected.value),
              {i});
        }
        expected = stored.offset.next();
        const auto found = fates_.find(stored.value);
        if (found == fates_.end() || found->second.log != log) {
          blame("invented", log, fmt::format("nobody sent {} to it", shown(stored.value)), {i});
          continue;
        }
        Fate& fate = found->second;
        if (fate.stored) {
          blame("duplicated", log, fmt::format("{} is stored twice", shown(stored.value)),
                {fate.sent, *fate.stored, i});
          continue;
        }
        fate.stored = i;
        fate.at = stored.offset;
        const Fate*& before = newest[fate.writer];
        if (before != nullptr && before->number > fate.number) {
          blame("reordered", log,
                fmt::format("{} is stored behind what its writer sent later", shown(stored.value)),
                {fate.sent, before->sent, *before->stored, i});
        } else {
          before = &fate;
        }
      }
    }
  }

  void judge_acked() {
    std::map<Moment, const Fate*> in_order;
    for (const auto& [value, fate] : fates_) {
      if (fate.acked) in_order.emplace(*fate.acked, &fate);
    }
    for (const auto& [acked, fate] : in_order) {
      const auto& value = get<Acked>(acked).value;
      if (!fate->stored) {
        blame("lost", fate->log,
              fmt::format("{} was acknowledged at offset {} and is not there", shown(value),
                          shown(fate->told)),
              {fate->sent, acked});
      } else if (fate->told && *fate->told != fate->at) {
        blame("moved", fate->log,
              fmt::format("{} was acknowledged at offset {} and is at {}", shown(value),
                          fate->told->value, fate->at.value),
              {fate->sent, acked, *fate->stored});
      }
    }
  }

  void judge_reads() {
    std::map<std::pair<LogName, std::string>, Moment> newest;  // by log and reader
    for (const Moment i : reads_) {
      const auto& read = get<Read>(i);
      const auto found = fates_.find(read.value);
      if (found == fates_.end() || found->second.log != read.log || found->second.sent > i) {
        blame("invented", read.log, fmt::format("nobody had sent {} to it", shown(read.value)),
              {i});
      }
      const auto [before, first] = newest.try_emplace({read.log, read.reader}, i);
      if (!first) {
        const Offset expected = get<Read>(before->second).offset.next();
        if (read.offset != expected) {
          blame("skipped", read.log,
                fmt::format("{} got offset {} where {} follows", read.reader, read.offset.value,
                            expected.value),
                {before->second, i});
        }
        before->second = i;
      }
      judge_against_log(i, read);
      if (!read.group.empty()) got_[{read.group, read.log}].insert(read.offset);
    }
  }

  void judge_against_log(Moment i, const Read& read) {
    const auto& log = logs_[read.log];
    const auto at = static_cast<std::size_t>(read.offset.value);
    if (at >= log.size()) {
      return blame("vanished", read.log,
                   fmt::format("{} was read at offset {}, behind the end", shown(read.value),
                               read.offset.value),
                   {i});
    }
    const auto& stored = get<Stored>(log[at]);
    if (stored.value != read.value) {
      blame("changed", read.log,
            fmt::format("{} was read at offset {}, where {} is", shown(read.value),
                        read.offset.value, shown(stored.value)),
            {i, log[at]});
    }
  }

  void judge_ends() {
    for (const Moment i : ends_) {
      const auto& seen = get<EndSeen>(i);
      const auto& log = logs_[seen.log];
      if (seen.end.value > std::ssize(log)) {
        blame("went back", seen.log,
              fmt::format("its end was seen at {} and is {}", seen.end.value, log.size()), {i});
      }
      for (const auto& [value, fate] : fates_) {
        if (fate.log != seen.log || !fate.acked || !fate.told || *fate.acked >= seen.began) {
          continue;
        }
        if (*fate.told < seen.end) continue;
        blame("went back", seen.log,
              fmt::format("its end was seen at {} after offset {} was acknowledged", seen.end.value,
                          fate.told->value),
              {*fate.acked, i});
        break;
      }
    }
  }

  /// Committed offsets are a register: what is seen is what was written by some commit that had
  /// begun, unless one that began after its end was acknowledged before the look.
  void judge_commits() {
    for (const auto& [key, looks] : looks_) {
      const auto& commits = commits_[key];
      for (const Moment look : looks) {
        const auto& seen = get<CommitSeen>(look);
        if (explained(seen, look, commits)) continue;
        std::vector<Moment> proof{look};
        for (const Moment c : commits) {
          if (c < look) proof.push_back(c);
        }
        if (proof.size() > kLinesMax / 2)
          proof.erase(proof.begin() + 1, proof.end() - kLinesMax / 2);
        blame("forgotten", key.log,
              fmt::format("group {} was told {}, which no commit explains", key.group,
                          shown(seen.offset)),
              std::move(proof));
      }
      judge_coverage(key, get<CommitSeen>(looks.back()), looks.back());
    }
  }

  /// Whether one acknowledged between `after` and the beginning of the look began after `after`.
  bool overwritten(Moment after, const CommitSeen& seen, const std::vector<Moment>& commits) const {
    return std::ranges::any_of(commits, [&](Moment c) {
      const auto& commit = get<Committed>(c);
      return commit.acked && c < seen.began && commit.began >= after;
    });
  }

  bool explained(const CommitSeen& seen, Moment look, const std::vector<Moment>& commits) const {
    if (!seen.offset) return !overwritten(0, seen, commits);
    return std::ranges::any_of(commits, [&](Moment c) {
      const auto& commit = get<Committed>(c);
      if (commit.offset != *seen.offset || commit.began > look) return false;
      return !commit.acked || !overwritten(c + 1, seen, commits);
    });
  }

  void judge_coverage(const CommitKey& key, const CommitSeen& seen, Moment look) {
    if (!seen.offset) return;
    const auto& got = got_[{key.group, key.log}];
    Offset expected{0};
    for (const Offset offset : got) {
      if (offset != expected) break;
      expected = offset.next();
    }
    if (expected >= *seen.offset) return;
    blame("skipped", key.log,
          fmt::format("group {} committed {}, but none of its members got offset {}", key.group,
                      seen.offset->value, expected.value),
          {look});
  }

  const std::vector<Event>& events_;
  std::vector<Violation> violations_;
  std::map<std::string, std::size_t> told_;
  std::unordered_map<std::string, Fate> fates_;  // by value
  std::map<std::pair<LogName, std::string>, std::uint64_t> sent_by_;
  std::map<LogName, std::vector<Moment>> logs_;
  std::vector<Moment> reads_;
  std::vector<Moment> ends_;
  std::map<CommitKey, std::vector<Moment>> commits_;
  std::map<CommitKey, std::vector<Moment>> looks_;
  std::map<std::pair<std::string, LogName>, std::set<Offset>> got_;  // by group and log
};

}  // namespace

std::string to_string(const Event& event) {
  const auto text = std::visit(
      Overloaded{
          [](const Sent& e) {
            return fmt::format("{}: {} sends {}", e.log, e.writer, shown(e.value));
          },
          [](const Acked& e) {
            return fmt::format("{}: acknowledged at {}: {}", e.log, shown(e.offset),
                               shown(e.value));
          },
          [](const GaveUp& e) {
            return fmt::format("{}: given up: {}: {}", e.log, shown(e.value), e.why);
          },
          [](const Read& e) {
            return fmt::format("{}: {} reads {} at {}", e.log, e.reader, shown(e.value),
                               e.offset.value);
          },
          [](const Committed& e) {
            return fmt::format("{}: {} of group {} commits {}, begun at event {}, {}", e.log,
                               e.member.empty() ? "somebody" : e.member, e.group, e.offset.value,
                               e.began, e.acked ? "acknowledged" : "with unknown outcome");
          },
          [](const CommitSeen& e) {
            return fmt::format("{}: group {} is told that {} is committed, asked at event {}",
                               e.log, e.group, shown(e.offset), e.began);
          },
          [](const EndSeen& e) {
            return fmt::format("{}: the end is {}, asked at event {}", e.log, e.end.value, e.began);
          },
          [](const Stored& e) {
            return fmt::format("{}: in the end, {} is at {}", e.log, shown(e.value),
                               e.offset.value);
          },
          [](const Note& e) { return fmt::format("-- {}", e.text); },
          [](const Failed& e) { return fmt::format("!! {}: {}", e.rule, e.text); },
          [](const Owned& e) {
            return fmt::format("{}: {} of group {} is told that it has it", e.log, e.member,
                               e.group);
          },
          [](const Disowned& e) {
            return fmt::format("{}: {} of group {} has it no more", e.log.value_or("everything"),
                               e.member, e.group);
          },
          [](const Leased& e) {
            return fmt::format("{} of group {} is sure of what it has until {}.{:06}", e.member,
                               e.group, e.until.time_since_epoch().count() / 1'000'000'000,
                               e.until.time_since_epoch().count() / 1'000 % 1'000'000);
          },
          [](const MustBeShared& e) {
            return fmt::format("group {} must have shared out {} logs", e.group, e.logs.size());
          },
          [](const TransactionEvent& e) { return to_string(e); },
      },
      event.what);
  const auto micros = event.at.time_since_epoch().count() / 1000;
  return fmt::format("{}.{:06} {}", micros / 1'000'000, micros % 1'000'000, text);
}

std::uint64_t History::digest() const {
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  for (const auto& event : events_) {
    for (const char c : to_string(event)) {
      digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  return digest;
}

std::vector<Violation> check(const History& history) {
  auto violations = Judge{history}.judge();
  std::ranges::move(check_groups(history), std::back_inserter(violations));
  for (auto& violation : check_transactions(history)) violations.push_back(std::move(violation));
  return violations;
}

std::string describe(const History& history, const Violation& violation) {
  std::string text =
      fmt::format("{}{}{}: {}\n", violation.rule, violation.log.empty() ? "" : " in ",
                  violation.log, violation.text);
  if (violation.events.empty()) return text;
  const auto& events = history.events();
  std::set<Moment> lines{violation.events.begin(), violation.events.end()};
  // What was done to the world while the proof came together, the last before it included.
  const auto is_note = [&](Moment i) { return std::holds_alternative<Note>(events[i].what); };
  Moment before = violation.events.front();
  while (before > 0 && !is_note(before)) --before;
  for (Moment i = before; i <= violation.events.back() && lines.size() < kLinesMax; ++i) {
    if (is_note(i)) lines.insert(i);
  }
  for (const Moment i : lines) text += fmt::format("  {:5} {}\n", i, to_string(events[i]));
  return text;
}

}  // namespace millrace::sim
