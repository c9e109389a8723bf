"""How long from the start to the first acknowledged record, and what does an idle broker hold?

Estimate: exec and the dynamic linker take 10 ms, formatting a directory and reading it back some
ten syncs of 1 ms, creating a topic and appending to it as much again: below 50 ms. An idle broker
is its code that was touched and empty tables: some 15 MiB. Another start reads what 200 partitions
left behind, a few small files each at 20 us: 20 ms more.

usage: start_bench.py [RUNS]    MILLRACE_BIN names the binary, else it is that of the release preset
"""

import os
import re
import signal
import statistics
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

RUNS = 9
IDLE_SECONDS = 1
DEADLINE_SECONDS = 600
TOPICS = 100


class Process:
    """A broker on a directory that is given, with the times at which it got how far, in ms."""

    def __init__(self, data: Path) -> None:
        begin = time.monotonic()
        self._process = subprocess.Popen(
            [harness.BINARY, "start", "--set", f"log.dirs={data}",
             "--set", "listeners=PLAINTEXT://127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        found = None
        while not found:
            line = self._process.stdout.readline()
            if not line:
                sys.exit(f"{harness.BINARY} ended with {self._process.wait()} before it was ready")
            found = re.search(r"\bready on [^ ,]*:(\d+)", line)
        self.ready = 1000 * (time.monotonic() - begin)
        self.line = wire.Line(int(found[1]))
        self.acked = self._first_record(begin)

    def _first_record(self, begin: float) -> float:
        error = wire.create_topic_error(self.line, "first")
        assert error in (wire.NONE, 36), error  # 36: it is there from an earlier run
        error = wire.produce_error(self.line, "first", wire.batch(wire.record(0, b"v")))
        assert error == wire.NONE, error
        return 1000 * (time.monotonic() - begin)

    def idle_mib(self) -> float:
        time.sleep(IDLE_SECONDS)
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[1]) / 1024

    def stop(self) -> float:
        self.line.socket.close()
        begin = time.monotonic()
        self._process.terminate()
        self._process.wait()  # with a time limit it would look only every 50 ms
        self._process.stdout.close()
        return 1000 * (time.monotonic() - begin)


def report(what: str, unit: str, samples: list[float]) -> None:
    print(
        f"{what:<44} {statistics.median(samples):8.1f} {unit:<4}"
        f" from {min(samples):.1f} to {max(samples):.1f} in {len(samples)} runs"
    )


def measure(title: str, directories: list[Path]) -> None:
    ready, acked, idle, stop = [], [], [], []
    for directory in directories:
        process = Process(directory)
        ready.append(process.ready)
        acked.append(process.acked)
        idle.append(process.idle_mib())
        stop.append(process.stop())
    report(f"{title}: ready", "ms", ready)
    report(f"{title}: first acknowledged record", "ms", acked)
    report(f"{title}: idle resident memory", "MiB", idle)
    report(f"{title}: SIGTERM to the end", "ms", stop)


def main() -> None:
    signal.alarm(DEADLINE_SECONDS)
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name:
        folder = Path(name)
        measure("new directory", [folder / f"new-{i}" for i in range(runs)])
        full = folder / "full"
        process = Process(full)
        for i in range(TOPICS):
            topic = f"topic-{i}"
            assert wire.create_topic_error(process.line, topic, 2) == wire.NONE
            batch = wire.batch(wire.record(0, b"v" * 100))
            assert wire.produce_error(process.line, topic, batch) == wire.NONE
        process.stop()
        measure(f"{2 * TOPICS} partitions", [full] * runs)


if __name__ == "__main__":
    main()
