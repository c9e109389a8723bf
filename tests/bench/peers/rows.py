"""What a row of the table is, and what its legs run on.

A row that only needs running brokers uses those of the stand, which live through the whole run; one
that starts, kills or fills brokers makes its own with `Stand.fresh`.
"""

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import admin
import artifacts
import brokers
from legs import Leg, need_alive, need_all
from pairs import OURS, THEIRS


@dataclass(frozen=True)
class Metric:
    """A figure of a row. The aim is for ours / theirs; below it is good, unless more is better."""

    name: str
    unit: str
    aim: float | None = None
    more_is_better: bool = False
    limit: str | None = None  # the name of a limit of floor.py in the same unit
    limit_aim: float | None = None

    def is_met(self, ratio: float) -> bool | None:
        if self.aim is None:
            return None
        return ratio >= self.aim if self.more_is_better else ratio <= self.aim


@dataclass
class Row:
    name: str
    question: str
    metrics: tuple[Metric, ...]
    leg: Callable[["Stand", str], Leg]  # runs a leg of one side
    floor: str = "cpu"  # what it depends on: cpu, wall or disk
    prepare: Callable[["Stand", str], None] | None = None  # once per side, not measured
    warm: bool = True  # a leg of each side that does not count
    pairs: int = 4
    needs_cap: bool = False
    in_quick: bool = True
    java_tools: bool = False


class Stand:
    """The brokers of a run, and how much of everything its rows do."""

    def __init__(self, folder: Path, quick: bool, kinds: dict[str, type[brokers.Broker]]) -> None:
        self.folder = folder
        self.quick = quick
        self.kinds = kinds  # by side; a side that is missing has no legs
        self._running: dict[str, brokers.Broker] = {}
        self._numbers = itertools.count()
        self._topics: dict[str, list[str]] = {}

    def __enter__(self) -> "Stand":
        return self

    def __exit__(self, *_: object) -> None:
        for broker in self._running.values():
            broker.__exit__()

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def broker(self, side: str) -> brokers.Broker:
        """The running broker of a side; one that died is replaced, by an empty one."""
        broker = self._running.get(side)
        if broker is not None and broker.pid is None:
            self._running.pop(side).__exit__()
            broker = None
        if broker is None:
            broker = self.fresh(side)
            self._running[side] = broker
            self._topics[side] = []
            broker.start()
        return broker

    def stop(self) -> None:
        """Has the running brokers end by themselves."""
        for broker in self._running.values():
            broker.stop()

    def rest(self) -> None:
        """Ends the running brokers, for rows that measure others."""
        for side in list(self._running):
            self._running.pop(side).__exit__()

    def fresh(self, side: str) -> brokers.Broker:
        """A broker that was not started, on an empty folder. Use it in `with`."""
        return self.kinds[side](self.folder, f"{self.kinds[side].kind}-{next(self._numbers)}")

    def topic(self, side: str, partitions: int, synced: bool = False) -> str:
        """A fresh topic on the running broker of a side."""
        broker = self.broker(side)
        name = f"topic-{next(self._numbers)}"
        admin.create_topic(
            broker.port, name, partitions, broker.synced if synced else broker.unsynced
        )
        self._topics[side].append(name)
        return name

    def end_row(self) -> None:
        """Deletes what the row's legs have written."""
        for side, broker in self._running.items():
            if broker.pid is not None and self._topics[side]:
                admin.delete_topics(broker.port, self._topics[side])
            self._topics[side] = []
        os.sync()

    def scratch(self, name: str) -> Path:
        return self.folder / f"{name}-{next(self._numbers)}"


@dataclass
class Watch:
    """CPU time of a broker between two moments, and that it is the same process at both."""

    broker: brokers.Broker
    pid: int | None = field(init=False)
    begin: int = field(init=False)
    user_begin: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.broker.pid
        self.begin = self.broker.group.cpu_ns()
        self.user_begin = self.broker.group.user_ns()

    def cpu_us(self) -> float:
        spent = (self.broker.group.cpu_ns() - self.begin) / 1000
        need_alive(self.broker.kind, self.pid, self.broker.pid)
        return spent

    def user_us(self) -> float:
        """Of the CPU time what was spent in the broker itself rather than in the kernel."""
        return (self.broker.group.user_ns() - self.user_begin) / 1000


def need_stored(broker: brokers.Broker, topic: str, partitions: int, count: int) -> None:
    """What the broker acknowledged has to be there, once."""
    need_all("found in the log", count, admin.record_count(broker.port, topic, partitions))


def both(kinds: dict[str, type[brokers.Broker]]) -> bool:
    return OURS in kinds and THEIRS in kinds


def peers() -> tuple[dict[str, type[brokers.Broker]], list[str]]:
    """Ours, and Apache Kafka if it is here; what is missing, with the reason."""
    kinds: dict[str, type[brokers.Broker]] = {OURS: brokers.Millrace}
    missing = []
    try:
        artifacts.kafka_jars()
        kinds[THEIRS] = brokers.Kafka
    except artifacts.Missing as reason:
        missing.append(f"Apache Kafka: {reason}")
    return kinds, missing
