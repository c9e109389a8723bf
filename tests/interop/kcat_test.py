"""kcat, that is librdkafka as Debian 12 has it: what goes in comes out, with every codec."""

import collections
import os
import subprocess
import unittest

import harness
from harness import Broker, kcat

RECORDS = int(os.environ.get("MILLRACE_RECORDS", 1_000_000 if harness.LONG else 100_000))
PARTITIONS = 3
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def numbered_lines(count: int) -> bytes:
    """Distinct lines with a key; what follows the number is neither constant nor random."""
    return b"".join(b"k%d:%09d %s\n" % (i % 997, i, b"xyz" * (i % 17)) for i in range(count))


def by_key(text: bytes) -> dict[bytes, list[bytes]]:
    lines = collections.defaultdict(list)
    for line in text.splitlines():
        lines[line.split(b":", 1)[0]].append(line)
    return lines


class Kcat(unittest.TestCase):
    def test_same_bytes_come_out_in_order_with_every_codec(self) -> None:
        count = RECORDS if harness.LONG else RECORDS // len(CODECS)
        sent = numbered_lines(count)
        with Broker({"num.partitions": str(PARTITIONS)}) as broker:
            for codec in CODECS:
                with self.subTest(codec=codec):
                    self.round_trip(broker, codec, sent)

    def round_trip(self, broker: Broker, codec: str, sent: bytes) -> None:
        topic = f"codec-{codec}"
        kcat(broker, "-P", "-t", topic, "-K:", "-z", codec, stdin=sent, seconds=300)
        got = kcat(
            broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-K:", "-X",
            "check.crcs=true", seconds=300,
        )  # fmt: skip
        self.assertEqual(len(sent), len(got))
        # A key stays in its partition, so its records stay in order; between keys there is none.
        self.assertEqual(by_key(sent), by_key(got))

    def test_one_partition_keeps_all_records_in_the_order_they_were_sent(self) -> None:
        sent = numbered_lines(RECORDS)
        with Broker({"num.partitions": "1"}) as broker:
            kcat(
                broker, "-P", "-t", "one", "-X", "enable.idempotence=true", stdin=sent, seconds=300
            )
            got = kcat(broker, "-C", "-t", "one", "-o", "beginning", "-e", "-q", seconds=300)
            self.assertTrue(got == sent, f"{len(sent)} bytes went in, {len(got)} came out")

    def test_what_the_broker_compresses_anew_keeps_the_order_in_which_it_was_sent(self) -> None:
        sent = numbered_lines(RECORDS // 2)
        for wanted, codec in (("zstd", "none"), ("gzip", "lz4"), ("uncompressed", "snappy")):
            with (
                self.subTest(wanted=wanted, codec=codec),
                Broker({"num.partitions": "1", "compression.type": wanted}) as broker,
            ):
                kcat(
                    broker, "-P", "-t", "anew", "-z", codec, "-X", "enable.idempotence=true",
                    stdin=sent, seconds=300,
                )  # fmt: skip
                got = kcat(
                    broker, "-C", "-t", "anew", "-o", "beginning", "-e", "-q", "-X",
                    "check.crcs=true", seconds=300,
                )  # fmt: skip
                self.assertTrue(got == sent, f"{len(sent)} bytes went in, {len(got)} came out")

    def test_the_list_names_broker_topics_and_partitions(self) -> None:
        with Broker({"num.partitions": "2"}) as broker:
            kcat(broker, "-P", "-t", "listed", stdin=b"x\n")
            listing = kcat(broker, "-L").decode()
            self.assertIn(f"at {broker.address} (controller)", listing)
            self.assertIn('topic "listed" with 2 partitions', listing)
            self.assertEqual(listing.count("leader 1, replicas: 1, isrs: 1"), 2, listing)

    def test_offsets_are_asked_for_by_time(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            kcat(broker, "-P", "-t", "times", stdin=b"a\nb\nc\n")
            times = [int(t) for t in kcat(
                broker, "-C", "-t", "times", "-o", "beginning", "-e", "-q", "-f", "%T\n"
            ).split()]  # fmt: skip
            for time, offset in ((times[0], 0), (times[0] - 1000, 0), (-1, 3), (-2, 0)):
                self.assertIn(
                    f"times [0] offset {offset}",
                    kcat(broker, "-Q", "-t", f"times:0:{time}").decode(),
                )

    def test_a_group_starts_where_it_had_stopped(self) -> None:
        with Broker({"num.partitions": "4", "group.initial.rebalance.delay.ms": "0"}) as broker:
            first = numbered_lines(1000)
            kcat(broker, "-P", "-t", "shared", "-K:", stdin=first)
            self.assertEqual(by_key(self.read_as_group(broker)), by_key(first))
            second = numbered_lines(10)
            kcat(broker, "-P", "-t", "shared", "-K:", stdin=second)
            self.assertEqual(by_key(self.read_as_group(broker)), by_key(second))

    def read_as_group(self, broker: Broker) -> bytes:
        return kcat(
            broker, "-G", "readers", "-e", "-q", "-K:", "-X", "auto.offset.reset=earliest", "shared"
        )

    def test_headers_tombstones_and_empty_values_come_through(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            kcat(broker, "-P", "-t", "odd", "-K:", "-Z", "-H", "a=1", "-H", "b=", stdin=b"k:\n")
            kcat(broker, "-P", "-t", "odd", "-K:", stdin=b"k:v\n")
            got = kcat(
                broker, "-C", "-t", "odd", "-o", "beginning", "-e", "-q", "-f", "%k %S %h %o|"
            )
            self.assertEqual(got, b"k -1 a=1,b= 0|k 1  1|")

    def test_a_topic_that_may_not_be_made_is_said_to_be_unknown(self) -> None:
        with Broker({"auto.create.topics.enable": "false"}) as broker:
            result = subprocess.run(
                ["kcat", "-b", broker.address, "-C", "-t", "nowhere", "-e", "-q"],
                capture_output=True, timeout=30, text=True,
            )  # fmt: skip
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("Unknown topic", result.stderr)


if __name__ == "__main__":
    harness.main()
