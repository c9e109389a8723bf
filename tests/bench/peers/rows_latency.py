"""Rows about time: of an acknowledgement, of a way through the broker, beside a cold reader."""

from typing import Callable

import generators
from legs import Leg, need_all, need_rate, percentile
from rows import Metric, Row, Stand, Watch
from rows_read import fill

RATE = 1000  # records a second
SIZE = 1024
START_SHARE = 0.2  # of the latencies are those of connections being made, and do not count
PROMPT = {"linger.ms": "0"}
_cold: dict[str, tuple[str, int]] = {}  # by side, the topic to catch up with, and its records


def _percentiles(latencies: list[float]) -> dict[str, float]:
    settled = latencies[int(START_SHARE * len(latencies)) :]
    return {
        "p50": percentile(settled, 0.5),
        "p99": percentile(settled, 0.99),
        "p99.9": percentile(settled, 0.999),
    }


def _paced(stand: Stand, side: str, topic: str) -> tuple[generators.Running, int]:
    count = RATE * stand.size(10, 4)
    port = stand.broker(side).port
    return generators.produce(
        port, topic, count, SIZE, rate=RATE, latencies=stand.scratch("latencies"), options=PROMPT
    ), count


def _acknowledged(synced: bool) -> Callable[[Stand, str], Leg]:
    def leg(stand: Stand, side: str) -> Leg:
        topic = stand.topic(side, 1, synced)
        watch = Watch(stand.broker(side))
        running, count = _paced(stand, side, topic)
        told = running.ended()
        watch.cpu_us()
        need_all("delivered", count, told.records)
        need_rate(RATE, told.rate)
        return Leg(_percentiles(told.latencies_ms), told.latencies_ms, told.progress)

    return leg


def _end_to_end(stand: Stand, side: str) -> Leg:
    broker = stand.broker(side)
    topic = stand.topic(side, 1)
    watch = Watch(broker)
    count = RATE * stand.size(10, 4)
    reader = generators.consume(broker.port, topic, 1, count, until_end=False,
                                latencies=stand.scratch("latencies"))  # fmt: skip
    try:
        told = _paced(stand, side, topic)[0].ended()
        read = reader.ended(60)
    finally:
        reader.kill()
    watch.cpu_us()
    need_all("delivered", count, told.records)
    need_all("consumed", count, read.records)
    need_rate(RATE, told.rate)
    return Leg(_percentiles(read.latencies_ms), read.latencies_ms)


def _java_end_to_end(stand: Stand, side: str) -> Leg:
    topic = stand.topic(side, 1)
    watch = Watch(stand.broker(side))
    count = stand.size(5000, 1000)
    mean = generators.java_end_to_end(stand.broker(side).port, topic, count, SIZE)
    watch.cpu_us()
    return Leg({"mean": mean})


def _prepare_cold(stand: Stand, side: str) -> None:
    _cold[side] = fill(stand, side, stand.size(4000, 600), 1)


def _beside_cold(stand: Stand, side: str) -> Leg:
    """A producer at the fixed rate, and a consumer that reads old data from the disk all the while."""
    broker = stand.broker(side)
    old, old_count = _cold[side]
    topic = stand.topic(side, 1)
    broker.forget_pages(old)
    watch = Watch(broker)
    running, count = _paced(stand, side, topic)
    caught_up = 0
    try:
        while running.is_running():
            read = generators.consume(broker.port, old, 1, old_count, until_end=True).ended(120)
            need_all("consumed", old_count, read.records)
            caught_up += 1
            broker.forget_pages(old)
        told = running.ended()
    finally:
        running.kill()
    watch.cpu_us()
    need_all("delivered", count, told.records)
    need_rate(RATE, told.rate)
    return Leg({**_percentiles(told.latencies_ms), "read": caught_up}, told.latencies_ms)


def _aims(p50: float | None, p99: float | None, p999: float | None) -> tuple[Metric, ...]:
    return (Metric("p50", "ms", p50), Metric("p99", "ms", p99), Metric("p99.9", "ms", p999))


ROWS = [
    Row("produce latency", f"{RATE} records of 1 KiB a second, acks=all, until acknowledged",
        _aims(0.3, 0.2, 0.1), _acknowledged(False), floor="wall"),
    Row("produce latency, synced on both sides", "the same, each acknowledgement on the disk",
        _aims(None, None, None), _acknowledged(True), floor="disk", pairs=2),
    Row("end to end", f"{RATE} records of 1 KiB a second, until a tailing consumer has them",
        _aims(None, None, None), _end_to_end, floor="wall", pairs=2),
    Row("end to end, one at a time", "Kafka's EndToEndLatency: one record sent and awaited",
        (Metric("mean", "ms"),), _java_end_to_end, floor="wall", java_tools=True, pairs=2),
    Row("produce latency beside a cold reader", "the same rate while old data is read from the disk",
        _aims(None, 0.1, None), _beside_cold, floor="wall", prepare=_prepare_cold, warm=False,
        pairs=2),
]  # fmt: skip
