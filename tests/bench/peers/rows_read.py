"""Rows about giving records out."""

import admin
import generators
from legs import Leg, need_all
from rows import Metric, Row, Stand, Watch, need_stored

SIZE = 1024
PARTITIONS = 4
_full: dict[str, str] = {}  # by side, the topic that the legs of warm and cold read


def fill(stand: Stand, side: str, megabytes: int, partitions: int) -> tuple[str, int]:
    """A topic with that much in it, and how many records that is."""
    count = megabytes * 1_000_000 // SIZE
    topic = stand.topic(side, partitions)
    broker = stand.broker(side)
    told = generators.produce(broker.port, topic, count, SIZE, acks="1").ended()
    need_all("delivered", count, told.records)
    need_stored(broker, topic, partitions, count)
    return topic, count


def _prepare(stand: Stand, side: str) -> None:
    _full[side], _ = fill(stand, side, stand.size(1000, 300), PARTITIONS)


def _read(stand: Stand, side: str) -> Leg:
    broker = stand.broker(side)
    count = admin.record_count(broker.port, _full[side], PARTITIONS)
    watch = Watch(broker)
    told = generators.consume(broker.port, _full[side], PARTITIONS, count, until_end=True).ended()
    cpu, user = watch.cpu_us(), watch.user_us()
    need_all("consumed", count, told.records)
    megabytes = count * SIZE / 1e6
    return Leg(
        {
            "CPU per MB": cpu / megabytes,
            "user CPU per MB": user / megabytes,
            "throughput": megabytes / told.seconds,
        },
        progress=told.progress,
    )


def _cold(stand: Stand, side: str) -> Leg:
    stand.broker(side).forget_pages(_full[side])
    return _read(stand, side)


def _java(stand: Stand, side: str) -> Leg:
    broker = stand.broker(side)
    count = admin.record_count(broker.port, _full[side], PARTITIONS)
    watch = Watch(broker)
    told = generators.java_consume(broker.port, _full[side], count)
    cpu = watch.cpu_us()
    need_all("consumed", count, told.records)
    megabytes = count * SIZE / 1e6
    return Leg({"CPU per MB": cpu / megabytes, "throughput": megabytes / told.seconds})


def _tailing(stand: Stand, side: str) -> Leg:
    """A producer with 1 KiB records and a consumer that follows it."""
    broker = stand.broker(side)
    topic = stand.topic(side, PARTITIONS)
    count = stand.size(300_000, 100_000)
    watch = Watch(broker)
    reader = generators.consume(broker.port, topic, PARTITIONS, count, until_end=False)
    try:
        told = generators.produce(broker.port, topic, count, SIZE).ended()
        read = reader.ended(60)
    finally:
        reader.kill()
    cpu = watch.cpu_us()
    need_all("delivered", count, told.records)
    need_all("consumed", count, read.records)
    return Leg({"CPU per MB": cpu / (count * SIZE / 1e6)}, progress=read.progress)


CPU = Metric("CPU per MB", "us", aim=0.5)
SENDFILE = Metric("CPU per MB", "us", aim=0.5, limit="sendfile, CPU us/MB")
USER = Metric("user CPU per MB", "us")
THROUGHPUT = Metric("throughput", "MB/s", more_is_better=True)

ROWS = [
    Row("fetch tailing", "a producer and a consumer that follows it: what do both cost together?",
        (CPU,), _tailing, pairs=2),
    Row("fetch warm", "what does a record cost that is in the page cache?", (SENDFILE, USER, THROUGHPUT),
        _read, prepare=_prepare),
    Row("fetch cold", "and one that is on the disk?", (SENDFILE, USER, THROUGHPUT), _cold,
        prepare=_prepare, warm=False, pairs=2),
    Row("fetch with Kafka's own consumer", "is it the same with the Java client?", (CPU,), _java,
        prepare=_prepare, java_tools=True, pairs=2),
]  # fmt: skip
