"""Does a broker that deletes and compacts all the time stay as fast as it was at first?

For some minutes producers send at a fixed rate: 16 KiB batches to eight partitions with
retention.bytes and to four compacted ones, segments of 1 MiB, so that every second segments are
rolled, deleted and compacted. Each minute's latencies are printed: from the moment at which a batch
was to be sent, whether or not it could be, until its acknowledgement. The p99 of the last minute
should be within 1.3 of that of the first. A minute in which nothing was deleted or compacted is a
failure, and so is a batch that is refused.

With --cold the question is another one: what do the same producers notice of a consumer that reads
8 GB from the disk beside them?

Estimate: nothing grows but counters, so the ratio is 1; what is rolled and compacted costs some 20
syncs a second. A cold reader has threads of its own and the disk has bandwidth to spare.

usage: soak_bench.py [--minutes N] [--rate BATCHES_A_SECOND] [--cold [GIGABYTES]]
MILLRACE_BIN names the binary, else it is that of the release preset.
"""

import argparse
import array
import collections
import gc
import http.client
import multiprocessing
import os
import random
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("MILLRACE_BIN", str(ROOT / "build/release/bin/millrace"))
sys.path.insert(0, str(ROOT / "tests/interop"))

import harness
import wire

MIB = 1 << 20
AIM = 1.3
WARM_UP_SECONDS = 15
CONNECTIONS = 8
RECORDS = 16
VALUE_BYTES = 1000
KEYS = 2000
BATCHES = 128  # different ones, for compaction to have something to do
DELETED_PARTITIONS, COMPACTED_PARTITIONS = 8, 4
OLD_BATCH_BYTES = 1_000_000
SETTINGS = {
    "metrics.listen": "127.0.0.1:0",
    "log.retention.check.interval.ms": "1000",
    "log.cleaner.backoff.ms": "1000",
}
SMALL_SEGMENTS = {"segment.bytes": MIB, "file.delete.delay.ms": 1000}


def millrace(broker: harness.Broker, *arguments: str) -> None:
    subprocess.run([str(harness.BINARY), "-b", broker.address, *arguments], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


def create(broker: harness.Broker, topic: str, partitions: int, settings: dict) -> None:
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    millrace(broker, "topic", "create", topic, "-p", str(partitions), *options)


def produce_to(topic: str, partition: int, batch: bytes) -> bytes:
    """A whole Produce v7 request for one partition."""
    return wire.request(wire.PRODUCE, 7, wire.produce(topic, batch, partition=partition))


def requests_to_send() -> list[bytes]:
    """In the order of sending: two to the topic that is deleted, one to the compacted one."""
    chance = random.Random(1)
    requests = []
    for i in range(BATCHES):
        value = b"%06d" % i + b"v" * (VALUE_BYTES - 6)
        keyed = wire.batch(
            b"".join(
                wire.record(r, value, b"key-%d" % chance.randrange(KEYS)) for r in range(RECORDS)
            ),
            RECORDS,
        )
        for n in (2 * i, 2 * i + 1):
            requests.append(produce_to("deleted", n % DELETED_PARTITIONS, keyed))
        requests.append(produce_to("compacted", i % COMPACTED_PARTITIONS, keyed))
    return requests


class Producers:
    """An open loop: batches are sent when it is time, whatever became of those before."""

    def __init__(self, port: int, rate: int) -> None:
        self.rate = rate
        self.requests = requests_to_send()
        self.number = 0
        self.selector = selectors.DefaultSelector()
        self.lines = []
        for _ in range(CONNECTIONS):
            line = Connection(port)
            self.lines.append(line)
            self.selector.register(line.socket, selectors.EVENT_READ, line)

    def run(self, seconds: float, until=lambda: True) -> "array.array[float]":
        """Latencies in ms of what was sent in that time; longer, if `until` is not true by then."""
        latencies = array.array("d")
        begin = time.monotonic()
        first = self.number
        while True:
            now = time.monotonic()
            due = begin + (self.number - first) / self.rate
            if due - begin >= seconds and until():
                break
            if due <= now:
                request = self.requests[self.number % len(self.requests)]
                self.lines[self.number % CONNECTIONS].send(request, due)
                self.number += 1
                continue
            self.receive(min(due - now, 0.05), latencies)
        while any(line.waiting for line in self.lines):
            self.receive(1, latencies)
        return latencies

    def receive(self, seconds: float, latencies: "array.array[float]") -> None:
        for key, events in self.selector.select(seconds):
            key.data.receive(latencies)


class Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = collections.deque()  # when each batch was due
        self.received = bytearray()

    def send(self, request: bytes, due: float) -> None:
        self.waiting.append(due)
        self.socket.sendall(request)

    def receive(self, latencies: "array.array[float]") -> None:
        piece = self.socket.recv(1 << 16)
        now = time.monotonic()
        assert piece, "the broker closed a connection"
        self.received += piece
        while len(self.received) >= 4:
            (size,) = struct.unpack_from(">i", self.received)
            if len(self.received) < 4 + size:
                break
            # Correlation id, one topic with its name, one partition with its index.
            (name,) = struct.unpack_from(">h", self.received, 4 + 4 + 4)
            (error,) = struct.unpack_from(">h", self.received, 4 + 4 + 4 + 2 + name + 4 + 4)
            assert error == wire.NONE, f"a batch was refused with error {error}"
            del self.received[: 4 + size]
            latencies.append(1000 * (now - self.waiting.popleft()))


def percentile(latencies: "array.array[float]", share: float) -> float:
    return sorted(latencies)[int(share * (len(latencies) - 1))]


def describe(latencies: "array.array[float]") -> str:
    p = [percentile(latencies, share) for share in (0.5, 0.99, 0.999, 1)]
    return f"{len(latencies):7} acks   p50 {p[0]:6.2f}  p99 {p[1]:6.2f}  p99.9 {p[2]:7.2f}  max {p[3]:7.2f} ms"


class Watch:
    """What the broker says of itself, and what the system says of it."""

    NAMES = ("millrace_retention_segments_total", "millrace_compaction_passes_total",
             "millrace_compaction_dropped_records_total", "millrace_log_bytes")  # fmt: skip

    def __init__(self, broker: harness.Broker) -> None:
        self.broker = broker
        found = re.search(r"metrics are served on http://127.0.0.1:(\d+)/", broker.log())
        self.port = int(found[1])
        self.last = self.numbers()

    def numbers(self) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {
            name: int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE)[1]) for name in self.NAMES
        }

    def minute(self) -> str:
        """What happened since the last call; fails when that was not enough."""
        now = self.numbers()
        deleted, passes, dropped = (now[name] - self.last[name] for name in self.NAMES[:3])
        self.last = now
        assert deleted > 0, "retention deleted nothing"
        assert passes > 0 and dropped > 0, "compaction did nothing"
        on_disk = 0
        for path in self.broker.data.rglob("*"):
            try:
                on_disk += path.stat().st_blocks * 512
            except FileNotFoundError:
                pass  # deleted meanwhile
        files = len(os.listdir(f"/proc/{self.broker.process.pid}/fd"))
        return (
            f"{deleted:4} segments deleted, {passes:4} passes dropped {dropped:7} records; "
            f"log {now['millrace_log_bytes'] / MIB:4.0f} MiB, disk {on_disk / MIB:4.0f} MiB, "
            f"RSS {self.broker.memory_kib('VmRSS') / 1024:4.0f} MiB, {files} descriptors"
        )


def soak(minutes: int, rate: int) -> bool:
    with harness.Broker(SETTINGS) as broker:
        create(broker, "deleted", DELETED_PARTITIONS, {**SMALL_SEGMENTS, "retention.bytes": 4 * MIB})
        create(broker, "compacted", COMPACTED_PARTITIONS,
               {**SMALL_SEGMENTS, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"})  # fmt: skip
        producers = Producers(broker.port, rate)
        producers.run(WARM_UP_SECONDS)
        watch = Watch(broker)
        p99 = []
        for minute in range(1, minutes + 1):
            latencies = producers.run(60)
            p99.append(percentile(latencies, 0.99))
            load = os.getloadavg()[0]
            print(f"minute {minute:2}: {describe(latencies)}   (load {load:.1f})", flush=True)
            print(f"           {watch.minute()}", flush=True)
        ratio = p99[-1] / p99[0]
        met = ratio <= AIM
        print(
            f"p99 of the last minute over that of the first: {ratio:.2f}   aim <= {AIM}"
            f"  {'met' if met else 'MISSED'}"
        )
        status = broker.stop()
        assert status == 0, f"the broker's exit status is {status}"
        return met


# --- beside a cold reader ------------------------------------------------------------------------


def fill(port: int, topic: str, count: int) -> None:
    request = wire.request(
        wire.PRODUCE, 7, wire.produce(topic, wire.batch(wire.record(0, b"v" * OLD_BATCH_BYTES)))
    )
    with wire.Line(port, seconds=60) as line:
        for i in range(count):
            line.send(request)
            if i >= 4:
                line.answer()
        for _ in range(min(count, 4)):
            line.answer()


def drop_from_memory(files: list[Path]) -> None:
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def read_all(port: int, topic: str, batches: int) -> None:
    """In a process of its own. What comes is thrown away but for its size, which tells how many
    batches it was: all of them have the same."""
    memory = bytearray(16 * MIB)
    batch_bytes = 0
    with wire.Line(port, seconds=60) as line:
        offset = 0
        while offset < batches:
            line.send(wire.request(1, 4, wire.fetch(topic, offset, 8 * MIB, 500)))
            (size,) = struct.unpack(">i", line._exactly(4))
            got = 0
            while got < size:
                got += line.socket.recv_into(memoryview(memory)[got:size])
            # Correlation id, throttle time, one topic, one partition with error and three offsets,
            # no aborted transactions.
            at = 4 + 4 + 4 + 2 + len(topic) + 4 + 4 + 2 + 8 + 8 + 4
            (records,) = struct.unpack_from(">i", memory, at)
            if batch_bytes == 0:
                batch_bytes = 12 + struct.unpack_from(">i", memory, at + 4 + 8)[0]
            assert records >= batch_bytes, "a fetch brought nothing"
            offset += records // batch_bytes


def beside_cold_reader(gigabytes: int, rate: int, seconds: int) -> None:
    with harness.Broker(SETTINGS) as broker:
        create(broker, "old", 1, {})
        create(broker, "deleted", DELETED_PARTITIONS, {**SMALL_SEGMENTS, "retention.bytes": 4 * MIB})
        create(broker, "compacted", COMPACTED_PARTITIONS,
               {**SMALL_SEGMENTS, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"})  # fmt: skip
        batches = gigabytes * 1_000_000_000 // OLD_BATCH_BYTES
        fill(broker.port, "old", batches)
        producers = Producers(broker.port, rate)
        producers.run(WARM_UP_SECONDS)
        alone, beside, speeds = array.array("d"), array.array("d"), []
        for _ in range(2):
            drop_from_memory(sorted((broker.data / "old-0").glob("*.log")))
            alone.extend(producers.run(seconds))
            reader = multiprocessing.Process(target=read_all, args=(broker.port, "old", batches))
            begin = time.monotonic()
            reader.start()
            beside.extend(producers.run(1, lambda: not reader.is_alive()))
            speeds.append(gigabytes * 1000 / (time.monotonic() - begin))
            reader.join()
            assert reader.exitcode == 0
        print(f"without a cold reader: {describe(alone)}")
        print(f"beside a cold reader:  {describe(beside)}")
        print(
            f"it read {gigabytes} GB at {', '.join(f'{speed:.0f}' for speed in speeds)} MB/s; p99 beside "
            f"it over p99 without: {percentile(beside, 0.99) / percentile(alone, 0.99):.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--cold", type=int, nargs="?", const=8)
    options = parser.parse_args()
    signal.alarm(60 * (options.minutes + 10))
    gc.disable()  # no pauses of ours among the broker's
    if options.cold:
        beside_cold_reader(options.cold, options.rate, seconds=30)
    elif not soak(options.minutes, options.rate):
        sys.exit(1)


if __name__ == "__main__":
    main()
