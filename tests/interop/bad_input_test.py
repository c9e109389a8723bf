"""What a broker must survive: bytes that are no requests, requests that lie, clients that stall.

After each test the broker is up, and a request on another connection is served.
"""

import contextlib
import random
import resource
import time
import unittest

import harness
import wire
from harness import Broker, wait_for
from wire import Line, i8, i16, i32

MEGABYTE_KIB = 1024
SPEAKS_TOO_EARLY = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64))


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.broker = cls.enterClassContext(Broker({"num.partitions": "1"}))
        with Line(cls.broker.port) as line:
            assert wire.create_topic_error(line, "topic") == wire.NONE

    def tearDown(self) -> None:
        self.assertTrue(self.broker.is_up(), self.broker.log()[-3000:])
        self.assert_serves()

    def line(self) -> Line:
        return self.enterContext(Line(self.broker.port))

    def assert_serves(self) -> None:
        with Line(self.broker.port) as line:
            before = wire.end_offset(line, "topic")
            good = wire.batch(wire.record(0, b"good"))
            self.assertEqual(wire.produce_error(line, "topic", good), wire.NONE)
            self.assertEqual(wire.end_offset(line, "topic"), before + 1)

    # --- frames ---

    def test_a_frame_length_that_cannot_be_closes_the_connection(self) -> None:
        for length in (-1, -(2**31), 2**31 - 1, 104857601, 0):
            with self.subTest(length=length), Line(self.broker.port) as line:
                line.send(i32(length))
                self.assertTrue(line.is_closed())

    def test_a_giant_frame_that_is_announced_takes_no_memory(self) -> None:
        before = self.broker.memory_kib("VmRSS")
        for _ in range(50):
            self.line().send(i32(100 << 20) + wire.header(wire.PRODUCE, 7))
        self.assert_serves()
        self.assertLess(self.broker.memory_kib("VmRSS") - before, 100 * MEGABYTE_KIB)

    def test_a_header_that_ends_too_early_closes_the_connection(self) -> None:
        whole = wire.header(wire.METADATA, 1)
        for size in range(1, len(whole)):
            with self.subTest(size=size), Line(self.broker.port) as line:
                line.send(wire.frame(whole[:size]))
                self.assertTrue(line.is_closed())

    def test_a_body_that_ends_too_early_closes_the_connection(self) -> None:
        body = wire.produce("topic", wire.batch(wire.record(0, b"v")))
        for size in range(0, len(body) - 1, 3):
            with self.subTest(size=size), Line(self.broker.port) as line:
                line.send(wire.request(wire.PRODUCE, 7, body[:size]))
                self.assertTrue(line.is_closed())

    def test_an_unknown_api_closes_the_connection(self) -> None:
        for api in (-1, 999, 32767):
            with self.subTest(api=api), Line(self.broker.port) as line:
                line.send(wire.request(api, 0, b""))
                self.assertTrue(line.is_closed())

    def test_an_unknown_version_of_api_versions_is_answered_in_v0(self) -> None:
        line = self.line()
        line.send(wire.request(wire.API_VERSIONS, 99, b"\0\x02x\x02y\0", correlation=12345))
        answer = line.answer()
        self.assertEqual(answer[:6], i32(12345) + i16(wire.UNSUPPORTED_VERSION))
        self.assertEqual((len(answer) - 10) % 6, 0, "the body is not that of version 0")
        self.assertIn(wire.API_VERSIONS, wire.served_versions(line))

    def test_an_unknown_version_of_another_api_closes_the_connection(self) -> None:
        for api, version in ((wire.PRODUCE, 99), (wire.FETCH, 0), (wire.METADATA, -1)):
            with self.subTest(api=api, version=version), Line(self.broker.port) as line:
                line.send(wire.request(api, version, b"\0" * 64))
                self.assertTrue(line.is_closed())

    # --- fields ---

    def test_a_count_beyond_the_bytes_closes_the_connection_and_takes_no_memory(self) -> None:
        most = i32(2**31 - 1)
        bodies = [
            (wire.METADATA, 1, most),
            (wire.METADATA, 9, b"\xff\xff\xff\xff\x0f"),
            (wire.PRODUCE, 7, wire.text(None) + i16(-1) + i32(1) + most),
            (wire.PRODUCE, 7, wire.text(None) + i16(-1) + i32(1) + i32(1) + wire.text("t") + most),
            (wire.FETCH, 4, i32(-1) + i32(0) + i32(1) + i32(1) + i8(0) + most),
            (wire.LIST_OFFSETS, 1, i32(-1) + most),
            (wire.CREATE_TOPICS, 2, most),
        ]
        before = self.broker.memory_kib("VmHWM")
        for api, version, body in bodies:
            with self.subTest(api=api, version=version), Line(self.broker.port) as line:
                tags = b"\0" if (api, version) == (wire.METADATA, 9) else b""
                line.send(wire.frame(wire.header(api, version) + tags + body))
                self.assertTrue(line.is_closed())
        self.assertLess(self.broker.memory_kib("VmHWM") - before, 64 * MEGABYTE_KIB)

    def test_a_null_that_is_not_allowed_closes_the_connection(self) -> None:
        bodies = [
            (wire.METADATA, 1, wire.array(wire.text(None))),
            (wire.PRODUCE, 7, wire.produce(None, b"")),
            (wire.PRODUCE, 7, wire.text(None) + i16(-1) + i32(1) + i32(-1)),
            (wire.CREATE_TOPICS, 2, wire.create_topic(None)),
            (wire.FETCH, 4, i32(-1) + i32(0) + i32(1) + i32(1) + i8(0) + i32(-1)),
        ]
        for api, version, body in bodies:
            with self.subTest(api=api, body=body), Line(self.broker.port) as line:
                line.send(wire.request(api, version, body))
                self.assertTrue(line.is_closed())

    def test_every_served_api_survives_bodies_of_nonsense(self) -> None:
        with Line(self.broker.port) as line:
            served = wire.served_versions(line)
        dice = random.Random(1)
        bodies = [b"", bytes(200), b"\xff" * 200, b"\x7f\xff\xff\xff" * 50, b"\x01" * 200]
        for api, versions in served.items():
            for version in versions:
                for body in (*bodies, dice.randbytes(dice.randrange(1, 300))):
                    with (
                        self.subTest(api=api, version=version, body=body.hex()),
                        Line(self.broker.port, seconds=20) as line,
                    ):
                        line.send(wire.request(api, version, body))
                        line.read_to_the_end()
                        if not self.broker.is_up():
                            self.fail("the broker has ended")

    def test_an_invalid_topic_name_is_refused_by_name(self) -> None:
        line = self.line()
        for name in ("", ".", "..", "a/b", "a b", "ä", "x" * 250, "a\0b", "../../etc"):
            with self.subTest(name=name):
                self.assertEqual(wire.create_topic_error(line, name), wire.INVALID_TOPIC)
                good = wire.batch(wire.record(0, b"v"))
                self.assertIn(wire.produce_error(line, name, good), (3, wire.INVALID_TOPIC))

    # --- records ---

    def assert_refused(self, records: bytes | None, *errors: int) -> None:
        with Line(self.broker.port) as line:
            before = wire.end_offset(line, "topic")
            self.assertIn(wire.produce_error(line, "topic", records), errors)
            self.assertEqual(wire.end_offset(line, "topic"), before, "something was appended")

    def test_a_damaged_batch_is_refused_and_changes_nothing(self) -> None:
        one = wire.record(0, b"value")
        good = wire.batch(one)
        damaged = {
            "wrong CRC": (wire.batch(one, crc=1), wire.CORRUPT_MESSAGE),
            "a flipped bit": (good[:-2] + bytes([good[-2] ^ 4]) + good[-1:], wire.CORRUPT_MESSAGE),
            "two batches": (good + good, wire.INVALID_RECORD),
            "no batch": (b"", wire.INVALID_RECORD),
            "null": (None, wire.INVALID_RECORD),
            "magic 1": (wire.batch(one, magic=1), wire.INVALID_RECORD),
            "a count of 0": (wire.batch(one, count=0), wire.INVALID_RECORD),
            "a count that is too large": (wire.batch(one, count=2), wire.INVALID_RECORD),
            "a count that is negative": (wire.batch(one, count=-5), wire.INVALID_RECORD),
            "a last delta of its own": (wire.batch(one, last_delta=9), wire.INVALID_RECORD),
            "a control batch": (wire.batch(one, attributes=0x20), wire.INVALID_RECORD),
        }
        for what, (records, error) in damaged.items():
            with self.subTest(what):
                self.assert_refused(records, error)

    def test_a_batch_whose_length_lies_is_refused(self) -> None:
        one = wire.record(0, b"value")
        for length in (-1, -(2**31), 0, 48, 2**31 - 1):
            with self.subTest(length=length):
                self.assert_refused(
                    wire.batch(one, length=length), wire.CORRUPT_MESSAGE, wire.INVALID_RECORD,
                    wire.MESSAGE_TOO_LARGE,
                )  # fmt: skip

    def test_garbage_in_a_codec_is_refused(self) -> None:
        for codec in range(1, 8):
            with self.subTest(codec=codec):
                self.assert_refused(
                    wire.batch(random.Random(codec).randbytes(300), codec=codec),
                    wire.CORRUPT_MESSAGE, wire.INVALID_RECORD, 76,
                )  # fmt: skip

    def test_a_decompression_bomb_does_not_fill_the_memory(self) -> None:
        for codec in (wire.GZIP, wire.ZSTD):
            with self.subTest(codec=codec), Line(self.broker.port, seconds=60) as line:
                bomb = wire.batch(wire.zeros_compressed(codec, 900), codec=codec)
                self.assertLess(len(bomb), 1_000_000)
                before = self.broker.memory_kib("VmHWM")
                wire.produce_error(line, "topic", bomb)  # it may take it or not
                grown = self.broker.memory_kib("VmHWM") - before
                self.assertLess(grown, 300 * MEGABYTE_KIB)

    # --- clients that stall ---

    def test_a_sender_of_single_bytes_is_served_and_holds_nobody_up(self) -> None:
        slow = self.line()
        for byte in wire.request(wire.METADATA, 1, wire.array(wire.text("topic"))):
            slow.send(bytes([byte]))
            self.assert_serves_metadata()
        self.assertIn(b"topic", slow.answer())

    def assert_serves_metadata(self) -> None:
        with Line(self.broker.port) as line:
            line.ask(wire.METADATA, 1, wire.array())

    def test_a_thousand_connections_at_once_are_served(self) -> None:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        before = self.broker.memory_kib("VmRSS")
        with contextlib.ExitStack() as stack:
            lines = [stack.enter_context(Line(self.broker.port)) for _ in range(1000)]
            for line in lines:
                line.send(wire.request(wire.METADATA, 1, wire.array(wire.text("topic"))))
            for line in lines:
                self.assertIn(b"topic", line.answer())
            self.assertLess(self.broker.memory_kib("VmRSS") - before, 100 * MEGABYTE_KIB)

    def test_a_reader_that_never_reads_its_answers_takes_little_memory(self) -> None:
        value = random.Random(2).randbytes(900_000)
        with Line(self.broker.port) as line:
            assert wire.create_topic_error(line, "big") == wire.NONE
            for _ in range(10):
                records = wire.batch(wire.record(0, value), crc=None)
                self.assertEqual(wire.produce_error(line, "big", records), wire.NONE)
        before = self.broker.memory_kib("VmRSS")
        ask = wire.request(wire.FETCH, 4, wire.fetch("big", 0, 8 << 20))
        greedy = [self.line() for _ in range(8)]
        for line in greedy:
            line.socket.settimeout(0.3)
            with contextlib.suppress(TimeoutError):  # when the broker takes no more: as it should
                for _ in range(200):
                    line.send(ask)
        end = time.monotonic() + 2
        most = 0
        while time.monotonic() < end:
            self.assert_serves_metadata()
            most = max(most, self.broker.memory_kib("VmRSS"))
        # 8 connections that asked for 200 times 8 MB each; a few answers may be in flight.
        self.assertLess(most - before, 400 * MEGABYTE_KIB)


class Strangers(unittest.TestCase):
    """Each with a broker of its own, for of many such connections each shard logs one."""

    def assert_one_line_names(self, first_bytes: bytes, name: str) -> None:
        with Broker({"shards": "1"}) as broker:
            for _ in range(50):
                with Line(broker.port) as line:
                    line.send(first_bytes)
                    self.assertTrue(line.is_closed())
            wait_for("line in the log", 5, lambda: name in broker.log())
            lines = [
                line for line in broker.log().splitlines() if "127.0.0.1" in line and name in line
            ]
            self.assertEqual(len(lines), 1, lines)
            with Line(broker.port) as line:
                line.ask(wire.METADATA, 1, wire.array())

    def test_a_browser_is_shown_the_door_and_named_once(self) -> None:
        self.assert_one_line_names(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP")

    def test_a_tls_hello_is_shown_the_door_and_named_once(self) -> None:
        self.assert_one_line_names(SPEAKS_TOO_EARLY, "TLS")


if __name__ == "__main__":
    harness.main()
