"""How long does a broker with 10 GB of log take to start after SIGKILL?

What lies behind the last checkpoint of each partition has to be read and verified, the rest has
not: the start should take as long as one with nothing to verify, plus the time that the tail takes.
The aim is 500 ms plus the tail, for which counts what it takes to read as many bytes at the ends of
the same files, one thread, without looking at them.

Estimate: 12 segments of 1 GiB in 8 partitions, some 40 small files each at 20 us, a process that is
up in 30 ms, and a tail of at most 64 MiB for each partition at 2 GB/s: 300 ms.

usage: log_start_bench.py [GIGABYTES]    10 unless said otherwise, 1 with MILLRACE_QUICK=1.
MILLRACE_BIN names the binary, else it is that of the release preset.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("MILLRACE_BIN", str(ROOT / "build/release/bin/millrace"))
sys.path.insert(0, str(ROOT / "tests/interop"))

import harness
import wire

GIGABYTES = 1 if os.environ.get("MILLRACE_QUICK") else 10
TOPICS = 8
BATCH_BYTES = 1_000_000
RUNS = 3
AIM_MS = 500
DEADLINE_SECONDS = 900


class Process:
    """A broker on a folder, and how long it took until it was ready."""

    def __init__(self, data: Path) -> None:
        begin = time.monotonic()
        self._process = subprocess.Popen(
            [harness.BINARY, "start", "--set", f"log.dirs={data}",
             "--set", "listeners=PLAINTEXT://127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.said = ""
        while not (found := re.search(r"\bready on [^ ,]*:(\d+)", self.said)):
            line = self._process.stdout.readline()
            if not line:
                sys.exit(f"the broker ended with {self._process.wait()}: {self.said}")
            self.said += line
        self.ready_ms = 1000 * (time.monotonic() - begin)
        self.port = int(found[1])

    def verified_bytes(self) -> int:
        return int(re.search(r"(\d+) bytes verified", self.said)[1])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def fill(port: int, topics: list[str], count: int) -> None:
    """Batches of one record each, to the topics in turn; some requests are on their way at a time."""
    batch = wire.batch(wire.record(0, b"v" * BATCH_BYTES))
    requests = [wire.request(wire.PRODUCE, 7, wire.produce(topic, batch)) for topic in topics]
    with wire.Line(port, seconds=60) as line:
        for i in range(count):
            line.send(requests[i % TOPICS])
            if i >= TOPICS:
                line.answer()
        for _ in range(min(count, TOPICS)):
            line.answer()


def read_ends_ms(data: Path, topics: list[str], total: int) -> float:
    """Reads `total` bytes from the ends of the topics' newest segments."""
    memory = bytearray(1 << 20)
    begin = time.monotonic()
    for topic in topics:
        left = total // len(topics)
        for path in sorted((data / f"{topic}-0").glob("*.log"), reverse=True):
            with path.open("rb", buffering=0) as file:
                size = path.stat().st_size
                file.seek(max(size - left, 0))
                while left > 0 and (got := file.readinto(memory)):
                    left -= got
    return 1000 * (time.monotonic() - begin)


def main() -> None:
    signal.alarm(DEADLINE_SECONDS)
    gigabytes = int(sys.argv[1]) if len(sys.argv) > 1 else GIGABYTES
    topics = [f"topic-{i}" for i in range(TOPICS)]
    with tempfile.TemporaryDirectory(
        prefix="millrace-bench-", dir=os.environ.get("MILLRACE_BENCH_DIR", ".")
    ) as name:
        data = Path(name) / "data"
        process = Process(data)
        with wire.Line(process.port) as line:
            for topic in topics:
                assert wire.create_topic_error(line, topic) == wire.NONE
        begin = time.monotonic()
        fill(process.port, topics, gigabytes * 1_000_000_000 // BATCH_BYTES)
        speed = gigabytes * 1000 / (time.monotonic() - begin)
        print(f"{gigabytes} GB in {TOPICS} partitions, produced with {speed:.0f} MB/s")
        for _ in range(RUNS):
            process.kill()
            process = Process(data)
            tail = process.verified_bytes()
            tail_ms = read_ends_ms(data, topics, tail)
            limit = AIM_MS + tail_ms
            print(
                f"start after SIGKILL: {process.ready_ms:.0f} ms, {tail / 1e6:.0f} MB verified"
                f"   aim <= {AIM_MS} + {tail_ms:.0f} ms"
                f"  {'met' if process.ready_ms <= limit else 'MISSED'}",
                flush=True,
            )
            # What the next start has to verify.
            fill(process.port, topics, gigabytes * 100)
        process.kill()


if __name__ == "__main__":
    main()
