"""Many partitions share few open files, and nobody notices."""

import os
import unittest
from pathlib import Path

import harness
from harness import Broker, kcat

PARTITIONS = 100
OPEN_MAX = 16


def open_data_files(broker: Broker) -> list[str]:
    """What the process has open below its data directory."""
    files = []
    for link in Path(f"/proc/{broker.process.pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except FileNotFoundError:  # closed meanwhile
            continue
        if target.startswith(str(broker.data)):
            files.append(target)
    return files


class OpenFiles(unittest.TestCase):
    def test_a_hundred_partitions_need_no_hundred_descriptors(self) -> None:
        settings = {"num.partitions": str(PARTITIONS), "log.open.files.max": str(OPEN_MAX),
                    "tail.cache.bytes": "0"}  # fmt: skip
        sent = b"".join(b"k%d:%d\n" % (i, i) for i in range(20_000))
        with Broker(settings) as broker:
            for restarted in (False, True):
                if restarted:
                    broker.restart()
                else:
                    kcat(broker, "-P", "-t", "many", "-K:", stdin=sent)
                got = kcat(broker, "-C", "-t", "many", "-o", "beginning", "-e", "-q", "-K:")
                self.assertEqual(sorted(sent.splitlines()), sorted(got.splitlines()))
                # A few more are open while they are read or were not synced yet.
                files = open_data_files(broker)
                self.assertLess(len(files), 2 * OPEN_MAX, files)
            kcat(broker, "-P", "-t", "many", "-K:", stdin=b"k:more\n")
            self.assertEqual(broker.stop(), 0)


if __name__ == "__main__":
    harness.main()
