"""Mutants of the consensus core: each is one source file with one mistake in it, and random schedules
or the scenarios must find it out. No hook is needed in what ships: the changed file is linked in front
of the library.

usage: mutate.py --list | --source NAME | --found-by NAME | NAME OUTPUT
"""

import pathlib
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[3]
CORE = "replication/consensus/"


@dataclass(frozen=True)
class Mutant:
    source: str
    right: str  # stands there exactly once
    wrong: str
    found_by: str = "schedules;scenarios"


MUTANTS: dict[str, Mutant] = {
    # Of terms and votes.
    "term-not-durable": Mutant(
        "consensus.cpp",
        "if (term > state_.term) write_state({term, std::nullopt});",
        "if (term > state_.term) state_ = {term, std::nullopt};",
    ),
    "vote-not-durable": Mutant(
        "election.cpp",
        "write_state({state_.term, message.from});",
        "state_.vote = message.from;",
    ),
    "messages-before-persistence": Mutant(
        "consensus.cpp",
        "if (held.ticket > persisted_) return false;",
        "",
    ),
    "answers-of-a-past-term": Mutant(
        "consensus.cpp",
        "if (held.message.term == state_.term) ready",
        "ready",
        "scenarios",
    ),
    "vote-without-the-log-check": Mutant(
        "election.cpp",
        "const bool granted = up_to_date && free;",
        "const bool granted = (up_to_date || !request.pre) && free;",
    ),
    "double-vote": Mutant(
        "election.cpp",
        "(state_.vote ? state_.vote == message.from : !leader_)",
        "!leader_",
    ),
    "pre-vote-rejection-without-the-term": Mutant(
        "consensus.cpp",
        "    send_when_durable(message.from, VoteAnswer{request->pre, false}, state_ticket_);\n"
        "  } else if",
        "    output_.messages.push_back(\n"
        "        {self_, message.from, message.term, VoteAnswer{request->pre, false}});\n"
        "  } else if",
    ),
    "leader-not-respected": Mutant(
        "election.cpp",
        "return leader_ && now < heard_leader_ + settings_.election_timeout;",
        "return leader_ && now < heard_leader_;",
        "scenarios",
    ),
    "majority-miscounted": Mutant(
        "types.cpp",
        "return voters.size() / 2 + 1;",
        "return voters.size() / 2;",
    ),
    # Of the log.
    "old-term-committed-by-counting": Mutant(
        "leader.cpp",
        "held <= commit_ || log_.term_at(held) != state_.term",
        "held <= commit_",
        "scenarios",
    ),
    "acknowledges-its-last-index": Mutant(
        "follower.cpp",
        "const Index match = prev.plus(entries.size());",
        "const Index match = log_.last().index;",
        "scenarios",
    ),
    "commit-not-capped-at-the-match": Mutant(
        "follower.cpp",
        "commit_to(std::min(append.commit, match));",
        "commit_to(std::min(append.commit, log_.last().index));",
        "scenarios",
    ),
    "heartbeat-commit-uncapped": Mutant(
        "leader.cpp",
        "Heartbeat{std::min(commit_, progress.match()), round_}",
        "Heartbeat{commit_, round_}",
    ),
    "previous-term-check-skipped": Mutant(
        "follower.cpp",
        "if (!log_.holds(append.prev)) {",
        "if (!log_.term_at(prev)) {",
    ),
    "suffix-not-truncated": Mutant(
        "follower.cpp",
        "log_.term_at(prev.plus(same + 1)) == entries[same].term)",
        "log_.term_at(prev.plus(same + 1)))",
    ),
    "leader-counts-what-is-not-durable": Mutant(
        "leader.cpp",
        "voter == self_ ? durable_ :",
        "voter == self_ ? log_.last().index :",
    ),
    "acknowledged-before-durable": Mutant(
        "follower.cpp",
        "send_when_durable(leader, Accepted{match}, ticket_of(match));",
        "send_when_durable(leader, Accepted{match}, state_ticket_);",
    ),
    # Of members.
    "two-changes-in-flight": Mutant(
        "membership.cpp",
        "if (!configuration_committed()) return Errc::change_in_flight;",
        "",
    ),
    "change-before-the-own-term-commit": Mutant(
        "membership.cpp",
        "if (commit_ < first_own_) return Errc::not_ready;",
        "",
        "scenarios",
    ),
    "configuration-not-rolled-back": Mutant(
        "log_shape.cpp",
        "while (configurations_.back().first > last) configurations_.pop_back();",
        "",
        "scenarios",
    ),
    "removed-leader-stays": Mutant(
        "leader.cpp",
        "  hand_over_if_removed(now);\n",
        "  static_cast<void>(now);\n",
    ),
    "removed-leader-counts-itself": Mutant(
        "leader.cpp",
        "const Index held = matches[configuration.majority() - 1];",
        "if (!is_voter()) matches.insert(matches.begin(), durable_);\n"
        "  const Index held = matches[configuration.majority() - 1];",
    ),
    # Of snapshots, reads and check-quorum.
    "lost-snapshot-never-resent": Mutant(
        "leader.cpp",
        "if (progress->state() == Progress::State::snapshot) {\n"
        "      offer(message.from, *progress);\n"
        "    } else if",
        "if",
    ),
    "read-not-confirmed": Mutant(
        "leader.cpp",
        "progress.round() >= read.round",
        "progress.round() + 1 >= read.round",
    ),
    "reads-open-the-window": Mutant(
        "leader.cpp",
        "if (progress->retry()) {",
        "progress->may_retry();\n  if (progress->retry()) {",
        "scenarios",
    ),
    "a-round-for-each-read": Mutant(
        "leader.cpp",
        "  serve_reads();\n  return boost::system::in_place_value;",
        "  round_ = reads_.back().round;\n  heartbeat();\n  serve_reads();\n"
        "  return boost::system::in_place_value;",
        "scenarios",
    ),
    "reads-wait-for-who-is-removed": Mutant(
        "membership.cpp",
        "  serve_reads();\n",
        "",
        "scenarios",
    ),
    "newest-snapshot-offered": Mutant(
        "leader.cpp",
        "if (progress.offered().index < log_.start().index) progress.offer",
        "progress.offer",
        "scenarios",
    ),
    # Of who is alive.
    "change-without-a-living-majority": Mutant(
        "membership.cpp",
        "if (!has_living_majority(*next, now)) return Errc::unreachable;",
        "",
        "scenarios",
    ),
    "dead-successor": Mutant(
        "leader.cpp",
        "if (!log_.configuration().is_voter(member) || !is_alive(progress, now)) continue;",
        "if (!log_.configuration().is_voter(member) || now < Instant{}) continue;",
        "scenarios",
    ),
    "hung-disk-leads-on": Mutant(
        "leader.cpp",
        "  check_disk(now);\n",
        "",
    ),
    "hung-disk-leaves-too-few": Mutant(
        "leader.cpp",
        "if (others >= log_.configuration().majority()) hand_over_at_once(now);",
        "if (others > 0) hand_over_at_once(now);",
        "scenarios",
    ),
    "leader-without-a-majority-stays": Mutant(
        "leader.cpp",
        "if (heard < log_.configuration().majority()) become",
        "if (heard == 0) become",
        "scenarios",
    ),
}


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print(";".join(MUTANTS), end="")
        return 0
    if len(arguments) == 2 and arguments[0] == "--source":
        print(CORE + MUTANTS[arguments[1]].source, end="")
        return 0
    if len(arguments) == 2 and arguments[0] == "--found-by":
        print(MUTANTS[arguments[1]].found_by, end="")
        return 0
    name, output = arguments
    mutant = MUTANTS[name]
    source = CORE + mutant.source
    text = (ROOT / source).read_text(encoding="utf-8")
    if text.count(mutant.right) != 1:
        print(
            f"mutant {name}: {source} does not hold this once; adapt it in mutate.py:\n"
            f"{mutant.right}",
            file=sys.stderr,
        )
        return 1
    pathlib.Path(output).write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
