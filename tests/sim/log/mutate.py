"""Mutants of the log: each is one source file with one mistake in it, and the simulation must find it
out. No hook is needed in what ships: the changed file is linked in front of the library it is from.

usage: mutate.py --list | --source NAME | NAME OUTPUT
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


MUTANTS = {
    "acks-before-sync": Mutant(
        "log/sync_work.cpp",
        "if (const auto synced = file->sync(); !synced) return synced.error();\n  if (new_files_in_)",
        "static_cast<void>(file);\n  if (new_files_in_)",
    ),
    "checkpoint-before-data": Mutant(
        "log/partition_log_sync.cpp",
        "checkpoint_due() && !sync_out_ && files_synced_end_ == log_end_)",
        "checkpoint_due() && !sync_out_ && written_end_ == log_end_)",
    ),
    "index-trusted-blindly": Mutant(
        "log/segment.cpp",
        "return agrees ? position : 0;",
        "return agrees || true ? position : 0;",
    ),
    "compaction-drops-the-last-value": Mutant(
        "log/compaction/batch_filter.cpp",
        "return !latest || offset >= *latest;",
        "return !latest || offset > *latest;",
    ),
    "lost-writes-pass-for-gaps": Mutant(
        "log/recovery.cpp",
        "if (log_.has_gaps_ && base < synced_) return true;",
        "if (log_.has_gaps_) return true;",
    ),
    "recovery-skips-the-checksum": Mutant(
        "log/recovery.cpp",
        "if (!*view || !(*view)->crc_ok())",
        "if (!*view)",
    ),
    "files-go-before-the-log-start": Mutant(
        "log/retention_work.cpp",
        "return files_->write_atomically(file_, start_.encode());",
        "static_cast<void>(files_);\n  return {};",
    ),
    "page-cache-taken-for-the-disk": Mutant(
        "log/recovery.cpp",
        "if (const auto written = write_again(part); !written) return written.error();",
        "static_cast<void>(part);",
    ),
    "writes-into-forgotten-pages": Mutant(
        "log/recovery.cpp",
        "pages->let_go(at, block.size());",
        "static_cast<void>(pages);",
    ),
    "truncation-keeps-the-points": Mutant(
        "log/partition_log_truncate.cpp",
        "if (const auto lowered = lower_points(*cut); !lowered) return lowered.error();",
        "supersede_work();",
    ),
}


def main(mutants: dict[str, Mutant]) -> int:
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print(";".join(mutants), end="")
        return 0
    if len(arguments) == 2 and arguments[0] == "--source":
        print(mutants[arguments[1]].source, end="")
        return 0
    name, output = arguments
    mutant = mutants[name]
    text = (ROOT / mutant.source).read_text(encoding="utf-8")
    if text.count(mutant.right) != 1:
        print(
            f"mutant {name}: {mutant.source} does not hold this once; adapt the mutant:\n"
            f"{mutant.right}",
            file=sys.stderr,
        )
        return 1
    pathlib.Path(output).write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(MUTANTS))
