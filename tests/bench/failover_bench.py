"""How long is nothing acknowledged when a node of three dies, or stops in order?

Estimate: a dead process's connections are reset at once, so the others know within a heartbeat of the
quorum, 100 ms; an election among two takes two round trips and two syncs, 10 ms, if the controller died
with it, else one commit; the producer learns of the new leader by its next metadata request, 100 ms of
back-off. Below 500 ms. A stop in order hands over first: the producer is told by the answer to its next
request and asks anew, below 50 ms.

usage: failover_bench.py [RUNS]    MILLRACE_BIN names the binary, else it is that of the release preset
"""

import os
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("MILLRACE_BIN", str(ROOT / "build/release/bin/millrace"))
sys.path.insert(0, str(ROOT / "tests/interop"))

import confluent_kafka  # noqa: E402
import harness  # noqa: E402
from cluster import Cluster, Node  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

RUNS = 5 if os.environ.get("MILLRACE_QUICK") else 20
RATE = 500
BEFORE_SECONDS = 2.0  # of steady acknowledgements in front of the blow
AFTER_SECONDS = 5.0  # of them behind it
TOPIC = "failover"


class Writer(threading.Thread):
    """One record every 2 ms; when each was acknowledged."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[float] = []
        self.failed: list[str] = []
        self.sent = 0
        self.ending = False
        self._producer = confluent_kafka.Producer(
            {"bootstrap.servers": address, "acks": "all", "enable.idempotence": True,
             "linger.ms": 0, "retry.backoff.ms": 20, "reconnect.backoff.ms": 20,
             "reconnect.backoff.max.ms": 100, "topic.metadata.refresh.fast.interval.ms": 20,
             "log_level": 0})  # fmt: skip

    def run(self) -> None:
        begin = time.monotonic()
        while not self.ending:
            while self.sent < (time.monotonic() - begin) * RATE:
                self._producer.produce(TOPIC, b"x" * 100, partition=0, callback=self._delivered)
                self.sent += 1
            self._producer.poll(0.001)
        self._producer.flush(30)

    def _delivered(self, error: confluent_kafka.KafkaError | None, _: object) -> None:
        if error is None:
            self.acknowledged.append(time.monotonic())
        else:
            self.failed.append(str(error))


def worst_gap_ms(times: list[float], since: float) -> float:
    seen = [one for one in times if one >= since]
    return 1000 * max(later - earlier for earlier, later in zip(seen, seen[1:]))


def one_blow(cluster: Cluster, blow: Callable[[Node], object]) -> float:
    cluster.wait_in_sync(TOPIC, 3)
    victim = cluster.leader(TOPIC, 0)
    writer = Writer(cluster.address)
    writer.start()
    harness.wait_for("acknowledgement", 30, lambda: len(writer.acknowledged) > RATE / 2)
    time.sleep(BEFORE_SECONDS)
    begin = time.monotonic() - 0.5
    blow(victim)
    time.sleep(AFTER_SECONDS)
    writer.ending = True
    writer.join()
    if writer.failed or len(writer.acknowledged) != writer.sent:
        sys.exit(f"{writer.sent} records sent, {len(writer.acknowledged)} acknowledged; "
                 f"{writer.failed[:3]}")  # fmt: skip
    if victim.is_up():
        victim.kill()
    victim.start()
    return worst_gap_ms(writer.acknowledged, begin)


def controller_killed(cluster: Cluster) -> float:
    """Ms from the kill of the active controller to the first topic that is created after it."""
    admin = AdminClient({"bootstrap.servers": cluster.address, "log_level": 0})
    number = admin.list_topics(timeout=10).controller_id
    victim = cluster.node(number)
    others = ",".join(node.address for node in cluster.others(victim))
    victim.kill()
    begin = time.monotonic()
    while True:
        # A new client each time: one that knows the dead controller waits for it (librdkafka 2.0).
        name = f"after-{number}-{time.monotonic_ns()}"
        admin = AdminClient({"bootstrap.servers": others, "log_level": 0})
        try:
            admin.create_topics([NewTopic(name, 1, 1)], operation_timeout=1, request_timeout=1)[
                name].result()
            break
        except confluent_kafka.KafkaException:
            if time.monotonic() - begin > 60:
                raise
    took = 1000 * (time.monotonic() - begin)
    victim.start()
    return took


def told(what: str, values: list[float]) -> None:
    print(f"  {what:<44} median {statistics.median(values):7.0f} ms   "
          f"least {min(values):7.0f}   worst {max(values):7.0f}   of {len(values)}", flush=True)  # fmt: skip


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with Cluster(3) as cluster:
        cluster.create_topic(TOPIC, partitions=1, factor=3)
        print(f"three nodes on one machine, {RATE} records/s, acks=all, idempotent librdkafka "
              f"{confluent_kafka.libversion()[0]}: worst gap between acknowledgements")  # fmt: skip
        told("the leader is killed (-9)", [one_blow(cluster, Node.kill) for _ in range(runs)])
        told("the leader stops in order", [one_blow(cluster, Node.stop) for _ in range(runs)])
        told("the active controller is killed: next topic",
             [controller_killed(cluster) for _ in range(runs)])  # fmt: skip


if __name__ == "__main__":
    main()
