"""Acknowledged records that rot in the middle of a file: told, read below, refused above."""

import re
import struct
import sys
import unittest
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import wire
from harness import Broker, kcat, wait_for
from wire import Line

RECORDS = 5000
STORAGE_ERROR = 56
FETCH_ERROR_AT = 4 + 4 + 2 + len("t") + 4 + 4  # of the first partition, in Fetch v6


def base_offsets(log: bytes) -> list[tuple[int, int]]:
    """Position and base offset of every batch."""
    batches, place = [], 0
    while place < len(log):
        base, length = struct.unpack_from(">qi", log, place)
        batches.append((place, base))
        place += 12 + length
    return batches


def fetch(topic: str, offset: int) -> bytes:
    """The body of Fetch v6 for partition 0; older versions have no storage error."""
    partition = wire.i32(0) + wire.i64(offset) + wire.i64(-1) + wire.i32(1 << 20)
    head = wire.i32(-1) + wire.i32(0) + wire.i32(1) + wire.i32(1 << 20) + wire.i8(0)
    return head + wire.array(wire.text(topic) + wire.array(partition))


class DamagedLog(unittest.TestCase):
    settings: dict[str, str] = {}

    def setUp(self) -> None:
        self.lines = [b"record %d %s" % (i, b"x" * (i % 50)) for i in range(RECORDS)]
        self.broker = self.enterContext(Broker({"num.partitions": "1", **self.settings}))
        self.send()

    def send(self) -> None:
        # The first sync of a new partition brings a checkpoint; what lies behind it is verified.
        for part in (self.lines[:500], self.lines[500:]):
            sent = b"".join(line + b"\n" for line in part)
            kcat(self.broker, "-P", "-t", "t", "-X", "batch.num.messages=100", stdin=sent)
        kcat(self.broker, "-P", "-t", "sound", stdin=b"one\n")

    def start_damaged(self, damage: Callable[[bytearray, int], None]) -> int:
        """Kills the broker, damages the file in its middle, starts; the first offset that is lost."""
        self.broker.kill()
        (path,) = sorted((self.broker.data / "t-0").glob("*.log"))
        log = bytearray(path.read_bytes())
        batches = base_offsets(bytes(log))
        place, base = batches[len(batches) // 2]
        damage(log, place)
        path.write_bytes(log)
        self.broker.start()
        return base


class Damage(DamagedLog):
    """Nothing else has the records that are damaged."""

    settings = {"journal.bytes": "0"}

    def assert_told_and_served(self, lost: int) -> None:
        log = self.broker.log()
        self.assertRegex(log, rf"log damage: \S*t-0/\S*\.log at byte \d+, offset {lost}: ")
        self.assertRegex(log, r"recovery: .* 1 places damaged; 1 partitions are read-only")
        got = kcat(self.broker, "-C", "-t", "t", "-o", "beginning", "-c", str(lost), "-q")
        self.assertEqual(got, b"".join(line + b"\n" for line in self.lines[:lost]))
        with Line(self.broker.port) as line:
            self.assertEqual(wire.end_offset(line, "t"), lost)
            for offset in (lost, lost + 1, RECORDS):
                answer = line.ask(wire.FETCH, 6, fetch("t", offset))
                (error,) = struct.unpack_from(">h", answer, FETCH_ERROR_AT)
                self.assertEqual(error, STORAGE_ERROR, f"Fetch at {offset}")
            batch = wire.batch(wire.record(0, b"v"))
            answer = line.ask(wire.PRODUCE, 8, wire.produce("t", batch))
            (error,) = struct.unpack_from(">h", answer, 4 + 2 + len("t") + 4 + 4)
            self.assertEqual(error, STORAGE_ERROR)
            said = answer.decode("ascii", errors="replace")
            self.assertIsNotNone(re.search(rf"t-0 are damaged from offset {lost} on", said), said)
            self.assertEqual(wire.produce_error(line, "sound", batch), wire.NONE)

    def check(self, damage: Callable[[bytearray, int], None]) -> None:
        lost = self.start_damaged(damage)
        self.assertGreater(lost, 0)
        self.assert_told_and_served(lost)
        # Nothing was repaired by guessing: another start sees the same.
        self.broker.kill()
        self.broker.start()
        self.assert_told_and_served(lost)

    def test_zeros(self) -> None:
        def damage(log: bytearray, place: int) -> None:
            log[place : place + 4096] = bytes(4096)

        self.check(damage)

    def test_a_flipped_bit(self) -> None:
        def damage(log: bytearray, place: int) -> None:
            log[place + 100] ^= 1

        self.check(damage)

    def test_a_file_that_ends_too_early(self) -> None:
        def damage(log: bytearray, place: int) -> None:
            del log[place:]

        self.check(damage)

    def test_a_hole(self) -> None:
        def damage(log: bytearray, place: int) -> None:
            (length,) = struct.unpack_from(">i", log, place + 8)
            del log[place : place + 12 + length]

        self.check(damage)


class Mended(DamagedLog):
    """The journal still has the records that are damaged."""

    def send(self) -> None:
        wait_for("journal", 30, lambda: "make small appends durable" in self.broker.log())
        # Large appends have their segment synced, and a checkpoint may follow.
        for i in range(0, RECORDS, 500):
            sent = b"".join(line + b"\n" for line in self.lines[i : i + 500])
            kcat(self.broker, "-P", "-t", "t", stdin=sent)

    def test_zeros(self) -> None:
        def damage(log: bytearray, place: int) -> None:
            log[place : place + 4096] = bytes(4096)

        self.start_damaged(damage)
        log = self.broker.log()
        self.assertRegex(log, r"t-0: \d+ bytes that were acknowledged came from the journal")
        self.assertNotIn("log damage", log)
        got = kcat(self.broker, "-C", "-t", "t", "-o", "beginning", "-c", str(RECORDS), "-q")
        self.assertEqual(got, b"".join(line + b"\n" for line in self.lines))


if __name__ == "__main__":
    harness.main()
