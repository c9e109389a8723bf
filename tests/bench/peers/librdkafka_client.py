"""What rdkafka_performance cannot do, with Debian's binding of the same library.

HOST:PORT transactions TOPIC COUNT RECORDS      prints the seconds that COUNT commits took
HOST:PORT rebalance TOPIC PARTITIONS ROUNDS     prints the median ms of a join and of a leave
"""

import statistics
import sys
import time

from confluent_kafka import Consumer, Producer

ADDRESS = sys.argv[1]
DEADLINE_SECONDS = 60


def transactions(topic: str, count: int, records: int) -> None:
    producer = Producer({"bootstrap.servers": ADDRESS, "transactional.id": f"{topic}-id",
                         "linger.ms": 0})  # fmt: skip
    failed: list[object] = []

    def delivered(error: object, _: object) -> None:
        if error is not None:
            failed.append(error)

    producer.init_transactions(DEADLINE_SECONDS)
    begin = time.monotonic()
    for _ in range(count):
        producer.begin_transaction()
        for i in range(records):
            producer.produce(topic, b"v" * 100, partition=0, on_delivery=delivered)
        producer.commit_transaction(DEADLINE_SECONDS)
    print(time.monotonic() - begin)
    if failed:
        sys.exit(f"a record was refused: {failed[0]}")


class Member:
    def __init__(self, topic: str, group: str) -> None:
        self.owned: set[int] = set()
        self._consumer = Consumer({
            "bootstrap.servers": ADDRESS, "group.id": group, "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 100, "partition.assignment.strategy": "range",
            "auto.offset.reset": "latest", "fetch.wait.max.ms": 50,
        })  # fmt: skip
        self._consumer.subscribe([topic], on_assign=self._assign, on_revoke=self._revoke)

    def _assign(self, _: Consumer, partitions: list) -> None:
        self.owned = {one.partition for one in partitions}

    def _revoke(self, *_: object) -> None:
        self.owned = set()

    def poll(self) -> None:
        self._consumer.poll(0.002)

    def close(self) -> None:
        self._consumer.close()


def _until(members: list[Member], wanted: int) -> float:
    """Seconds until they own all partitions, each some."""
    begin = time.monotonic()
    while True:
        for member in members:
            member.poll()
        shares = [member.owned for member in members]
        if all(shares) and sum(map(len, shares)) == wanted:
            return time.monotonic() - begin
        if time.monotonic() - begin > DEADLINE_SECONDS:
            sys.exit(f"the partitions are not shared: {shares}")


def rebalance(topic: str, partitions: int, rounds: int) -> None:
    group = f"{topic}-group"
    first = Member(topic, group)
    _until([first], partitions)
    joins, leaves = [], []
    for _ in range(rounds):
        second = Member(topic, group)
        joins.append(_until([first, second], partitions))
        second.close()
        leaves.append(_until([first], partitions))
    first.close()
    print(1000 * statistics.median(joins), 1000 * statistics.median(leaves))


if __name__ == "__main__":
    what, name, *numbers = sys.argv[2:]
    {"transactions": transactions, "rebalance": rebalance}[what](name, *map(int, numbers))
