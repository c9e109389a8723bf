"""Transactions with librdkafka: all or nothing, zombies fenced, offsets with the records."""

import json
import subprocess
import time
import unittest

import harness
from harness import Broker, wait_for

SECONDS = 30


class Transactions(unittest.TestCase):
    def setUp(self) -> None:
        harness.use_pypi()
        global ck, adm, wire
        import confluent_kafka as ck
        import confluent_kafka.admin as adm
        import wire

        self.broker = self.enterContext(
            Broker(
                {
                    "group.initial.rebalance.delay.ms": "0",
                    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
                }
            )
        )

    def create(self, name: str, partitions: int) -> str:
        admin = adm.AdminClient({"bootstrap.servers": self.broker.address})
        admin.create_topics([adm.NewTopic(name, partitions, 1)])[name].result(SECONDS)
        return name

    def producer(self, transactional_id: str, **options: object) -> object:
        producer = ck.Producer(
            {
                "bootstrap.servers": self.broker.address,
                "transactional.id": transactional_id,
                "reconnect.backoff.max.ms": 200,
                **options,
            }
        )
        producer.init_transactions(SECONDS)
        return producer

    def read(self, topic: str, partitions: int, level: str = "read_committed") -> list[list[str]]:
        """What a consumer finds in each partition, up to what it takes for the end."""
        consumer = ck.Consumer(
            {
                "bootstrap.servers": self.broker.address,
                "group.id": "reader",
                "isolation.level": level,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([ck.TopicPartition(topic, i, 0) for i in range(partitions)])
        found: list[list[str]] = [[] for _ in range(partitions)]
        ended: set[int] = set()
        end = time.monotonic() + SECONDS
        while len(ended) < partitions and time.monotonic() < end:
            for message in consumer.consume(500, timeout=0.2):
                if message.error() is None:
                    found[message.partition()].append(message.value().decode())
                elif message.error().code() == ck.KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise ck.KafkaException(message.error())
        consumer.close()
        self.assertEqual(len(ended), partitions, "the ends of the partitions were not reached")
        return found

    def test_all_of_a_transaction_is_seen_or_nothing(self) -> None:
        topic = self.create("t", 3)
        producer = self.producer("writer")
        expected: list[list[str]] = [[], [], []]
        for number in range(20):
            producer.begin_transaction()
            commit = number % 3 != 1
            for i in range(30):
                value = f"{number}/{i}"
                producer.produce(topic, value, partition=i % 3)
                if commit:
                    expected[i % 3].append(value)
            if commit:
                producer.commit_transaction(SECONDS)
            else:
                producer.flush(SECONDS)
                producer.abort_transaction(SECONDS)
        self.assertEqual(self.read(topic, 3), expected)
        everything = self.read(topic, 3, "read_uncommitted")
        self.assertEqual(sum(map(len, everything)), 600)

    def test_an_open_transaction_hides_what_follows_until_its_time_is_over(self) -> None:
        topic = self.create("t", 1)
        hanging = self.producer("hanging", **{"transaction.timeout.ms": 3000})
        hanging.begin_transaction()
        hanging.produce(topic, "never", partition=0)
        hanging.flush(SECONDS)
        plain = ck.Producer({"bootstrap.servers": self.broker.address})
        plain.produce(topic, "behind", partition=0)
        plain.flush(SECONDS)
        self.assertEqual(self.read(topic, 1), [[]])
        self.assertEqual(self.read(topic, 1, "read_uncommitted"), [["never", "behind"]])
        wait_for("abort of the overdue transaction", SECONDS,
                 lambda: self.read(topic, 1) == [["behind"]])  # fmt: skip
        with self.assertRaises(ck.KafkaException):
            hanging.commit_transaction(SECONDS)

    def test_a_zombie_is_fenced(self) -> None:
        topic = self.create("t", 1)
        zombie = self.producer("id")
        zombie.begin_transaction()
        zombie.produce(topic, "zombie", partition=0)
        zombie.flush(SECONDS)
        heir = self.producer("id")
        heir.begin_transaction()
        heir.produce(topic, "heir", partition=0)
        heir.commit_transaction(SECONDS)
        with self.assertRaises(ck.KafkaException) as failed:
            zombie.commit_transaction(SECONDS)
        self.assertTrue(failed.exception.args[0].fatal())
        self.assertEqual(self.read(topic, 1), [["heir"]])

    def test_what_is_consumed_and_produced_counts_together(self) -> None:
        source, sink = self.create("source", 2), self.create("sink", 2)
        plain = ck.Producer({"bootstrap.servers": self.broker.address})
        for i in range(200):
            plain.produce(source, str(i), partition=i % 2)
        plain.flush(SECONDS)
        producer = self.producer("copier")
        options = {
            "bootstrap.servers": self.broker.address,
            "group.id": "copiers",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
        # Every second transaction is aborted, and who consumed begins anew from what is committed.
        left, rounds, end = 200, 0, time.monotonic() + SECONDS
        while left > 0 and time.monotonic() < end:
            consumer = ck.Consumer(options)
            consumer.subscribe([source])
            messages: list[object] = []
            while len(messages) < min(left, 40) and time.monotonic() < end:
                messages += consumer.consume(min(left, 40) - len(messages), timeout=0.2)
            producer.begin_transaction()
            for message in messages:
                producer.produce(sink, message.value(), partition=message.partition())
            producer.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), SECONDS
            )
            rounds += 1
            if rounds % 2 == 0:
                producer.commit_transaction(SECONDS)
                left -= len(messages)
            else:
                producer.abort_transaction(SECONDS)
            consumer.close()
        copied = self.read(sink, 2)
        self.assertEqual(copied, [[str(i) for i in range(p, 200, 2)] for p in range(2)])
        committed = ck.Consumer(options).committed(
            [ck.TopicPartition(source, p) for p in range(2)], SECONDS
        )
        self.assertEqual([each.offset for each in committed], [100, 100])

    def test_what_was_committed_is_there_after_a_kill(self) -> None:
        topic = self.create("t", 2)
        producer = self.producer("writer")
        expected: list[list[str]] = [[], []]
        for number in range(6):
            producer.begin_transaction()
            for i in range(10):
                producer.produce(topic, f"{number}/{i}", partition=i % 2)
            if number % 3 == 1:
                producer.flush(SECONDS)
                self.broker.kill()
                self.broker.start()
            if number % 2 == 0:
                producer.commit_transaction(SECONDS)
                for i in range(10):
                    expected[i % 2].append(f"{number}/{i}")
                # The markers may still be on their way.
                self.broker.kill()
                self.broker.start()
            else:
                producer.abort_transaction(SECONDS)
        wait_for("end of all transactions", SECONDS,
                 lambda: self.read(topic, 2) == expected)  # fmt: skip

    def txn(self, *arguments: str) -> object:
        """What `millrace txn` says, as JSON."""
        done = subprocess.run(
            [harness.BINARY, "txn", *arguments, "-b", self.broker.address, "-O", "json"],
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_tools_see_transactions_and_leave_them_alone(self) -> None:
        topic = self.create("t", 1)
        producer = self.producer("seen")
        producer.begin_transaction()
        producer.produce(topic, "x", partition=0)
        producer.flush(SECONDS)
        [listed] = self.txn("list")
        self.assertEqual((listed["transactional_id"], listed["state"]), ("seen", "Ongoing"))
        [described] = self.txn("describe", "seen")
        self.assertEqual(described["partitions"], [{"topic": topic, "partition": 0}])
        self.assertEqual(self.txn("hanging"), [])
        refused = subprocess.run(
            [harness.BINARY, "txn", "abort", "--topic", topic, "--partition", "0",
             "--producer", str(listed["producer_id"]), "-b", self.broker.address],
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        self.assertNotEqual(refused.returncode, 0)
        producer.commit_transaction(SECONDS)
        self.assertEqual(self.read(topic, 1), [["x"]])

    def test_what_hangs_is_found_and_ended(self) -> None:
        # Without the check that every partition makes, a transaction can be left to nobody.
        self.broker.settings["transaction.partition.verification.enable"] = "false"
        self.broker.restart()
        topic = self.create("t", 1)
        ghost = wire.batch(wire.record(0, b"ghost"), attributes=0x10, producer=(7777, 3, 0))
        with wire.Line(self.broker.port) as line:
            line.ask(wire.PRODUCE, 7, wire.produce(topic, ghost, transactional_id="ghost"))
        plain = ck.Producer({"bootstrap.servers": self.broker.address})
        plain.produce(topic, "behind", partition=0)
        plain.flush(SECONDS)
        self.assertEqual(self.read(topic, 1), [[]])
        [hanging] = self.txn("hanging", "--topic", topic)
        self.assertEqual((hanging["producer_id"], hanging["start_offset"]), (7777, 0))
        self.txn("abort", "--topic", topic, "--partition", "0", "--producer", "7777")
        self.assertEqual(self.read(topic, 1), [["behind"]])
        self.assertEqual(self.txn("hanging"), [])


if __name__ == "__main__":
    harness.main()
