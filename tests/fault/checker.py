"""Says whether a log kept its promise: every acknowledged record is there, once, in order.

A pure function over what was sent, acknowledged, read along the way, and found in the end.
"""

import collections
from dataclasses import dataclass, field
from typing import Iterator

LINES_PER_PROBLEM_MAX = 5


@dataclass(frozen=True)
class Record:
    """Where a record lies, and its value. Values are distinct over a whole history."""

    partition: int
    offset: int
    value: bytes


@dataclass
class History:
    """What the outside world knows of one run.

    `sent` holds the values that one producer handed over for a partition, in that order. `acked`
    holds those that were acknowledged; the offset is -1 where the client does not tell it. `read`
    holds what consumers were shown while the run lasted.
    """

    sent: dict[int, list[bytes]] = field(default_factory=dict)
    acked: list[Record] = field(default_factory=list)
    read: list[Record] = field(default_factory=list)


def problems(history: History, log: list[Record]) -> list[str]:
    """One line for each broken promise, the first few of each kind; nothing if all were kept.

    `log` is the content of all partitions in the end, each partition in the order it is read.
    """
    found = []
    for check in (_offsets, _invented, _duplicated, _reordered, _lost, _vanished):
        lines = list(check(history, log))
        found += lines[:LINES_PER_PROBLEM_MAX]
        if len(lines) > LINES_PER_PROBLEM_MAX:
            found.append(f"... and {len(lines) - LINES_PER_PROBLEM_MAX} more like it")
    return found


def _where(record: Record) -> str:
    return f"{record.value!r} in partition {record.partition} at offset {record.offset}"


def _offsets(_: History, log: list[Record]) -> Iterator[str]:
    last: dict[int, int] = {}
    for record in log:
        before = last.get(record.partition, -1)
        if record.offset <= before:
            yield f"offsets: {_where(record)} comes after offset {before}"
        last[record.partition] = record.offset


def _invented(history: History, log: list[Record]) -> Iterator[str]:
    sent = {partition: set(values) for partition, values in history.sent.items()}
    for record in log:
        if record.value not in sent.get(record.partition, ()):
            yield f"invented: {_where(record)} was never sent there"


def _duplicated(_: History, log: list[Record]) -> Iterator[str]:
    first: dict[bytes, Record] = {}
    for record in log:
        if record.value in first:
            yield f"duplicated: {_where(first[record.value])}, and again: {_where(record)}"
        first.setdefault(record.value, record)


def _reordered(history: History, log: list[Record]) -> Iterator[str]:
    values: dict[int, list[bytes]] = collections.defaultdict(list)
    for record in log:
        values[record.partition].append(record.value)
    for partition, found in values.items():
        place = {value: i for i, value in enumerate(history.sent.get(partition, []))}
        known = [value for value in dict.fromkeys(found) if value in place]
        for earlier, later in zip(known, known[1:]):
            if place[earlier] > place[later]:
                yield f"reordered: {earlier!r} before {later!r} in partition {partition}"


def _lost(history: History, log: list[Record]) -> Iterator[str]:
    exact = set(log)
    values = {(record.partition, record.value): record for record in log}
    for record in history.acked:
        there = values.get((record.partition, record.value))
        if there is None:
            yield f"lost: {_where(record)} was acknowledged"
        elif record.offset >= 0 and record not in exact:
            yield f"moved: {_where(record)} was acknowledged, and is now at {there.offset}"


def _vanished(history: History, log: list[Record]) -> Iterator[str]:
    exact = set(log)
    for record in history.read:
        if record not in exact:
            yield f"vanished: {_where(record)} was shown to a reader"
