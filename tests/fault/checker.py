"""Says whether a log kept its promises, and if not, which: each anomaly has a name.

A pure function over one topic: what was sent, acknowledged, done in transactions and shown to readers
while things went wrong, and what is found in the end.

| name | a promise broken |
| --- | --- |
| lost | an acknowledged record is not there |
| duplicate | a record is there twice |
| reordered | records of one sender, or of one reader's view, are not in their order |
| inconsistent offset | one offset was told for two records, or two for one record |
| invented | a record is there that nobody sent there |
| vanished | a record that a reader was shown is not there |
| unseen | a reader went past a record that it was never shown |
| aborted read | a record of a transaction that was aborted is there, or was shown |
| torn transaction | of one transaction some records are there, or were shown, and some are not |

usage: checker.py FOLDER   judges the histories that `fault.py` left there
"""

import collections
import sys
from dataclasses import dataclass, field
from typing import Iterable, Iterator

LINES_PER_PROBLEM_MAX = 5


@dataclass(frozen=True)
class Record:
    """Where a record lies, and its value. Values are distinct over a whole history."""

    partition: int
    offset: int
    value: bytes


@dataclass
class Transaction:
    """One of a writer: what it wrote, by partition and value, and what the client said of its end.

    `outcome` is committed, aborted or unknown; what is unknown may be either, but not both.
    """

    name: str
    wrote: list[tuple[int, bytes]]
    outcome: str = "unknown"


@dataclass
class Reader:
    """What one consumer was shown, in its order, from the start of each partition on.

    One that reads by assignment is shown each record once. The members of a group count as one
    reader: `committed` says up to which offsets the group committed, and what lies below them was
    shown at least once, in any order.
    """

    name: str
    shown: list[Record] = field(default_factory=list)
    committed: dict[int, int] | None = None


@dataclass
class History:
    """What the outside world knows of one run.

    `sent` holds the values that one producer handed over for a partition, in that order. `acked`
    holds those that were acknowledged; the offset is -1 where the client does not tell it. `read`
    holds what consumers were shown while the run lasted, in no order that counts.
    """

    sent: dict[int, list[bytes]] = field(default_factory=dict)
    acked: list[Record] = field(default_factory=list)
    read: list[Record] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)

    def all_read(self) -> Iterator[Record]:
        yield from self.read
        for reader in self.readers:
            yield from reader.shown


def problems(history: History, log: list[Record]) -> list[str]:
    """One line for each broken promise, the first few of each kind; nothing if all were kept.

    `log` is the content of all partitions in the end, each partition in the order it is read; where
    there are transactions, as a reader of what is committed sees it.
    """
    found = []
    for check in (
        _offsets, _told_twice, _invented, _duplicate, _reordered, _lost, _vanished, _out_of_order,
        _unseen, _aborted, _torn,
    ):  # fmt: skip
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
            yield f"inconsistent offset: {_where(record)} comes after offset {before}"
        last[record.partition] = record.offset


def _told_twice(history: History, log: list[Record]) -> Iterator[str]:
    """An offset is one record's, whoever tells of it: the broker, a reader, the log in the end."""
    first: dict[tuple[int, int], Record] = {}
    places: dict[tuple[int, bytes], int] = {(r.partition, r.value): r.offset for r in log}
    exact = set(log)
    for record in dict.fromkeys((*log, *history.acked, *history.all_read())):
        if record.offset < 0:
            continue
        known = first.setdefault((record.partition, record.offset), record)
        if known != record:
            yield f"inconsistent offset: {_where(record)}, where {known.value!r} is, too"
        place = places.setdefault((record.partition, record.value), record.offset)
        if place != record.offset and record not in exact:
            yield f"inconsistent offset: {_where(record)}, and also at {place}"


def _invented(history: History, log: list[Record]) -> Iterator[str]:
    sent = {partition: set(values) for partition, values in history.sent.items()}
    for record in dict.fromkeys((*log, *history.all_read())):
        if record.value not in sent.get(record.partition, ()):
            yield f"invented: {_where(record)} was never sent there"


def _duplicate(_: History, log: list[Record]) -> Iterator[str]:
    first: dict[bytes, Record] = {}
    for record in log:
        if record.value in first:
            yield f"duplicate: {_where(first[record.value])}, and again: {_where(record)}"
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
    there = {(record.partition, record.value) for record in log}
    for record in history.acked:
        if (record.partition, record.value) not in there:
            yield f"lost: {_where(record)} was acknowledged"


def _vanished(history: History, log: list[Record]) -> Iterator[str]:
    known = {(record.partition, record.value) for record in log} | _aborted_values(history)
    for record in dict.fromkeys(history.all_read()):
        if (record.partition, record.value) not in known:
            yield f"vanished: {_where(record)} was shown to a reader"


def _out_of_order(history: History, _: list[Record]) -> Iterator[str]:
    for reader in history.readers:
        last: dict[int, int] = {}
        for record in reader.shown if reader.committed is None else ():
            before = last.get(record.partition, -1)
            if record.offset <= before:
                yield f"reordered: {reader.name} was shown {_where(record)} after offset {before}"
            last[record.partition] = record.offset


def _unseen(history: History, log: list[Record]) -> Iterator[str]:
    for reader in history.readers:
        seen = {(record.partition, record.offset) for record in reader.shown}
        end = reader.committed or {}
        if reader.committed is None:
            for record in reader.shown:
                end[record.partition] = max(end.get(record.partition, 0), record.offset)
        for record in log:
            if record.offset < end.get(record.partition, 0):
                if (record.partition, record.offset) not in seen:
                    yield f"unseen: {reader.name} went past {_where(record)}"


def _aborted_values(history: History) -> set[tuple[int, bytes]]:
    return {
        place
        for transaction in history.transactions
        if transaction.outcome == "aborted"
        for place in transaction.wrote
    }


def _aborted(history: History, log: list[Record]) -> Iterator[str]:
    aborted = _aborted_values(history)
    for record in dict.fromkeys((*log, *history.all_read())):
        if (record.partition, record.value) in aborted:
            yield f"aborted read: {_where(record)}"


def _torn(history: History, log: list[Record]) -> Iterator[str]:
    def some(transaction: Transaction, records: Iterable[tuple[int, bytes]]) -> str | None:
        missing = [place for place in transaction.wrote if place not in records]
        whole = not missing or (len(missing) == len(transaction.wrote) and not committed)
        if transaction.outcome == "aborted" or whole:
            return None
        partition, value = missing[0]
        return f"{len(missing)} of {len(transaction.wrote)}, {value!r} in partition {partition}"

    there = {(record.partition, record.value) for record in log}
    for transaction in history.transactions:
        committed = transaction.outcome == "committed"
        if lack := some(transaction, there):
            yield f"torn transaction: {transaction.name} ({transaction.outcome}) lacks {lack}"


def main() -> int:
    import history

    found = history.judge(sys.argv[1])
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
