"""kill -9 between changes of topics and commits of offsets: what was answered stays so."""

import os
import random
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import wire
from harness import Broker
from wire import Line, array, i32, i64, text

KILLS = int(os.environ.get("MILLRACE_KILLS", 50 if harness.LONG else 6))
SEED = int(os.environ.get("MILLRACE_SEED", time.time_ns() % 1_000_000))
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, DELETE_TOPICS = 8, 9, 10, 20
# The coordinator is reading its log, is not there yet, or is elsewhere.
ASK_AGAIN = (14, 15, 16)


def topics_of(line: Line) -> dict[str, int]:
    """All topics with the number of their partitions, but for the broker's own. Metadata v1."""
    answer = line.ask(wire.METADATA, 1, i32(-1))
    place = 0

    def take(form: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(form, answer, place)
        place += struct.calcsize(form)
        return value

    def take_text() -> str | None:
        nonlocal place
        length = take(">h")
        if length < 0:
            return None
        place += length
        return answer[place - length : place].decode()

    for _ in range(take(">i")):
        take(">i"), take_text(), take(">i"), take_text()  # brokers: id, host, port, rack
    take(">i")  # controller
    found = {}
    for _ in range(take(">i")):
        take(">h")
        name, internal, partitions = take_text(), take(">b"), take(">i")
        for _ in range(partitions):
            take(">h"), take(">i"), take(">i")
            for _ in range(2):  # replicas, then those in sync
                count = take(">i")
                place += 4 * count
        if not internal:
            found[name] = partitions
    return found


def delete_topic_error(line: Line, name: str) -> int:
    answer = line.ask(DELETE_TOPICS, 1, array(text(name)) + i32(5000))
    return struct.unpack(">h", answer[-2:])[0]


def commit_error(line: Line, group: str, topic: str, offset: int) -> int:
    """OffsetCommit v2 by somebody who is no member."""
    partition = i32(0) + i64(offset) + text(f"at {offset}")
    head = text(group) + i32(-1) + text("") + i64(-1)
    answer = line.ask(OFFSET_COMMIT, 2, head + array(text(topic) + array(partition)))
    return struct.unpack(">h", answer[-2:])[0]


def committed(line: Line, group: str, topic: str) -> tuple[int, int]:
    """OffsetFetch v1: error and offset."""
    answer = line.ask(OFFSET_FETCH, 1, text(group) + array(text(topic) + array(i32(0))))
    place = 4 + 2 + len(topic) + 4 + 4
    (offset,) = struct.unpack_from(">q", answer, place)
    return struct.unpack(">h", answer[-2:])[0], offset


class KillState(unittest.TestCase):
    def setUp(self) -> None:
        print(f"MILLRACE_SEED={SEED}, {KILLS} kills", flush=True)
        self.dice = random.Random(SEED)
        self.broker = self.enterContext(Broker({"auto.create.topics.enable": "false"}))

    def kill_and_start(self) -> None:
        self.broker.kill()
        if self.dice.random() < 0.3:
            self.broker.launch()
            time.sleep(self.dice.uniform(0, 0.05))
            self.broker.kill()
        self.broker.start()

    def test_topics_are_as_they_were_answered(self) -> None:
        expected: dict[str, int] = {}
        for round_ in range(KILLS):
            with Line(self.broker.port) as line:
                for i in range(self.dice.randrange(1, 12)):
                    if expected and self.dice.random() < 0.4:
                        name = self.dice.choice(sorted(expected))
                        self.assertEqual(delete_topic_error(line, name), wire.NONE)
                        del expected[name]
                    else:
                        # Some names come back: a topic made anew has none of the old records.
                        name = f"t{self.dice.randrange(20)}"
                        if name in expected:
                            continue
                        expected[name] = self.dice.randrange(1, 4)
                        error = wire.create_topic_error(line, name, expected[name])
                        self.assertEqual(error, wire.NONE)
                        self.assertEqual(wire.end_offset(line, name), 0, "it is not empty")
                        batch = wire.batch(wire.record(0, f"{round_}-{i}".encode()))
                        self.assertEqual(wire.produce_error(line, name, batch), wire.NONE)
            self.kill_and_start()
            with Line(self.broker.port) as line:
                self.assertEqual(topics_of(line), expected)
                for name in expected:
                    self.assertEqual(wire.end_offset(line, name), 1, name)

    def test_committed_offsets_are_as_they_were_answered(self) -> None:
        groups = [f"group-{i}" for i in range(5)]
        last = dict.fromkeys(groups, -1)
        with Line(self.broker.port) as line:
            self.assertEqual(wire.create_topic_error(line, "topic"), wire.NONE)
            for group in groups:  # who asks for the coordinator makes its topic
                self.retried(lambda: struct.unpack_from(
                    ">h", line.ask(FIND_COORDINATOR, 0, text(group)))[0])  # fmt: skip
        offset = 0
        for _ in range(KILLS):
            with Line(self.broker.port) as line:
                for _ in range(self.dice.randrange(1, 30)):
                    group = self.dice.choice(groups)
                    offset += 1
                    self.retried(lambda: commit_error(line, group, "topic", offset))
                    last[group] = offset
            self.kill_and_start()
            with Line(self.broker.port) as line:
                for group in groups:
                    self.retried(lambda: committed(line, group, "topic")[0])
                    self.assertEqual(committed(line, group, "topic")[1], last[group], group)

    def retried(self, ask: object) -> None:
        """Asks until the coordinator has read its log and answers without an error."""

        def answered() -> bool:
            error = ask()
            self.assertIn(error, (wire.NONE, *ASK_AGAIN))
            return error == wire.NONE

        harness.wait_for("answer without an error", 10, answered)


if __name__ == "__main__":
    harness.main()
