"""kill -9 of the broker under load, again and again: what was acknowledged is there in the end.

Segments are small, so that some kills meet a roll, and some meet the recovery from the last one.
A killed process leaves its writes to the kernel, so this shows restart and recovery under real
clients; what a power cut does is the business of tests/sim.

usage: kill_test.py            a few kills per client
       MILLRACE_KILLS=50 kill_test.py
"""

import os
import random
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
from checker import History, Record, problems
from harness import Broker, kcat, wait_for

KILLS = int(os.environ.get("MILLRACE_KILLS", 50 if harness.LONG else 4))
SEED = int(os.environ.get("MILLRACE_SEED", time.time_ns() % 1_000_000))
PARTITIONS = 3
RECORDS_PER_SECOND = 3000
TOPIC = "load"
# A client that is told to come back soon, and to give no record up.
PATIENT = {
    "enable.idempotence": "true",
    "message.timeout.ms": "120000",
    "reconnect.backoff.ms": "20",
    "reconnect.backoff.max.ms": "100",
    "retry.backoff.ms": "20",
    "linger.ms": "2",
}


def pairs(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-X", f"{name}={value}")]


def content(broker: Broker) -> list[Record]:
    """All partitions from the start to the end, with checksums verified by the client."""
    found = []
    for partition in range(PARTITIONS):
        text = kcat(
            broker, "-C", "-t", TOPIC, "-p", str(partition), "-o", "beginning", "-e", "-q",
            "-X", "check.crcs=true", "-f", "%p %o %s\n", seconds=120,
        )  # fmt: skip
        found += records_of(text)
    return found


def records_of(text: bytes) -> list[Record]:
    return [
        Record(int(p), int(o), v) for p, o, v in (line.split(b" ") for line in text.splitlines())
    ]


def values(partition: int) -> Iterator[bytes]:
    """An endless supply of values of many sizes, each the only one of its kind."""
    number = 0
    while True:
        yield b"%d-%d-" % (partition, number) + b"#" * (number % 997)
        number += 1


class Pace:
    """Holds a loop to a number of steps per second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._begin = time.monotonic()
        self._steps = 0

    def step(self) -> None:
        self._steps += 1
        ahead = self._steps / self._per_second - (time.monotonic() - self._begin)
        if ahead > 0.005:
            time.sleep(ahead)


class KcatLoad:
    """One kcat per partition, fed through its stdin: if it ends well, all it was fed is acked."""

    def __init__(self, broker: Broker) -> None:
        self.history = History()
        self._stop = threading.Event()
        self._threads = []
        self._failures: list[str] = []
        for partition in range(PARTITIONS):
            self.history.sent[partition] = []
            self._threads.append(threading.Thread(target=self._feed, args=(broker, partition)))
        for thread in self._threads:
            thread.start()

    def progress(self) -> int:
        """A number that grows while the producers get on."""
        return sum(len(sent) for sent in self.history.sent.values())

    def _feed(self, broker: Broker, partition: int) -> None:
        command = ["kcat", "-E", "-b", broker.address, "-P", "-t", TOPIC, "-p", str(partition)]
        sent = self.history.sent[partition]
        pace = Pace(RECORDS_PER_SECOND / PARTITIONS)
        with harness.running(
            *command,
            *pairs(PATIENT),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            errors = bytearray()
            reader = threading.Thread(target=lambda: errors.extend(process.stderr.read()))
            reader.start()
            for value in values(partition):
                if self._stop.is_set():
                    break
                process.stdin.write(value + b"\n")
                process.stdin.flush()
                sent.append(value)
                pace.step()
            process.stdin.close()
            status = process.wait(180)
            reader.join()
        if status != 0 or b"Delivery failed" in errors:
            self._failures.append(f"kcat ended with {status}: {errors.decode()[-1000:]}")
        else:
            self.history.acked += [Record(partition, -1, value) for value in sent]

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(240)
        assert not self._failures, self._failures


class LibrdkafkaLoad:
    """One idempotent producer over all partitions, which knows each acknowledgement's offset."""

    def __init__(self, broker: Broker) -> None:
        import confluent_kafka

        self.history = History({partition: [] for partition in range(PARTITIONS)})
        self._failures: list[str] = []
        self._stop = threading.Event()
        self._producer = confluent_kafka.Producer(
            {"bootstrap.servers": broker.address, "queue.buffering.max.messages": 20000, **PATIENT}
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def progress(self) -> int:
        return len(self.history.acked)

    def _acked(self, error: object, message: object) -> None:
        if error is not None:
            self._failures.append(str(error))
            return
        self.history.acked.append(Record(message.partition(), message.offset(), message.value()))

    def _run(self) -> None:
        supplies = [values(partition) for partition in range(PARTITIONS)]
        pace = Pace(RECORDS_PER_SECOND)
        partition = 0
        while not self._stop.is_set() and not self._failures:
            value = next(supplies[partition])
            while True:
                try:
                    self._producer.produce(
                        TOPIC, value, partition=partition, on_delivery=self._acked
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
            self.history.sent[partition].append(value)
            self._producer.poll(0)
            pace.step()
            partition = (partition + 1) % PARTITIONS

    def finish(self) -> None:
        self._stop.set()
        self._thread.join(60)
        left = self._producer.flush(180)
        assert left == 0 and not self._failures, (left, self._failures[:5])


class Kill(unittest.TestCase):
    def run_under(self, load_type: type) -> None:
        dice = random.Random(SEED)
        print(f"MILLRACE_SEED={SEED}, {KILLS} kills", flush=True)
        settings = {"num.partitions": str(PARTITIONS), "log.segment.bytes": "1048576"}
        with Broker(settings) as broker:
            kcat(broker, "-L", "-t", TOPIC)  # makes the topic
            load = load_type(broker)
            try:
                with (
                    (broker.data.parent / "read").open("wb") as read,
                    harness.running(
                        "kcat", "-E", "-b", broker.address, "-C", "-t", TOPIC, "-o", "beginning",
                        "-q", "-u", "-f", "%p %o %s\n", "-X", "reconnect.backoff.max.ms=100",
                        stdout=read, stderr=subprocess.DEVNULL,
                    ),
                ):  # fmt: skip
                    for _ in range(KILLS):
                        goal = load.progress() + 300
                        wait_for("progress", 60, lambda: load.progress() >= goal)
                        time.sleep(dice.uniform(0, 0.3))
                        broker.kill()
                        if dice.random() < 0.4:  # and again, in the middle of its recovery
                            broker.launch()
                            time.sleep(dice.uniform(0, 0.06))
                            broker.kill()
                        broker.start()
            finally:
                load.finish()
            history = load.history
            shown = (broker.data.parent / "read").read_bytes()
            history.read += records_of(shown[: shown.rfind(b"\n") + 1])
            broker.kill()
            broker.start()
            log = content(broker)
            print(f"{len(history.acked)} acknowledged, {len(history.read)} read, {len(log)} found")
            self.assertGreater(len(history.acked), 100 * KILLS)
            self.assertGreater(len(history.read), 0)
            self.assertEqual(problems(history, log), [])

    def test_what_kcat_was_acknowledged_is_there_once_and_in_order(self) -> None:
        self.run_under(KcatLoad)

    def test_what_librdkafka_was_acknowledged_is_there_once_and_in_order(self) -> None:
        harness.use_pypi()
        self.run_under(LibrdkafkaLoad)


if __name__ == "__main__":
    harness.main()
