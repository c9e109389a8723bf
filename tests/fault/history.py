"""Histories in files: each client of a run writes down what it did and what it was told, as it happens.

One file per client, one JSON array per line: what, topic, and the rest in the order of the methods of
`Teller`. Values are text. A line is written when it is known, so that what a killed client knew is kept;
a last line that is not whole is left out.
"""

import collections
import json
import threading
from pathlib import Path
from typing import Iterator

import checker
from checker import History, Reader, Record, Transaction


class Teller:
    """Writes one client's file; any thread may use it. New lines go behind those of an earlier life."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = (folder / f"{name}.jsonl").open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.count = collections.Counter()

    def __enter__(self) -> "Teller":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _tell(self, what: str, *rest: object) -> None:
        line = json.dumps([what, *(x.decode() if isinstance(x, bytes) else x for x in rest)])
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            self.count[what] += 1

    def sent(self, topic: str, partition: int, value: bytes) -> None:
        """Handed to the client library, and not taken back."""
        self._tell("sent", topic, partition, value)

    def acked(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self._tell("acked", topic, partition, offset, value)

    def wrote(self, topic: str, transaction: str, partition: int, value: bytes) -> None:
        """Handed to the client library in a transaction."""
        self._tell("wrote", topic, transaction, partition, value)

    def ended(self, topic: str, transaction: str, outcome: str) -> None:
        """Committed, aborted or unknown; one that is never told of is unknown."""
        self._tell("ended", topic, transaction, outcome)

    def group(self, name: str) -> None:
        """What follows is shown to a member of this group."""
        self._tell("group", name)

    def shown(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self._tell("shown", topic, partition, offset, value)

    def found(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """It lies there in the end."""
        self._tell("found", topic, partition, offset, value)

    def copied(self, topic: str, source: str, partition: int, offset: int) -> None:
        """Transactions that write to `topic` take what they write from `source`, and have committed
        there, up to this offset in the end. A value is that of the source, `|`, and anything."""
        self._tell("copied", topic, source, partition, offset)

    def committed(self, group: str, topic: str, partition: int, offset: int) -> None:
        """By the group, in the end."""
        self._tell("committed", topic, group, partition, offset)


class _Topic:
    def __init__(self) -> None:
        self.history = History()
        self.log: list[Record] = []
        self.transactions: dict[str, Transaction] = {}
        self.readers: dict[str, Reader] = {}
        self.copied: dict[str, dict[int, int]] = {}  # up to where, by source and partition

    def send(self, partition: int, value: bytes) -> None:
        self.history.sent.setdefault(partition, []).append(value)


def _lines(path: Path) -> Iterator[list]:
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def read(folder: Path) -> dict[str, tuple[History, list[Record]]]:
    """By topic, what all files of the folder tell."""
    topics: dict[str, _Topic] = collections.defaultdict(_Topic)
    for path in sorted(Path(folder).glob("*.jsonl")):
        group = None
        for what, topic, *rest in _lines(path):
            if what == "group":
                group = topic
                continue
            _note(topics[topic], what, rest, path.stem, group)
    for name, source, ends in [(n, s, e) for n, t in topics.items() for s, e in t.copied.items()]:
        topics[f"{name} as a copy of {source}"] = _copy(topics[name], topics[source], ends)
    for topic in topics.values():
        topic.history.transactions = list(topic.transactions.values())
        topic.history.readers = list(topic.readers.values())
    return {name: (topic.history, topic.log) for name, topic in topics.items()}


def _note(topic: _Topic, what: str, rest: list, teller: str, group: str | None) -> None:
    if what == "sent":
        partition, value = rest
        topic.send(partition, value.encode())
    elif what in ("acked", "found"):
        partition, offset, value = rest
        where = topic.history.acked if what == "acked" else topic.log
        where.append(Record(partition, offset, value.encode()))
    elif what == "shown":
        partition, offset, value = rest
        _reader(topic, teller, group).shown.append(Record(partition, offset, value.encode()))
    elif what == "wrote":
        name, partition, value = rest
        topic.send(partition, value.encode())
        transaction = topic.transactions.setdefault(name, Transaction(name, []))
        transaction.wrote.append((partition, value.encode()))
    elif what == "ended":
        name, outcome = rest
        topic.transactions.setdefault(name, Transaction(name, [])).outcome = outcome
    elif what == "copied":
        source, partition, offset = rest
        topic.copied.setdefault(source, {})[partition] = offset
    elif what == "committed":
        name, partition, offset = rest
        _reader(topic, teller, name).committed[partition] = offset
    else:
        raise ValueError(f"{teller} tells of {what!r}")


def _copy(copy: _Topic, source: _Topic, ends: dict[int, int]) -> _Topic:
    """The same promises, with the source as what was sent, and acknowledged up to the offsets."""
    judged = _Topic()
    for record in source.log:
        judged.send(record.partition, record.value)
        if record.offset < ends.get(record.partition, 0):
            judged.history.acked.append(Record(record.partition, -1, record.value))
    for record in copy.log:
        value = record.value.rpartition(b"|")[0]
        judged.log.append(Record(record.partition, record.offset, value))
    return judged


def _reader(topic: _Topic, teller: str, group: str | None) -> Reader:
    name = f"group {group}" if group else teller
    return topic.readers.setdefault(name, Reader(name, committed={} if group else None))


def judge(folder: Path) -> list[str]:
    """One line for each broken promise, with its topic; nothing if all were kept."""
    return [
        f"{name}: {line}"
        for name, (history, log) in sorted(read(folder).items())
        for line in checker.problems(history, log)
    ]
