"""Compaction: a reader of a compacted topic finds the latest value of every key, and no others."""

import subprocess
import unittest

import harness
from harness import BINARY, Broker, kcat, wait_for

KEYS = 50
ROUNDS = 40
VALUE = b"v" * 1500  # 40 rounds of 50 keys are three segments of the smallest size
EAGER = {"log.cleaner.backoff.ms": "100"}


def millrace(broker: Broker, *arguments: str) -> bytes:
    result = subprocess.run(
        [str(BINARY), "-b", broker.address, *arguments], capture_output=True, timeout=60
    )
    if result.returncode != 0:
        raise AssertionError(f"millrace {' '.join(arguments)}: {result.stderr.decode()[-2000:]}")
    return result.stdout


def rounds(first: int, count: int) -> bytes:
    return b"".join(
        b"key-%d:%d %s\n" % (key, round_, VALUE)
        for round_ in range(first, first + count)
        for key in range(KEYS)
    )


def read(broker: Broker, topic: str) -> list[tuple[bytes, bytes]]:
    """Keys with the number in front of their values, in the order of offsets."""
    out = kcat(
        broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-K:", "-X", "check.crcs=true"
    )
    return [(key, value.split(b" ")[0]) for key, _, value in
            (line.partition(b":") for line in out.splitlines())]  # fmt: skip


class Compaction(unittest.TestCase):
    def create(self, broker: Broker, topic: str, **settings: str) -> None:
        pairs = {"segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.1", **settings}
        options = [word for name, value in pairs.items() for word in ("-c", f"{name}={value}")]
        millrace(broker, "topic", "create", topic, "-p", "1", *options)

    def wait_until_compacted(self, broker: Broker, topic: str, records_max: int) -> None:
        wait_for(
            f"{topic} with at most {records_max} records", 60,
            lambda: len(read(broker, topic)) <= records_max,
        )  # fmt: skip

    def test_the_latest_value_of_each_key_stays(self) -> None:
        with Broker(EAGER) as broker:
            self.create(broker, "table", **{"cleanup.policy": "compact"})
            for codec in ("zstd", "none"):
                kcat(broker, "-P", "-t", "table", "-K:", "-z", codec, "-X",
                     "enable.idempotence=true", "-X", "batch.size=20000",
                     stdin=rounds(0, ROUNDS))  # fmt: skip
            # All but the active segment is compacted: far fewer records than were sent.
            self.wait_until_compacted(broker, "table", KEYS * ROUNDS)
            found = dict(read(broker, "table"))
            self.assertEqual(found, {b"key-%d" % k: b"%d" % (ROUNDS - 1) for k in range(KEYS)})
            self.assertIn("compaction made", broker.log())
            # The same after a crash, and what is sent next goes behind.
            broker.kill()
            broker.start()
            self.assertEqual(dict(read(broker, "table")), found)
            kcat(broker, "-P", "-t", "table", "-K:", stdin=b"key-0:after x\n")
            self.assertEqual(read(broker, "table")[-1], (b"key-0", b"after"))
            self.assertNotIn("log damage", broker.log())

    def test_the_policy_can_be_changed_at_run_time(self) -> None:
        with Broker(EAGER) as broker:
            self.create(broker, "changing")
            kcat(broker, "-P", "-t", "changing", "-K:", stdin=rounds(0, ROUNDS))
            self.assertEqual(len(read(broker, "changing")), KEYS * ROUNDS)
            millrace(broker, "topic", "alter", "changing", "-c", "cleanup.policy=compact")
            self.wait_until_compacted(broker, "changing", KEYS * ROUNDS * 2 // 3)
            millrace(broker, "topic", "alter", "changing", "-c", "cleanup.policy=delete")
            before = len(read(broker, "changing"))
            kcat(broker, "-P", "-t", "changing", "-K:", stdin=rounds(ROUNDS, ROUNDS))
            self.assertEqual(len(read(broker, "changing")), before + KEYS * ROUNDS)
            broker.restart()
            self.assertEqual(len(read(broker, "changing")), before + KEYS * ROUNDS)
            self.assertNotIn("log damage", broker.log())

    def test_a_record_without_key_is_refused_and_told_why(self) -> None:
        with Broker(EAGER) as broker:
            self.create(broker, "table", **{"cleanup.policy": "compact"})
            with self.assertRaisesRegex(AssertionError, "(?i)failed to validate record"):
                kcat(broker, "-P", "-t", "table", stdin=b"no key\n")
            self.assertEqual(read(broker, "table"), [])


if __name__ == "__main__":
    harness.main()
