"""Rows about starting, stopping and merely being there. Each leg has a broker of its own."""

import time

import admin
import generators
from legs import Leg, need_all
from rows import Metric, Row, Stand, need_stored

RECORD = 10_240
PER_TOPIC = 100
TOPICS_A_REQUEST = 10


def _start(stand: Stand, side: str) -> Leg:
    """From exec to the first acknowledged record, then idle, then after 200 MB."""
    stand.rest()
    with stand.fresh(side) as broker:
        seconds = broker.first_record("first")
        time.sleep(stand.size(5, 2))
        idle = broker.memory_mib()
        count = 200_000_000 // 1024
        admin.create_topic(broker.port, "load", 16, broker.unsynced)
        told = generators.produce(broker.port, "load", count, 1024).ended()
        need_all("delivered", count, told.records)
        need_stored(broker, "load", 16, count)
        return Leg({"start": 1000 * seconds, "idle RSS": idle, "loaded RSS": broker.memory_mib()})


def _restart(gigabytes: int) -> Row:
    def leg(stand: Stand, side: str) -> Leg:
        stand.rest()
        with stand.fresh(side) as broker:
            broker.start()
            admin.create_topic(broker.port, "full", 4, broker.unsynced)
            count = gigabytes * 1_000_000_000 // RECORD
            told = generators.produce(broker.port, "full", count, RECORD, acks="1").ended()
            need_all("delivered", count, told.records)
            broker.kill()
            seconds = broker.first_record("first")
            need_stored(broker, "full", 4, count)
            return Leg({"restart": 1000 * seconds})

    return Row(
        f"restart after SIGKILL with {gigabytes} GB",
        "how long until a record is acknowledged again?",
        (Metric("restart", "ms", aim=0.02 if gigabytes == 10 else None),), leg, floor="wall",
        warm=False, pairs=2, in_quick=gigabytes <= 2,
    )  # fmt: skip


def _partitions(count: int) -> Row:
    def leg(stand: Stand, side: str) -> Leg:
        stand.rest()
        with stand.fresh(side) as broker:
            broker.start()
            begin = time.monotonic()
            step = PER_TOPIC * TOPICS_A_REQUEST
            for first in range(0, count, step):
                names = [f"many-{i}" for i in range(first, first + step, PER_TOPIC)]
                admin.create_topics(broker.port, names, PER_TOPIC, broker.unsynced)
            created = time.monotonic() - begin
            broker.stop()
            started = broker.first_record("first")
            idle_seconds = stand.size(10, 3)
            time.sleep(2)
            cpu = broker.group.cpu_ns()
            time.sleep(idle_seconds)
            cpu = broker.group.cpu_ns() - cpu
            return Leg(
                {
                    "creation": 1000 * created,
                    "start": 1000 * started,
                    "RSS": broker.memory_mib(),
                    "idle CPU": cpu / idle_seconds / 1e6,
                }
            )

    return Row(
        f"{count} partitions", "what do partitions cost that nobody uses?",
        (Metric("creation", "ms"), Metric("start", "ms"),
         Metric("RSS", "MiB", aim=0.05 if count == 10_000 else None),
         Metric("idle CPU", "ms/s")),
        leg, floor="wall", warm=False, pairs=2, in_quick=count <= 1000,
    )  # fmt: skip


ROWS = [
    Row("start and memory", "a new broker: until it has acknowledged a record, and what it holds",
        (Metric("start", "ms", aim=0.01), Metric("idle RSS", "MiB", aim=0.03),
         Metric("loaded RSS", "MiB", aim=0.03)), _start, floor="wall", warm=False, pairs=2),
    _restart(2),
    _restart(10),
    _partitions(1000),
    _partitions(10_000),
]  # fmt: skip
