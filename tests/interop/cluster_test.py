#!/usr/bin/env python3
"""Three nodes as processes, with clients of other people: what is acknowledged outlives any one of them."""

import subprocess
import time
import unittest

import confluent_kafka
import harness
from cluster import Cluster, Node
from harness import kcat, wait_for

TOPIC = "orders"
ALL = ("-X", "acks=all", "-X", "enable.idempotence=true")


def lines(begin: int, end: int) -> bytes:
    return b"".join(b"%d\n" % i for i in range(begin, end))


def read_all(node: Node, partition: int) -> bytes:
    return kcat(node, "-C", "-q", "-e", "-t", TOPIC, "-p", str(partition), "-o", "beginning")


class Writer:
    """Numbers its records and remembers which were acknowledged, with the defaults of librdkafka."""

    def __init__(self, cluster: Cluster, **settings: object) -> None:
        self.acknowledged: list[int] = []
        self.errors: list[str] = []
        self._next = 0
        self._producer = confluent_kafka.Producer(
            {"bootstrap.servers": cluster.address, "log_level": 0, **settings})  # fmt: skip

    def write(self, seconds: float, partition: int = 0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number = self._next
            self._next += 1

            def delivered(error: confluent_kafka.KafkaError | None, _: object, n: int = number) -> None:
                if error is None:
                    self.acknowledged.append(n)
                else:
                    self.errors.append(str(error))

            self._producer.produce(TOPIC, b"%d" % number, partition=partition, callback=delivered)
            self._producer.poll(0.002)

    def finish(self) -> bytes:
        """What must be in the partition."""
        left = self._producer.flush(60)
        if left:
            raise AssertionError(f"{left} records have neither been acknowledged nor refused")
        return b"".join(b"%d\n" % n for n in self.acknowledged)


class ClusterTest(unittest.TestCase):
    def test_what_is_acknowledged_outlives_the_leader(self) -> None:
        with Cluster(3) as cluster:
            cluster.create_topic(TOPIC, partitions=3, factor=3)
            cluster.wait_in_sync(TOPIC, 3)
            writer = Writer(cluster, **{"acks": "all", "enable.idempotence": True})
            writer.write(1)
            leader = cluster.leader(TOPIC, 0)
            leader.kill()
            writer.write(2)
            expected = writer.finish()
            self.assertEqual(writer.errors, [])
            for node in cluster.others(leader):
                self.assertEqual(read_all(node, 0), expected)
            leader.start()
            cluster.wait_in_sync(TOPIC, 3)
            self.assertEqual(read_all(leader, 0), expected)

    def test_a_rolling_restart_is_not_felt(self) -> None:
        with Cluster(3) as cluster:
            cluster.create_topic(TOPIC, partitions=3, factor=3)
            cluster.wait_in_sync(TOPIC, 3)
            writer = Writer(cluster, **{"acks": "all", "enable.idempotence": True})
            for node in cluster.nodes:
                writer.write(1)
                node.restart()
                cluster.wait_in_sync(TOPIC, 3)
            writer.write(1)
            expected = writer.finish()
            self.assertEqual(writer.errors, [])
            self.assertEqual(read_all(cluster.node(1), 0), expected)

    def test_all_of_them_die_at_once(self) -> None:
        with Cluster(3) as cluster:
            cluster.create_topic(TOPIC, partitions=1, factor=3)
            cluster.wait_in_sync(TOPIC, 3)
            sent = lines(0, 20_000)
            kcat(cluster.node(1), "-P", "-t", TOPIC, "-p", "0", *ALL, stdin=sent)
            for node in cluster.nodes:
                node.kill()
            for node in cluster.nodes:
                node.launch()
            for node in cluster.nodes:
                node.wait_until_it_serves()
            cluster.wait_in_sync(TOPIC, 3)
            self.assertEqual(read_all(cluster.node(2), 0), sent)

    def test_too_few_in_sync_acknowledge_nothing(self) -> None:
        with Cluster(3) as cluster:
            cluster.create_topic(TOPIC, partitions=1, factor=3, min_insync_replicas="3")
            cluster.wait_in_sync(TOPIC, 3)
            follower = cluster.others(cluster.leader(TOPIC, 0))[0]
            follower.kill()
            cluster.wait_in_sync(TOPIC, 2)
            writer = Writer(cluster, **{"acks": "all", "message.timeout.ms": 3000})
            writer.write(0.5)
            writer.finish()
            self.assertEqual(writer.acknowledged, [])
            self.assertTrue(writer.errors)
            follower.start()
            cluster.wait_in_sync(TOPIC, 3)
            again = Writer(cluster, **{"acks": "all"})
            again.write(0.5)
            again.finish()
            self.assertEqual(again.errors, [])

    def test_a_group_goes_on_when_its_coordinator_dies(self) -> None:
        with Cluster(3) as cluster:
            cluster.create_topic(TOPIC, partitions=3, factor=3)
            cluster.wait_in_sync(TOPIC, 3)
            for partition in range(3):
                kcat(cluster.node(1), "-P", "-t", TOPIC, "-p", str(partition), *ALL,
                     stdin=lines(0, 1000))  # fmt: skip
            consumer = confluent_kafka.Consumer(
                {"bootstrap.servers": cluster.address, "group.id": "readers", "log_level": 0,
                 "auto.offset.reset": "earliest", "enable.auto.commit": False})  # fmt: skip
            consumer.subscribe([TOPIC])
            seen: list[tuple[int, bytes]] = []

            def read(count: int) -> None:
                def probe() -> bool:
                    for message in consumer.consume(200, timeout=0.1):
                        if message.error() is None:
                            seen.append((message.partition(), message.value()))
                    return len(seen) >= count

                wait_for(f"record {count}", 60, probe)

            read(3000)
            consumer.commit(asynchronous=False)
            cluster.wait_in_sync("__consumer_offsets", 3)
            coordinator = self.coordinator_of(cluster, "readers")
            coordinator.kill()
            for partition in range(3):
                subprocess.run(
                    ["kcat", "-b", cluster.address, "-P", "-t", TOPIC, "-p", str(partition), *ALL],
                    input=lines(1000, 2000), check=True, timeout=60, capture_output=True)  # fmt: skip
            read(6000)
            self.assertEqual(len(set(seen)), 6000)
            self.assertEqual(len(seen), 6000)
            consumer.close()

    def coordinator_of(self, cluster: Cluster, group: str) -> Node:
        """The leader of the partition of __consumer_offsets that has the group."""
        code = 0
        for character in group:
            code = (31 * code + ord(character)) & 0xFFFFFFFF
        partitions = len(cluster.metadata("__consumer_offsets"))
        return cluster.leader("__consumer_offsets", (code & 0x7FFFFFFF) % partitions)


if __name__ == "__main__":
    harness.main()
