"""Rows about taking records in."""

import itertools
import time

import admin
import generators
from legs import Leg, need_all
from rows import Metric, Row, Stand, Watch, need_stored

SIZES = {"100B": 100, "1KiB": 1024, "10KiB": 10240}
BYTES = {100: 100_000_000, 1024: 300_000_000, 10240: 400_000_000}
FLOOR = "receive, CRC and write, CPU us/MB"


def _produce(
    stand: Stand, side: str, *, size: int, partitions: int, count: int, acks: str = "-1",
    codec: str = "none", synced: bool = False, cores: float | None = None,
    options: dict[str, str] | None = None,
) -> Leg:  # fmt: skip
    broker = stand.broker(side)
    topic = stand.topic(side, partitions, synced)
    broker.group.cap(cores)
    try:
        watch = Watch(broker)
        told = generators.produce(
            broker.port, topic, count, size, acks=acks, codec=codec, options=options
        ).ended()
        if acks == "0":
            _wait_for_unacknowledged(broker.port, topic, partitions, count)
        cpu, user = watch.cpu_us(), watch.user_us()
    finally:
        if cores is not None:
            broker.group.cap(None)
    need_all("delivered", count, told.records)
    need_stored(broker, topic, partitions, count)
    megabytes = count * size / 1e6
    return Leg(
        {
            "CPU per MB": cpu / megabytes,
            "user CPU per MB": user / megabytes,
            "CPU per record": 1000 * cpu / count,
            "throughput": megabytes / told.seconds,
            "records": told.rate,
        },
        progress=told.progress,
    )


def _wait_for_unacknowledged(port: int, topic: str, partitions: int, count: int) -> None:
    """With acks=0 the producer is done before the broker is."""
    end = time.monotonic() + 30
    while admin.record_count(port, topic, partitions) < count and time.monotonic() < end:
        time.sleep(0.02)


def _cell(size: str, partitions: int, acks: str, codec: str, in_quick: bool) -> Row:
    bytes_each = SIZES[size]
    metrics = [
        Metric("CPU per MB", "us", aim=0.25 if size == "1KiB" else None,
               limit=FLOOR if codec == "none" else None,
               limit_aim=1.5 if size == "1KiB" and codec == "none" else None),
        Metric("user CPU per MB", "us"),
        Metric("CPU per record", "ns", aim=0.15 if size == "100B" else None),
        Metric("throughput", "MB/s", more_is_better=True),
    ]  # fmt: skip

    def leg(stand: Stand, side: str) -> Leg:
        count = BYTES[bytes_each] // bytes_each // stand.size(1, 2)
        return _produce(stand, side, size=bytes_each, partitions=partitions, count=count,
                        acks="-1" if acks == "all" else acks, codec=codec)  # fmt: skip

    return Row(
        f"produce {size} x{partitions} acks={acks} {codec}",
        "what does a produced record cost the broker?",
        tuple(metrics), leg, in_quick=in_quick, pairs=2,
    )  # fmt: skip


def _matrix() -> list[Row]:
    """All combinations; in a quick run those that differ from the usual one in one thing."""
    usual = ("1KiB", 16, "all", "none")
    cells = itertools.product(SIZES, (1, 16, 256), ("0", "1", "all"), ("none", "lz4", "zstd"))
    ordered = sorted(cells, key=lambda cell: sum(a != b for a, b in zip(cell, usual)))
    return [
        _cell(*cell, in_quick=sum(a != b for a, b in zip(cell, usual)) <= 1) for cell in ordered
    ]


def _half_core(stand: Stand, side: str) -> Leg:
    return _produce(stand, side, size=1024, partitions=16, count=stand.size(200_000, 60_000),
                    cores=0.5)  # fmt: skip


def _unbatched(stand: Stand, side: str) -> Leg:
    return _produce(stand, side, size=100, partitions=16, count=stand.size(50_000, 20_000),
                    options={"batch.num.messages": "1", "linger.ms": "0"})  # fmt: skip


def _synced(stand: Stand, side: str) -> Leg:
    return _produce(stand, side, size=1024, partitions=16, count=stand.size(100_000, 30_000),
                    synced=True)  # fmt: skip


def _synced_against_unsynced(stand: Stand, side: str) -> Leg:
    return _produce(stand, side, size=1024, partitions=16, count=stand.size(300_000, 100_000),
                    synced=side == "ours")  # fmt: skip


def _java(stand: Stand, side: str) -> Leg:
    broker = stand.broker(side)
    topic = stand.topic(side, 16)
    count = stand.size(300_000, 100_000)
    watch = Watch(broker)
    told = generators.java_produce(broker.port, topic, count, 1024)
    cpu = watch.cpu_us()
    need_all("delivered", count, told.records)
    need_stored(broker, topic, 16, count)
    megabytes = count * 1024 / 1e6
    return Leg({"CPU per MB": cpu / megabytes, "throughput": megabytes / told.seconds})


THROUGHPUT = Metric("throughput", "MB/s", more_is_better=True)

ROWS = [
    *_matrix(),
    Row("produce with Kafka's own producer", "is it the same with the Java client?",
        (Metric("CPU per MB", "us"), THROUGHPUT), _java, java_tools=True, pairs=2),
    Row("half a core", "how much is taken in with half a processor? 1 KiB, acks=all",
        (Metric("throughput", "MB/s", aim=4, more_is_better=True),), _half_core, floor="wall",
        needs_cap=True, pairs=2),
    Row("no batching", "what does a request of one record of 100 B cost?",
        (Metric("CPU per record", "ns"), Metric("records", "/s", more_is_better=True)), _unbatched,
        pairs=2),
    Row("synced on both sides", "1 KiB, 16 partitions; every acknowledgement is on the disk",
        (Metric("throughput", "MB/s", aim=10, more_is_better=True),), _synced, floor="disk",
        pairs=2),
    Row("ours synced, theirs not", "1 KiB, 16 partitions; a harder promise for the same money?",
        (Metric("throughput", "MB/s", aim=1, more_is_better=True),), _synced_against_unsynced,
        floor="disk"),
]  # fmt: skip
