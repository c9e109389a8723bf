"""Rows about what surrounds records: metadata, groups, transactions."""

import subprocess
import time
from pathlib import Path

import admin
import wire
from legs import Leg, LegFailed, need_all
from rows import Metric, Row, Stand, Watch

CLIENT = Path(__file__).with_name("librdkafka_client.py")
PARTITIONS = 16
RECORDS_A_TRANSACTION = 10


def _metadata(stand: Stand, side: str) -> Leg:
    """Topics made and deleted one request at a time, and Metadata asked for in the same way."""
    broker = stand.broker(side)
    count = stand.size(200, 50)
    first = stand.topic(side, 1)
    names = [f"{first}-{i}" for i in range(count)]
    watch = Watch(broker)
    with wire.Line(broker.port, 60) as line:
        begin = time.monotonic()
        for name in names:
            error = wire.create_topic_error(line, name)
            if error != wire.NONE:
                raise LegFailed(f"CreateTopics answers error {error}")
        created = time.monotonic() - begin
        asked = 20 * count
        begin = time.monotonic()
        for i in range(asked):
            line.ask(wire.METADATA, 1, wire.array(wire.text(names[i % count])))
        answered = time.monotonic() - begin
    begin = time.monotonic()
    for name in names:
        admin.delete_topics(broker.port, [name])
    deleted = time.monotonic() - begin
    watch.cpu_us()
    return Leg(
        {
            "topics created": count / created,
            "topics deleted": count / deleted,
            "Metadata answers": asked / answered,
        }
    )


def _client(stand: Stand, side: str, *words: object) -> str:
    """Runs our small program around Debian's librdkafka; what it printed."""
    broker = stand.broker(side)
    command = ["/usr/bin/python3", "-B", str(CLIENT), f"127.0.0.1:{broker.port}"]
    try:
        done = subprocess.run(
            [*command, *map(str, words)], capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        raise LegFailed(f"{words[0]} did not end within 120 s") from None
    if done.returncode != 0:
        raise LegFailed(f"{words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _rebalance(stand: Stand, side: str) -> Leg:
    """A second member joins, and leaves: until the partitions are shared again."""
    topic = stand.topic(side, PARTITIONS)
    watch = Watch(stand.broker(side))
    rounds = stand.size(5, 2)
    joined, left = map(float, _client(stand, side, "rebalance", topic, PARTITIONS, rounds).split())
    watch.cpu_us()
    return Leg({"join": joined, "leave": left})


def _transactions(stand: Stand, side: str) -> Leg:
    topic = stand.topic(side, 1)
    broker = stand.broker(side)
    count = stand.size(500, 100)
    watch = Watch(broker)
    seconds = float(_client(stand, side, "transactions", topic, count, RECORDS_A_TRANSACTION))
    watch.cpu_us()
    # Each commit leaves a marker behind its records.
    need_all("records and markers", count * (RECORDS_A_TRANSACTION + 1),
             admin.record_count(broker.port, topic, 1))  # fmt: skip
    return Leg({"transactions": count / seconds})


ROWS = [
    Row("metadata", "topics made and deleted, and Metadata answered, one request after the other",
        (Metric("topics created", "/s", more_is_better=True),
         Metric("topics deleted", "/s", more_is_better=True),
         Metric("Metadata answers", "/s", more_is_better=True)), _metadata, floor="disk", pairs=2),
    Row("rebalance", f"a member joins and leaves a classic group that shares {PARTITIONS} partitions",
        (Metric("join", "ms"), Metric("leave", "ms")), _rebalance, floor="wall", pairs=2),
    Row("transactions", f"of {RECORDS_A_TRANSACTION} records, one after the other, from one producer",
        (Metric("transactions", "/s", aim=5, more_is_better=True),), _transactions, floor="disk",
        pairs=2),
]  # fmt: skip
