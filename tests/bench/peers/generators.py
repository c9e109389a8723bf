"""Programs that make load, none of them ours, and what they print."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import artifacts
from brokers import die_with_parent
from legs import LegFailed

SECONDS_MAX = 900


@dataclass
class Told:
    """What a generator said of its run."""

    records: int  # acknowledged, or consumed
    seconds: float
    failed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    progress: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB so far

    @property
    def rate(self) -> float:
        return self.records / self.seconds if self.seconds > 0 else 0.0


class Running:
    """A generator that was started; `ended` waits for it."""

    def __init__(self, command: list[str], latencies: Path | None = None) -> None:
        self.name = Path(command[0]).name if command[0] != "java" else command[-1]
        self._latencies = latencies
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=die_with_parent,
        )  # fmt: skip

    def is_running(self) -> bool:
        return self._process.poll() is None

    def output(self, seconds: float = SECONDS_MAX, statuses: tuple[int, ...] = (0,)) -> str:
        """Its stdout. Another exit status, or an end that does not come, fails the leg."""
        try:
            said, complaints = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LegFailed(f"the generator did not end within {seconds:.0f} s") from None
        if self._process.returncode not in statuses:
            raise LegFailed(
                f"the generator ended with {self._process.returncode}: {reason(said, complaints)}"
            )
        return said

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def ended(self, seconds: float = SECONDS_MAX) -> Told:
        """Of rdkafka_performance alone.

        Its producer ends with 1 when its queue has an event left that is no record, even though all
        were delivered; so what its table says counts, and who asked for records compares.
        """
        said = self.output(seconds, statuses=(0, 1))
        told = read_table(said)
        if told.failed:
            raise LegFailed(f"{told.failed} records were refused: {reason(said, '')}")
        if self._latencies is not None:
            told.latencies_ms = [int(line) / 1000 for line in self._latencies.open(encoding="ascii")]
            self._latencies.unlink()
        return told


def reason(said: str, complaints: str) -> str:
    """What of a failed generator's output tells most, in a few hundred characters."""
    refused = re.findall(r"^% Message delivery failed.*$", said, re.MULTILINE)
    warnings = [line for line in complaints.splitlines() if "CONFWARN" not in line]
    return (" ".join(refused[:1] + warnings[-3:]) or said.strip())[-400:]


def read_table(said: str) -> Told:
    """The table of rdkafka_performance -u: the last row is the whole run."""
    names: list[str] = []
    rows: list[dict[str, float]] = []
    for line in said.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("| \n").split("|")]
        if cells[0] == "elapsed":
            names = cells
        elif len(cells) == len(names):
            rows.append(dict(zip(names, map(float, cells))))
    if not rows:
        raise LegFailed(f"the generator printed no table: {said[-300:]}")
    last = rows[-1]
    producer = "dr" in last
    records = int(last["dr" if producer else "msgs"])
    per_record = last["bytes"] / last["msgs"] if last["msgs"] else 0
    progress = [
        (row["elapsed"] / 1000, row["dr" if producer else "msgs"] * per_record / 1e6) for row in rows
    ]
    errors = last["dr_err"] if producer else last["rx_err"]
    return Told(records, last["elapsed"] / 1000, int(errors), progress=progress)


def produce(
    port: int, topic: str, count: int, size: int, *, acks: str = "-1", codec: str = "none",
    rate: int | None = None, latencies: Path | None = None, options: dict[str, str] | None = None,
) -> Running:  # fmt: skip
    """Starts rdkafka_performance as a producer. `rate` in records a second."""
    settings = {"linger.ms": "5", "batch.num.messages": "10000", **(options or {})}
    command = [
        str(artifacts.rdkafka_performance()), "-P", "-t", topic, "-b", f"127.0.0.1:{port}",
        "-c", str(count), "-s", str(size), "-a", acks, "-z", codec, "-u", "-i", "100", "-v",
    ]  # fmt: skip
    if rate is not None:
        command += ["-r", str(rate)]
    return _rdkafka(command, settings, latencies)


def consume(
    port: int, topic: str, partitions: int, count: int, *, until_end: bool,
    latencies: Path | None = None, start: str = "beginning", options: dict[str, str] | None = None,
) -> Running:  # fmt: skip
    """Starts rdkafka_performance as a consumer of all partitions. With `until_end` it ends where the
    log does, even with fewer records; else only when it has that many."""
    command = [
        str(artifacts.rdkafka_performance()), "-C", "-t", topic, "-b", f"127.0.0.1:{port}",
        "-c", str(count), "-o", start, "-u", "-i", "100", *(["-e"] if until_end else []),
        *(word for i in range(partitions) for word in ("-p", str(i))),
    ]  # fmt: skip
    return _rdkafka(command, options or {}, latencies)


def _rdkafka(command: list[str], settings: dict[str, str], latencies: Path | None) -> Running:
    for name, value in settings.items():
        command += ["-X", f"{name}={value}"]
    if latencies is not None:
        command += ["-l", "-A", str(latencies)]
    return Running(command, latencies)


# --- Kafka's own ---------------------------------------------------------------------------------


def _tool(name: str, *words: str) -> Running:
    jars = f"{artifacts.kafka_tools_jars()}/*"
    return Running(["java", "-Xmx512M", "-cp", jars, f"org.apache.kafka.tools.{name}", *words])


def java_produce(port: int, topic: str, count: int, size: int) -> Told:
    said = _tool(
        "ProducerPerformance", "--topic", topic, "--num-records", str(count), "--record-size",
        str(size), "--throughput", "-1", "--producer-props", f"bootstrap.servers=127.0.0.1:{port}",
        "acks=all", "linger.ms=5",
    ).output()  # fmt: skip
    found = re.findall(r"^(\d+) records sent, ([\d.]+) records/sec", said, re.MULTILINE)
    if not found:
        raise LegFailed(f"ProducerPerformance printed no result: {said[-300:]}")
    records, rate = int(found[-1][0]), float(found[-1][1])
    return Told(records, records / rate if rate > 0 else 0)


def java_consume(port: int, topic: str, count: int) -> Told:
    said = _tool(
        "ConsumerPerformance", "--bootstrap-server", f"127.0.0.1:{port}", "--topic", topic,
        "--num-records", str(count), "--timeout", "20000", "--hide-header",
    ).output()  # fmt: skip
    return read_consumer_line(said)


def read_consumer_line(said: str) -> Told:
    """start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, ..."""
    for line in reversed(said.splitlines()):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) >= 10 and cells[4].isdigit():
            return Told(int(cells[4]), float(cells[7]) / 1000)
    raise LegFailed(f"ConsumerPerformance printed no result: {said[-300:]}")


def java_end_to_end(port: int, topic: str, count: int, size: int) -> float:
    """The mean time in ms from the send of a record to its arrival at a consumer, one at a time."""
    said = _tool(
        "EndToEndLatency", f"127.0.0.1:{port}", topic, str(count), "all", str(size)
    ).output()
    found = re.search(r"Avg latency: ([\d.]+) ms", said)
    if found is None:
        raise LegFailed(f"EndToEndLatency printed no result: {said[-300:]}")
    return float(found[1])
