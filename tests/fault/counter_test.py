"""The exactly-once counter of clients/examples, its broker and itself killed at random: every count
is exact at the end.

Two counters share the partitions. MILLRACE_LONG makes it two minutes; MILLRACE_SEED repeats the
times of the kills.
"""

import collections
import json
import os
import random
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
from harness import Broker

SECONDS = 120 if harness.LONG else 15
SEED = int(os.environ.get("MILLRACE_SEED", time.time_ns() % 1_000_000))
PARTITIONS = 4
KEYS = 50
SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


class Counters:
    """Counter processes, each under a name, and never two of one name."""

    def __init__(self, broker: Broker, names: str) -> None:
        self.broker = broker
        self.processes: dict[str, subprocess.Popen[bytes] | None] = dict.fromkeys(names)

    def kill(self, name: str) -> None:
        process = self.processes[name]
        if process is not None:
            process.kill()
            process.wait()
        self.processes[name] = None

    def start(self, name: str) -> None:
        program = harness.BINARY.parent / "example_exactly_once_counter"
        self.processes[name] = subprocess.Popen(
            [program, self.broker.address, "events", "counts", name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> "Counters":
        for name in self.processes:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.processes:
            self.kill(name)


class Events:
    """An idempotent producer that goes on through all of it, and what it was given."""

    def __init__(self, broker: Broker) -> None:
        self.sent: collections.Counter[str] = collections.Counter()
        self.process = subprocess.Popen(
            [harness.BINARY, "produce", "events", "-b", broker.address, "-f", "%k\\t%v\\n"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self) -> None:
        chance = random.Random(SEED)
        while not self.enough.wait(0.005):
            keys = [f"key{chance.randrange(KEYS)}" for _ in range(chance.randrange(1, 20))]
            self.process.stdin.write("".join(f"{key}\tx\n" for key in keys).encode())
            self.process.stdin.flush()
            self.sent.update(keys)

    def end(self) -> str:
        """Returns when all is delivered; what was complained of, if anything."""
        self.enough.set()
        self.thread.join()
        _, complaint = self.process.communicate(timeout=90)
        return "" if self.process.returncode == 0 else complaint.decode()


def run(broker: Broker, *arguments: str) -> str:
    result = subprocess.run(
        [harness.BINARY, *arguments, "-b", broker.address],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if result.returncode != 0:
        raise AssertionError(f"millrace {' '.join(arguments)}: {result.stderr}")
    return result.stdout


def counted(broker: Broker) -> dict[str, int]:
    """The last committed count of each key."""
    text = run(
        broker, "consume", "counts", "--exit", "--read-committed", "-f", "%k\\t%v\\n",
    )  # fmt: skip
    return {key: int(value) for key, value in (line.split("\t") for line in text.splitlines())}


class ExactlyOnceCounter(unittest.TestCase):
    def test_counters_that_are_killed_count_every_event_once(self) -> None:
        chance = random.Random(SEED)
        print(f"MILLRACE_SEED={SEED}")
        kills: collections.Counter[str] = collections.Counter()
        with Broker(SETTINGS) as broker:
            run(broker, "topic", "create", "events", "-p", str(PARTITIONS))
            run(
                broker, "topic", "create", "counts", "-p", str(PARTITIONS),
                "-c", "cleanup.policy=compact",
            )  # fmt: skip
            with Counters(broker, "ab") as counters:
                events = Events(broker)
                end = time.monotonic() + SECONDS
                try:
                    while time.monotonic() < end:
                        time.sleep(chance.uniform(0.2, 2))
                        victim = chance.choice(["a", "b", "broker"])
                        kills[victim] += 1
                        if victim == "broker":
                            broker.kill()
                            broker.start()
                        else:
                            counters.kill(victim)
                            counters.start(victim)
                finally:
                    complaint = events.end()
                self.assertEqual(complaint, "")

                def caught_up() -> bool:
                    text = run(broker, "group", "lag", "events-counter", "-O", "json")
                    (group,) = json.loads(text)
                    told = group["partitions"]
                    return len(told) == PARTITIONS and all(each["lag"] == 0 for each in told)

                harness.wait_for("group without a lag", 100, caught_up)
            self.assertEqual(counted(broker), dict(events.sent))
        print(f"{events.sent.total()} events, killed: {dict(kills)}")


if __name__ == "__main__":
    harness.main()
