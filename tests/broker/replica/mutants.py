"""Mutants of the replicas: each is one source file with one mistake in it, and the tests in this folder
must find it out. No hook is needed in what ships: the changed file is linked in front of the library.

usage: mutants.py --list | --source NAME | NAME OUTPUT
"""

import pathlib
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Mutant:
    source: str
    right: str  # stands there exactly once
    wrong: str


MUTANTS: dict[str, Mutant] = {
    "ack-before-replication": Mutant(
        "replication/replica/leadership.cpp",
        "if (counts) committed =",
        "if (counts && durable < Offset{0}) committed =",
    ),
    "high-watermark-is-log-end": Mutant(
        "broker/partition.cpp",
        "committed = leadership_->high_watermark(durable, seen_);",
        "committed = log_->log_end();",
    ),
    "epoch-ignored": Mutant(
        "broker/partition_replication.cpp",
        "if (retired_ || image.leader_epoch < epoch_) return Role::unchanged;",
        "if (retired_ || leads_) return Role::unchanged;",
    ),
    "no-truncation": Mutant(
        "replication/replica/following.cpp",
        "if (!answer.diverging) return Append{};",
        "if (answer.error == ErrorCode::none) return Append{};",
    ),
    "in-sync-set-never-shrinks": Mutant(
        "replication/replica/leadership.cpp",
        "const bool is_in = was_in ? keeps_up : joins;",
        "const bool is_in = was_in || joins;",
    ),
    "committed-forgotten-at-start": Mutant(
        "broker/partition.cpp",
        "high_watermark_{std::clamp(committed, log_->log_start(), log_->synced_end())} {}",
        "high_watermark_{std::max(log_->synced_end(), std::min(committed, Offset{0}))} {}",
    ),
}


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--list"]:
            print(";".join(MUTANTS), end="")
        case ["--source", name]:
            print(MUTANTS[name].source, end="")
        case [name, output]:
            mutant = MUTANTS[name]
            text = (ROOT / mutant.source).read_text()
            if text.count(mutant.right) != 1:
                print(f"mutant {name}: {mutant.source} has no longer what it changes", file=sys.stderr)
                return 1
            pathlib.Path(output).write_text(text.replace(mutant.right, mutant.wrong))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
