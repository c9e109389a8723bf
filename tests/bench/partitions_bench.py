"""What does a broker pay for partitions that nobody uses?

Estimate: an empty partition is a folder with three small files, each synced with its folder: at
1 ms a sync and eight threads, 1 ms of wall time to create it. In memory it is its names, a segment,
an empty cache: 2 KiB. Opening it again reads those files at some 20 us each. Idle, it should cost
nothing.

usage: partitions_bench.py [PARTITIONS]    MILLRACE_BIN names the binary, else it is that of the
release preset. 5000 partitions unless said otherwise; 50000 take minutes and 2 GiB of disk.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("MILLRACE_BIN", str(ROOT / "build/release/bin/millrace"))
sys.path.insert(0, str(ROOT / "tests/interop"))

import harness
import wire

PARTITIONS = 5000
PARTITIONS_PER_TOPIC = 100
TOPICS_PER_REQUEST = 10
IDLE_SECONDS = 10
DEADLINE_SECONDS = 3600


def create(broker: harness.Broker, first: int, topics: int) -> None:
    described = [
        wire.text(f"topic-{i}") + wire.i32(PARTITIONS_PER_TOPIC) + wire.i16(1)
        + wire.array() + wire.array()
        for i in range(first, first + topics)
    ]  # fmt: skip
    with wire.Line(broker.port, seconds=DEADLINE_SECONDS) as line:
        line.ask(wire.CREATE_TOPICS, 2, wire.array(*described) + wire.i32(600_000) + wire.i8(0))


def show(what: str, value: float, unit: str) -> None:
    print(f"{what:<44} {value:10.2f} {unit}", flush=True)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_idle(broker: harness.Broker, title: str) -> None:
    pid = broker.process.pid
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    show(f"{title}: idle CPU", 100 * (cpu_seconds(pid) - before) / IDLE_SECONDS, "% of one core")
    show(f"{title}: resident memory", broker.memory_kib("VmRSS") / 1024, "MiB")
    show(f"{title}: open descriptors", len(os.listdir(f"/proc/{pid}/fd")), "")


def timed(what: str, work: object) -> None:
    begin = time.monotonic()
    work()
    show(what, time.monotonic() - begin, "s")


def main() -> None:
    signal.alarm(DEADLINE_SECONDS)
    harness.START_SECONDS = harness.STOP_SECONDS = DEADLINE_SECONDS
    partitions = int(sys.argv[1]) if len(sys.argv) > 1 else PARTITIONS
    step = PARTITIONS_PER_TOPIC * TOPICS_PER_REQUEST
    with harness.Broker() as broker:
        measure_idle(broker, "no partitions")
        for made in range(0, partitions, step):
            begin = time.monotonic()
            create(broker, made // PARTITIONS_PER_TOPIC, TOPICS_PER_REQUEST)
            if made in (0, partitions - step):
                show(f"create {step} beside {made}", time.monotonic() - begin, "s")
        measure_idle(broker, f"{partitions} partitions")
        timed("SIGTERM to the end", broker.stop)
        timed("start after a clean stop", broker.start)
        measure_idle(broker, "after a clean start")
        broker.kill()
        timed("start after SIGKILL", broker.start)
        files = subprocess.run(
            ["sh", "-c", f"find {broker.data} -type f | wc -l"], capture_output=True, text=True
        )
        show("files for each partition", int(files.stdout) / partitions, "")


if __name__ == "__main__":
    main()
