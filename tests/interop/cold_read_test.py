"""A reader of data that is not in memory any more gets all of it, and leaves the page cache to those
who read at the end.

MILLRACE_LONG=1 reads 8 GiB instead of 128 MiB.
"""

import hashlib
import os
import subprocess
import unittest
from pathlib import Path

import harness
from harness import Broker, kcat, running

MIB = 1 << 20
# What a sequential reader may leave behind: what was read ahead, what is kept behind it, and what
# the kernel reads ahead by itself; see `read.ahead.bytes`.
LEFT_BEHIND_MAX = 48 * MIB
ROUNDS = 64 if harness.LONG else 1
ROUND_BYTES = 128 * MIB


def lines(number: int) -> bytes:
    """About ROUND_BYTES of distinct lines."""
    filler = b"%d " % number + b"cold " * 195
    return b"".join(b"%09d %s\n" % (i, filler) for i in range(ROUND_BYTES // (len(filler) + 11)))


def logs(broker: Broker, topic: str) -> list[Path]:
    return sorted((broker.data / f"{topic}-0").glob("*.log"))


def resident_bytes(files: list[Path]) -> int:
    output = subprocess.run(
        ["fincore", "--bytes", "--noheadings", "--output", "RES", *map(str, files)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sum(int(line) for line in output.split())


def drop_from_memory(files: list[Path]) -> None:
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


class ColdRead(unittest.TestCase):
    def test_a_cold_reader_gets_everything_and_leaves_the_cache_as_it_was(self) -> None:
        settings = {"num.partitions": "1", "log.segment.bytes": str(16 * MIB)}
        sent = hashlib.sha256()
        with Broker(settings) as broker:
            for number in range(ROUNDS):
                round_of_lines = lines(number)
                sent.update(round_of_lines)
                kcat(broker, "-P", "-t", "cold", stdin=round_of_lines, seconds=300)
            files = logs(broker, "cold")
            self.assertGreater(len(files), 1)
            drop_from_memory(files)
            if resident_bytes(files) > MIB:
                self.skipTest("this file system does not give up its pages")
            got = hashlib.sha256()
            command = ["kcat", "-b", broker.address, "-C", "-t", "cold", "-o", "beginning",
                       "-e", "-q", "-X", "check.crcs=true"]  # fmt: skip
            with running(*command, stdout=subprocess.PIPE) as consumer:
                while block := consumer.stdout.read(MIB):
                    got.update(block)
                self.assertEqual(consumer.wait(60), 0)
            self.assertEqual(sent.hexdigest(), got.hexdigest())
            self.assertLess(resident_bytes(files), LEFT_BEHIND_MAX)


if __name__ == "__main__":
    harness.main()
