"""Mutants of the broker for the simulation of whole ones, as `tests/sim/log/mutate.py` has them of
the log: each is one source file with one mistake in it, which must be found out.

usage: mutants.py --list | --source NAME | NAME OUTPUT
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "log"))
import mutate  # noqa: E402
from mutate import Mutant  # noqa: E402

MUTANTS = {
    "stale-epochs-join": Mutant(
        "broker/transaction/coordinator.cpp",
        "  if (now.epoch != producer.epoch) return refuse(ErrorCode::producer_fenced);\n"
        "  const bool has_all",
        "  const bool has_all",
    ),
    "ends-keep-the-epoch": Mutant(
        "broker/transaction/coordinator.cpp",
        "    following.epoch = next(before);",
        "    following.epoch = before;",
    ),
    "repeated-ends-are-refused": Mutant(
        "broker/transaction/coordinator.cpp",
        "if (ended_so && (repeated || !v2)) {",
        "if (ended_so && !repeated && !v2 && now.partitions.contains({})) {",
    ),
    "acts-before-the-decision-is-durable": Mutant(
        "broker/transaction_service.cpp",
        "  entry->partition->when_committed(appended.end, Instant::max(),\n"
        "                                   [this, entry, ticket, failed](ErrorCode error) {",
        "  shard_.scheduler().post([this, entry, ticket, failed, error = ErrorCode::none] {",
    ),
    "nobody-ends-the-overdue": Mutant(
        "broker/transaction/coordinator_writes.cpp",
        "    abort_overdue(at, draft);\n",
        "",
    ),
    "restarts-forget-what-was-decided": Mutant(
        "broker/transaction/coordinator_writes.cpp",
        "  for (auto& [id, slot] : slots_) follow(*slot, at, draft);\n",
        "",
    ),
    "aborted-offsets-count": Mutant(
        "broker/group/coordinator_transactions.cpp",
        "if (commit && !one.superseded) {",
        "if ((commit || !one.group.empty()) && !one.superseded) {",
    ),
    "everything-is-stable": Mutant(
        "log/producer_state.cpp",
        "  return stable;\n",
        "  return std::max(stable, high_watermark);\n",
    ),
}

if __name__ == "__main__":
    sys.exit(mutate.main(MUTANTS))
