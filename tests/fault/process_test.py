"""How the process starts, ends, and comes back: locks, signals, torn ends of files."""

import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import wire
from harness import Broker, kcat
from wire import Line

BATCH_HEADER_BYTES = 61


def start_again(broker: Broker, **changed: str) -> subprocess.CompletedProcess[str]:
    """A second process with the broker's settings, but for those that are changed."""
    command = broker.command()
    for name, value in changed.items():
        command += ["--set", f"{name}={value}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


class Start(unittest.TestCase):
    def test_a_second_start_on_a_directory_in_use_says_so_and_exits_1(self) -> None:
        with Broker() as broker:
            second = start_again(broker, listeners="PLAINTEXT://127.0.0.1:0")
            self.assertEqual(second.returncode, 1, second)
            self.assertIn(str(broker.data), second.stdout + second.stderr)
            self.assertRegex((second.stdout + second.stderr).lower(), "in use|another|locked")
            kcat(broker, "-P", "-t", "still-there", stdin=b"x\n")

    def test_a_second_start_on_a_port_in_use_says_so_and_exits_1(self) -> None:
        with Broker() as broker, Broker() as other:
            command = [
                f"listeners=PLAINTEXT://{broker.address}" if word.startswith("listeners=") else word
                for word in other.command()
            ]
            self.assertEqual(other.stop(), 0)
            second = subprocess.run(command, capture_output=True, text=True, timeout=30)
            self.assertEqual(second.returncode, 1, second)
            self.assertIn(str(broker.port), second.stdout + second.stderr)
            self.assertIn("in use", (second.stdout + second.stderr).lower())

    def test_a_killed_broker_leaves_no_lock_behind(self) -> None:
        with Broker() as broker:
            for _ in range(3):
                broker.kill()
                broker.start()


class Stop(unittest.TestCase):
    def assert_stops(self, broker: Broker, seconds: float) -> None:
        begin = time.monotonic()
        self.assertEqual(broker.stop(), 0)
        self.assertLess(time.monotonic() - begin, seconds)

    def test_sigterm_ends_an_idle_broker_with_0(self) -> None:
        with Broker() as broker:
            self.assert_stops(broker, 5)

    def test_sigint_ends_an_idle_broker_with_0(self) -> None:
        with Broker() as broker:
            broker.process.send_signal(2)
            self.assertEqual(broker.process.wait(5), 0)

    def test_sigterm_does_not_wait_for_clients_that_are_connected(self) -> None:
        with Broker() as broker:
            kcat(broker, "-P", "-t", "t", stdin=b"x\n")
            lines = [self.enterContext(Line(broker.port)) for _ in range(20)]
            lines[0].send(wire.request(wire.FETCH, 4, wire.fetch("t", 1, 1000, wait_ms=60_000)))
            lines[1].send(b"\0\0")  # a request that is begun
            self.assert_stops(broker, 10)

    def test_sigterm_does_not_wait_for_a_client_that_never_reads(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            value = bytes(900_000)
            with Line(broker.port) as line:
                wire.create_topic_error(line, "t")
                for _ in range(5):
                    batch = wire.batch(wire.record(0, value))
                    self.assertEqual(wire.produce_error(line, "t", batch), wire.NONE)
            greedy = self.enterContext(Line(broker.port, seconds=0.3))
            greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(20):
                greedy.send(wire.request(wire.FETCH, 4, wire.fetch("t", 0, 8 << 20)))
            self.assert_stops(broker, 25)

    def test_sigterm_answers_what_was_taken(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            with Line(broker.port) as line:
                wire.create_topic_error(line, "t")
                one = wire.request(
                    wire.PRODUCE, 7, wire.produce("t", wire.batch(wire.record(0, b"v")))
                )
                line.send(one * 2000)
                line.answer()  # the broker is in the middle of them
                status = broker.stop()
                answered = 1 + self.count_answers(line.read_to_the_end())
            self.assertEqual(status, 0)
            broker.start()
            with Line(broker.port) as line:
                self.assertEqual(wire.end_offset(line, "t"), answered)

    def count_answers(self, got: bytes) -> int:
        count = place = 0
        while place < len(got):
            (length,) = struct.unpack_from(">i", got, place)
            place += 4 + length
            count += 1
        self.assertEqual(place, len(got), "the last answer is cut off")
        return count


class TornTail(unittest.TestCase):
    """What a crash may leave after the last whole batch; each is cut off, and nothing else."""

    def assert_is_cut_off(self, tail_of: object) -> None:
        sent = b"".join(b"record %d\n" % i for i in range(2000))
        with Broker({"num.partitions": "1"}) as broker:
            kcat(broker, "-P", "-t", "torn", "-X", "batch.num.messages=100", stdin=sent)
            broker.kill()
            (log,) = sorted((broker.data / "torn-0").glob("*.log"))
            whole = log.read_bytes()
            with log.open("ab") as file:
                file.write(tail_of(whole))
            broker.start()
            self.assertEqual(kcat(broker, "-C", "-t", "torn", "-o", "beginning", "-e", "-q"), sent)
            kcat(broker, "-P", "-t", "torn", stdin=b"after\n")
            broker.restart()
            got = kcat(broker, "-C", "-t", "torn", "-o", "beginning", "-e", "-q")
            self.assertEqual(got, sent + b"after\n")

    def test_half_a_header(self) -> None:
        self.assert_is_cut_off(lambda whole: self.next_batch(whole)[: BATCH_HEADER_BYTES // 2])

    def test_half_a_batch(self) -> None:
        self.assert_is_cut_off(lambda whole: self.next_batch(whole)[:-20])

    def test_a_batch_with_a_page_of_zeros_in_it(self) -> None:
        self.assert_is_cut_off(lambda whole: self.next_batch(whole)[:-200] + bytes(200))

    def test_zeros(self) -> None:
        self.assert_is_cut_off(lambda whole: bytes(4096))

    def test_garbage(self) -> None:
        self.assert_is_cut_off(lambda whole: bytes(range(256)) * 9)

    def next_batch(self, whole: bytes) -> bytes:
        """A batch that would fit behind the last one."""
        place, end = 0, 0
        while place < len(whole):
            base, length = struct.unpack_from(">qi", whole, place)
            (last_delta,) = struct.unpack_from(">i", whole, place + 23)
            end = base + last_delta + 1
            place += 12 + length
        return wire.batch(wire.record(0, b"x" * 600), base_offset=end)


if __name__ == "__main__":
    harness.main()
