"""A disk of 64 MB that fills up: who is told what, and how it goes on when there is room again."""

import contextlib
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Callable, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import wire
from harness import BINARY, Broker, kcat, wait_for
from wire import Line

DISK_BYTES = 64 << 20
VALUE_BYTES = 300_000
POLICY_VIOLATION = 44
DELETE_TOPICS, DELETE_RECORDS = 20, 21
ROOM_SECONDS = 30
REFUSED = "producers are refused"

SETTINGS = {
    "num.partitions": "1",
    "log.segment.bytes": "4MiB",
    "storage.min.free": "8MiB",
    "storage.reserve.bytes": "2MiB",
    "offsets.topic.num.partitions": "1",
}


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A filesystem of its own, in a file; skips the test where that is not allowed."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("mounting a small disk takes root")
    with tempfile.TemporaryDirectory(prefix="millrace-disk-") as folder:
        image, mount = Path(folder, "image"), Path(folder, "mount")
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        for command in (
            ["mkfs.ext4", "-q", "-m", "0", str(image)],
            ["mount", "-o", "loop", str(image), str(mount)],
        ):
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except FileNotFoundError as error:
                raise unittest.SkipTest(f"there is no {command[0]}") from error
            if done.returncode != 0:
                raise unittest.SkipTest(f"{' '.join(command)}: {done.stderr.strip()}")
        try:
            yield mount
        finally:
            subprocess.run(["umount", str(mount)], check=True)


class FullDisk(unittest.TestCase):
    def setUp(self) -> None:
        self.value = random.Random(5).randbytes(VALUE_BYTES // 2).hex().encode()
        self.batch = wire.batch(wire.record(0, self.value))
        self.disk = self.enterContext(small_disk())

    def broker(self, **changed: str) -> Broker:
        broker = Broker({**SETTINGS, **changed})
        broker.data = self.disk / "data"
        return self.enterContext(broker)

    def fill(self, line: Line, topic: str) -> int:
        """Produces until that is refused; how many batches were acknowledged."""
        for count in range(DISK_BYTES // VALUE_BYTES + 1):
            error = wire.produce_error(line, topic, self.batch)
            if error != wire.NONE:
                self.assertEqual(error, POLICY_VIOLATION)
                return count
        raise AssertionError("the disk never fills up")

    def goes_on(self, line: Line, topic: str) -> None:
        """Waits until a record is taken again."""

        def taken() -> bool:
            error = wire.produce_error(line, topic, self.batch)
            self.assertIn(error, (wire.NONE, POLICY_VIOLATION))
            return error == wire.NONE

        wait_for("record that is taken again", ROOM_SECONDS, taken)

    def assert_has(self, broker: Broker, topic: str, count: int) -> None:
        got = kcat(broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-D", ";")
        self.assertTrue(got == (self.value + b";") * count, f"{len(got)} bytes of {topic}")

    def delete_topic(self, line: Line, topic: str) -> None:
        answer = line.ask(DELETE_TOPICS, 1, wire.array(wire.text(topic)) + wire.i32(5000))
        (error,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic))
        self.assertEqual(error, wire.NONE)

    def delete_records(self, line: Line, topic: str) -> None:
        body = wire.array(wire.text(topic) + wire.array(wire.i32(0) + wire.i64(-1)))
        answer = line.ask(DELETE_RECORDS, 0, body + wire.i32(5000))
        _, error = struct.unpack_from(">qh", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
        self.assertEqual(error, wire.NONE)

    def make_room(self, make: Callable[[Broker, Line], None]) -> None:
        """Fills the disk, makes room, and sees that the same process goes on with nothing lost."""
        broker = self.broker()
        with Line(broker.port) as line:
            for topic in ("keep", "waste"):
                self.assertEqual(wire.create_topic_error(line, topic), wire.NONE)
            for _ in range(5):
                self.assertEqual(wire.produce_error(line, "keep", self.batch), wire.NONE)
            self.fill(line, "waste")
            self.assertEqual(wire.produce_error(line, "keep", self.batch), POLICY_VIOLATION)
            self.assert_has(broker, "keep", 5)  # reading goes on
            self.assertEqual(wire.create_topic_error(line, "new"), wire.NONE)  # and so does admin
            wait_for("word in the log", ROOM_SECONDS, lambda: REFUSED in broker.log())
            process = broker.process.pid
            make(broker, line)
            self.goes_on(line, "keep")
            self.assertEqual(broker.process.pid, process)
        broker.kill()
        broker.start()
        self.assert_has(broker, "keep", 6)
        log = broker.log()
        self.assertEqual(log.count(REFUSED), 1, log)
        self.assertEqual(log.count("produce goes on"), 1, log)

    def test_deleting_a_topic_makes_room(self) -> None:
        self.make_room(lambda _, line: self.delete_topic(line, "waste"))

    def test_deleting_records_makes_room(self) -> None:
        self.make_room(lambda _, line: self.delete_records(line, "waste"))

    def test_removing_what_others_left_on_the_disk_makes_room(self) -> None:
        foreign = self.disk / "foreign"
        foreign.write_bytes(bytes(20 << 20))
        self.make_room(lambda *_: foreign.unlink())

    def test_kcat_shows_the_error_at_once_and_our_producer_why(self) -> None:
        broker = self.broker()
        with Line(broker.port) as line:
            wire.create_topic_error(line, "t")
            self.fill(line, "t")
        for more in ([], ["-X", "enable.idempotence=true"]):
            with self.subTest(more=more):
                refused = subprocess.run(
                    ["kcat", "-b", broker.address, "-P", "-t", "t", *more],
                    input=self.value, capture_output=True, text=False, timeout=20,
                )  # fmt: skip
                self.assertIn(b"Policy violation", refused.stderr)
        refused = subprocess.run(
            [str(BINARY), "-b", broker.address, "produce", "t"],
            input=self.value, capture_output=True, timeout=20,
        )  # fmt: skip
        self.assertEqual(refused.returncode, 1)
        said = refused.stderr.decode()
        self.assertIn(str(broker.data), said)
        self.assertRegex(said, r"has .* MB \(\d+ bytes\) free, storage.min.free is .*8388608 bytes")

    def test_a_write_that_finds_no_space_loses_nothing_and_needs_no_restart(self) -> None:
        """Nothing is kept free, so the kernel is the first to say that the disk is full."""
        broker = self.broker(**{"storage.min.free": "0", "storage.reserve.bytes": "1MiB"})
        foreign = self.disk / "foreign"
        foreign.write_bytes(bytes(20 << 20))
        with Line(broker.port) as line:
            self.assertEqual(wire.create_topic_error(line, "t"), wire.NONE)
            acknowledged = self.fill(line, "t")
            self.assertGreater(acknowledged, 10)
            # The room of the reserve is not for records.
            self.assertEqual(wire.produce_error(line, "t", self.batch), POLICY_VIOLATION)
            self.assert_has(broker, "t", acknowledged)
            self.assertEqual(wire.create_topic_error(line, "new"), wire.NONE)
            foreign.unlink()
            self.goes_on(line, "t")
            self.assertEqual(wire.end_offset(line, "t"), acknowledged + 1)
        broker.kill()
        broker.start()
        self.assert_has(broker, "t", acknowledged + 1)

    def test_commits_of_groups_go_on_while_there_is_room_for_them(self) -> None:
        broker = self.broker()
        group = ["-G", "readers", "-X", "auto.offset.reset=earliest", "-e", "-q", "few"]
        kcat(broker, "-P", "-t", "few", stdin=b"a\nb\n")
        with Line(broker.port) as line:
            wire.create_topic_error(line, "t")
            self.fill(line, "t")
        self.assertEqual(kcat(broker, *group), b"a\nb\n")
        self.assertEqual(kcat(broker, *group), b"")  # committed


if __name__ == "__main__":
    harness.main()
