"""When the system says no: a write that fails, and files that cannot be opened any more."""

import contextlib
import random
import resource
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import wire
from harness import Broker
from wire import Line

STORAGE_ERROR = 56
FILES_MAX = 256
PARTITIONS = 300


class Limits(unittest.TestCase):
    def test_a_failed_write_loses_nothing_and_harms_no_other_topic(self) -> None:
        """The kernel refuses to let a file grow past 3 MB, in the middle of a batch."""
        value = random.Random(3).randbytes(700_000)
        with Broker({"num.partitions": "1"}) as broker:
            broker.stop()
            broker.start(limits={resource.RLIMIT_FSIZE: 3_000_000})
            with Line(broker.port) as line:
                for topic in ("full", "other"):
                    self.assertEqual(wire.create_topic_error(line, topic), wire.NONE)
                batch = wire.batch(wire.record(0, value))
                errors = [wire.produce_error(line, "full", batch) for _ in range(6)]
                self.assertEqual(errors, [wire.NONE] * 4 + [STORAGE_ERROR] * 2)
                good = wire.batch(wire.record(0, b"v"))
                self.assertEqual(wire.produce_error(line, "other", good), wire.NONE)
            self.assertIn("full-0", broker.log())
            broker.kill()
            broker.start()
            with Line(broker.port) as line:
                self.assertEqual(wire.end_offset(line, "full"), 4)
                self.assertEqual(wire.produce_error(line, "full", batch), wire.NONE)

    def test_more_partitions_than_files_may_be_open_are_written(self) -> None:
        """A file that is not synced stays open, so writers wait for syncs when there are many."""
        good = wire.batch(wire.record(0, b"v"))
        for mode in ("sync", "async"):
            with self.subTest(mode=mode), Broker({"log.flush.mode": mode}) as broker:
                broker.stop()
                broker.start(limits={resource.RLIMIT_NOFILE: FILES_MAX})
                with Line(broker.port, seconds=60) as line:
                    self.assertEqual(wire.create_topic_error(line, "t", PARTITIONS), wire.NONE)
                    errors = {
                        wire.produce_error(line, "t", good, i % PARTITIONS)
                        for i in range(2 * PARTITIONS)
                    }
                    self.assertEqual(errors, {wire.NONE}, broker.log()[-1000:])

    def test_connections_cannot_take_the_files_of_partitions(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            broker.stop()
            broker.start(limits={resource.RLIMIT_NOFILE: FILES_MAX})
            good = wire.batch(wire.record(0, b"v"))
            with Line(broker.port) as line:
                self.assertEqual(wire.create_topic_error(line, "topic"), wire.NONE)
                with contextlib.ExitStack() as crowd:
                    for _ in range(2 * FILES_MAX):
                        crowd.enter_context(Line(broker.port))
                    self.assertEqual(wire.produce_error(line, "topic", good), wire.NONE)
                    self.assertEqual(wire.create_topic_error(line, "another"), wire.NONE)
                    self.assertEqual(wire.produce_error(line, "another", good), wire.NONE)
            with Line(broker.port) as line:
                for topic in ("topic", "another"):
                    self.assertEqual(wire.produce_error(line, topic, good), wire.NONE)
            complaints = [text for text in broker.log().splitlines() if "accept" in text]
            self.assertLess(len(complaints), 20, complaints[:3])


if __name__ == "__main__":
    harness.main()
