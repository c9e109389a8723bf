"""Nodes, a load, and one fault after the other; in the end nothing acknowledged may be lost.

usage: fault.py [--minutes M] [--seed N] [--nodes N] [--faults NAME,NAME...] [--keep FOLDER]

Each fault takes 30 seconds, of which it harms some. Then every writer, reader, group and the copier must
get on again. Without --faults the seed chooses them. The exit status is 0 if all promises were kept, 1 if
not, 77 where the machine does not allow it. --keep keeps histories and logs of the nodes; they are kept
anyway, and their folder named, if something is wrong.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

import lab

FAULT_SECONDS = 30.0
HARM_SECONDS = 12.0
PROGRESS_SECONDS = 90.0
END_SECONDS = 330.0
PARTITIONS = 4
WRITERS = 2
PER_SECOND = 100.0  # of each writer


def settings(nodes: int) -> dict[str, str]:
    factor = min(nodes, 3)
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(factor),
        "min.insync.replicas": str(min(factor, 2)),
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": str(factor),
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": str(factor),
        "transaction.state.log.min.isr": str(min(factor, 2)),
        "group.initial.rebalance.delay.ms": "0",
        "log.segment.bytes": "1048576",
        "storage.min.free": "8MiB",
        "storage.reserve.bytes": "2MiB",
    }


class Run:
    def __init__(self, nodes: list[lab.Node], folder: Path, seed: int) -> None:
        # Here, for whoever has no clients is skipped before.
        import load
        import nemesis

        self.dice = random.Random(seed)
        self.folder = folder
        self.nodes = nodes
        self.cluster = nemesis.Cluster(nodes, self.dice)
        self.faults = nemesis.FAULTS
        self.servers = ",".join(node.address for node in nodes)
        self.factor = min(len(nodes), 3)
        self._make_topics(load.SOURCE, load.COPY)
        parts = list(range(PARTITIONS))
        writers = [
            load.Writer(folder, f"writer-{i}", self.servers, parts[i::WRITERS], PER_SECOND)
            for i in range(WRITERS)
        ]
        self.admin = load.Admin(folder, self.servers, self.factor, seed)
        self.readers = [
            load.Reader(folder, "reader-source", self.servers, load.SOURCE, PARTITIONS),
            load.Reader(folder, "reader-copy", self.servers, load.COPY, PARTITIONS),
            *(
                load.Member(folder, f"member-{i}", self.servers, "readers", load.SOURCE)
                for i in range(2)
            ),
        ]
        self.copier = load.Copier(folder, self.servers, PARTITIONS, seed)
        self.workers = [*writers, self.copier, self.admin, *self.readers]

    def _make_topics(self, *names: str) -> None:
        from confluent_kafka import admin

        client = admin.AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        topics = [admin.NewTopic(name, PARTITIONS, self.factor) for name in names]
        for future in client.create_topics(topics).values():
            future.result(30)

    # --- while it lasts ---

    def start(self) -> None:
        for worker in self.workers:
            worker.start()
        self.must_get_on("at the beginning")

    def must_get_on(self, when: str) -> None:
        """Everybody, members of a group together, does some more than before."""
        groups: dict[str, list] = {}
        for worker in self.workers:
            groups.setdefault(worker.name.split("-")[0], []).append(worker)
        start = {name: sum(w.progress() for w in group) for name, group in groups.items()}
        end = time.monotonic() + PROGRESS_SECONDS
        waiting = set(groups)
        while waiting:
            for name in sorted(waiting):
                if sum(w.progress() for w in groups[name]) > start[name]:
                    waiting.discard(name)
            if time.monotonic() > end:
                names = ", ".join(sorted(waiting))
                raise AssertionError(f"{when}: no progress in {PROGRESS_SECONDS} s of {names}")
            time.sleep(0.1)

    def suffer(self, name: str) -> None:
        begun = time.monotonic()
        victims, mend = self.faults[name].begin(self.cluster)
        print(f"  {time.strftime('%H:%M:%S')} {name}: {victims}", flush=True)
        time.sleep(max(0.0, HARM_SECONDS - (time.monotonic() - begun)))
        mend()
        for node in self.nodes:
            if not node.is_up():
                status = node.process.returncode
                raise AssertionError(f"after {name} {node} is down, with status {status}")
        self.must_get_on(f"after {name}")
        time.sleep(max(0.0, FAULT_SECONDS - (time.monotonic() - begun)))

    # --- the end ---

    def finish(self) -> list[str]:
        """All that was begun is brought to an end, and told; what is wrong."""
        import confluent_kafka as ck
        import load
        from history import Teller, judge

        for worker in self.workers:
            if worker not in self.readers:
                worker.finish(END_SECONDS)
        self.admin.check()
        with Teller(self.folder, "end") as teller:
            ends = {topic: self._content(topic, teller) for topic in (load.SOURCE, load.COPY)}
            self._wait_for_readers(ends)
            for reader in self.readers:
                reader.finish(60)
            for group in ("readers", load.Copier.GROUP):
                asker = ck.Consumer(
                    {"bootstrap.servers": self.servers, "group.id": group, "log_level": 0}
                )
                places = [ck.TopicPartition(load.SOURCE, p) for p in range(PARTITIONS)]
                for place in asker.committed(places, timeout=30):
                    offset = max(0, place.offset)
                    if group == load.Copier.GROUP:
                        teller.copied(load.COPY, load.SOURCE, place.partition, offset)
                    else:
                        teller.committed(group, load.SOURCE, place.partition, offset)
                asker.close()
        for worker in self.workers:
            told = ", ".join(f"{n} {what}" for what, n in worker.teller.count.items())
            print(f"  {worker.name}: {told or f'{worker.progress()} done'}")
        complaints = [line for worker in self.workers for line in worker.complaints]
        return complaints + judge(self.folder)

    def _content(self, topic: str, teller: object) -> dict[int, int]:
        """Tells of all records that lie there; the offset behind the last one of each partition."""
        import confluent_kafka as ck

        consumer = ck.Consumer(
            {
                "bootstrap.servers": self.servers, "group.id": "end", "check.crcs": True,
                "enable.partition.eof": True, "isolation.level": "read_committed", "log_level": 0,
            }
        )  # fmt: skip
        consumer.assign(
            [ck.TopicPartition(topic, p, ck.OFFSET_BEGINNING) for p in range(PARTITIONS)]
        )
        left = set(range(PARTITIONS))
        ends = dict.fromkeys(left, 0)
        deadline = time.monotonic() + END_SECONDS
        while left:
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic}: partitions {left} cannot be read to their end")
            for m in consumer.consume(1000, timeout=0.5):
                if m.error() is None:
                    teller.found(topic, m.partition(), m.offset(), m.value())
                    ends[m.partition()] = m.offset() + 1
                elif m.error().code() == ck.KafkaError._PARTITION_EOF:
                    left.discard(m.partition())
        consumer.close()
        return ends

    def _wait_for_readers(self, ends: dict[str, dict[int, int]]) -> None:
        """Whoever reads gets to the end of what is there."""
        total = {topic: sum(1 for e in parts.values() if e) for topic, parts in ends.items()}
        assert all(total.values()), f"there is nothing to read: {ends}"
        self._settled()

    def _settled(self) -> None:
        end = time.monotonic() + PROGRESS_SECONDS
        before = None
        while time.monotonic() < end:
            now = [reader.progress() for reader in self.readers]
            if now == before:
                return
            before = now
            time.sleep(3)
        raise AssertionError("readers do not come to an end")


def chosen(dice: random.Random, names: list[str], count: int) -> list[str]:
    """All of them before any comes again."""
    found: list[str] = []
    while len(found) < count:
        found += dice.sample(names, len(names))
    return found[:count]


def run(nodes: int, seed: int, names: list[str] | None, minutes: float, keep: Path | None) -> int:
    import nemesis

    possible = [name for name, fault in nemesis.FAULTS.items() if fault.least <= nodes]
    count = max(1, round(minutes * 60 / FAULT_SECONDS))
    plan = names or chosen(random.Random(seed), possible, count)
    print(f"{nodes} nodes, seed {seed}: {' '.join(plan)}", flush=True)
    folder = keep or Path(tempfile.mkdtemp(prefix="millrace-fault-"))
    folder.mkdir(parents=True, exist_ok=True)
    found = ["it did not come to an end"]
    try:
        with lab.Lab(nodes, settings(nodes)) as machines:
            try:
                test = Run(machines, folder, seed)
                test.start()
                for name in plan:
                    test.suffer(name)
                found = test.finish()
            except AssertionError as error:
                found = [str(error)]
            finally:
                for machine in machines:
                    shutil.copy(machine.log_path, folder)
    finally:
        for line in found:
            print(f"WRONG: {line}")
        if found or keep:
            print(f"histories and logs are in {folder}")
        else:
            shutil.rmtree(folder)
    print("every promise was kept" if not found else f"{len(found)} things are wrong")
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--faults", type=lambda text: text.split(","))
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    try:
        lab.enter()
        return run(asked.nodes, asked.seed, asked.faults, asked.minutes, asked.keep)
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77


if __name__ == "__main__":
    sys.exit(main())
