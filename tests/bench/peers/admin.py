"""Topics and offsets of any broker, over the protocol, with the requests of tests/interop/wire.py."""

import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "interop"))

import wire

DELETE_TOPICS = 20
TOPIC_EXISTS, NOT_LEADER, UNKNOWN_TOPIC = 36, 6, 3
SECONDS = 300


def create_topics(port: int, names: list[str], partitions: int, settings: dict[str, str]) -> None:
    """Returns when the broker has answered for all of them; an error raises AssertionError."""
    options = wire.array(*(wire.text(k) + wire.text(v) for k, v in settings.items()))
    topics = (
        wire.text(name) + wire.i32(partitions) + wire.i16(1) + wire.array() + options
        for name in names
    )
    with wire.Line(port, SECONDS) as line:
        body = wire.array(*topics) + wire.i32(1000 * SECONDS) + wire.i8(0)
        answer = line.ask(wire.CREATE_TOPICS, 2, body)
    at = 8
    for _ in names:
        (length,) = struct.unpack_from(">h", answer, at)
        error, message = struct.unpack_from(">hh", answer, at + 2 + length)
        if error != wire.NONE:
            raise AssertionError(f"CreateTopics answers error {error}: {answer[at:]!r}")
        at += 2 + length + 4 + max(message, 0)


def create_topic(port: int, name: str, partitions: int, settings: dict[str, str]) -> None:
    """Returns when the topic can be used: brokers answer before all of them know of it."""
    create_topics(port, [name], partitions, settings)
    end = time.monotonic() + 30
    while True:
        try:
            record_count(port, name, partitions)
            return
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def delete_topics(port: int, names: list[str]) -> None:
    with wire.Line(port, SECONDS) as line:
        line.ask(DELETE_TOPICS, 1, wire.array(*map(wire.text, names)) + wire.i32(1000 * SECONDS))


def record_count(port: int, topic: str, partitions: int) -> int:
    """What the broker says that the topic holds: the sum of its partitions' end offsets."""
    wanted = wire.array(*(wire.i32(i) + wire.i64(-1) for i in range(partitions)))
    with wire.Line(port, SECONDS) as line:
        answer = line.ask(wire.LIST_OFFSETS, 1, wire.i32(-1) + wire.array(wire.text(topic) + wanted))
    at, total = 4 + 2 + len(topic) + 4, 0
    for _ in range(partitions):
        _, error, _, offset = struct.unpack_from(">ihqq", answer, at)
        if error != wire.NONE:
            raise AssertionError(f"ListOffsets answers error {error}")
        total, at = total + offset, at + 22
    return total


def serves(port: int) -> bool:
    """Whether a broker answers on that port."""
    try:
        with wire.Line(port, 5) as line:
            line.ask(wire.API_VERSIONS, 0, b"")
        return True
    except OSError:
        return False


def first_record(port: int, topic: str, end: float) -> None:
    """Appends one record, acknowledged by all, as soon as the broker lets it; creates the topic if
    it has to. `end` is of time.monotonic."""
    record = wire.batch(wire.record(0, b"first"))
    created = False
    while True:
        try:
            with wire.Line(port, SECONDS) as line:
                while time.monotonic() < end:
                    if not created:
                        error = wire.create_topic_error(line, topic)
                        created = error in (wire.NONE, TOPIC_EXISTS)
                    if created and wire.produce_error(line, topic, record) == wire.NONE:
                        return
                    time.sleep(0.002)
        except OSError:
            time.sleep(0.002)
        if time.monotonic() >= end:
            raise AssertionError("no record was acknowledged in time")
