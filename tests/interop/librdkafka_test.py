"""confluent-kafka, that is today's librdkafka: produce, consume, groups, and all of its admin."""

import time
import unittest

import harness
from harness import Broker, wait_for

SECONDS = 20


class Librdkafka(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        harness.use_pypi()
        global ck, adm
        import confluent_kafka as ck
        import confluent_kafka.admin as adm

        cls.broker = cls.enterClassContext(Broker({"group.initial.rebalance.delay.ms": "0"}))
        cls.admin = adm.AdminClient({"bootstrap.servers": cls.broker.address})

    def create(self, name: str, partitions: int = 1, **config: str) -> str:
        topic = adm.NewTopic(name, partitions, 1, config=config)
        self.admin.create_topics([topic])[name].result(SECONDS)
        return name

    def produce(self, topic: str, count: int, **options: object) -> list[object]:
        """Sends so many records to partition 0 and returns what was acknowledged, in order."""
        done: list[object] = []
        producer = ck.Producer(
            {"bootstrap.servers": self.broker.address, "enable.idempotence": True, **options}
        )
        for i in range(count):
            producer.produce(
                topic, f"v{i}", key=f"k{i}", partition=0, headers={"n": str(i)},
                on_delivery=lambda error, message: done.append(error or message),
            )  # fmt: skip
        self.assertEqual(producer.flush(SECONDS), 0)
        return done

    def consumer(self, group: str, **options: object) -> object:
        consumer = ck.Consumer(
            {
                "bootstrap.servers": self.broker.address,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                **options,
            }
        )
        self.addCleanup(consumer.close)
        return consumer

    def read(self, consumer: object, count: int) -> list[object]:
        messages: list[object] = []
        end = time.monotonic() + SECONDS
        while len(messages) < count and time.monotonic() < end:
            for message in consumer.consume(count - len(messages), timeout=0.2):
                self.assertIsNone(message.error())
                messages.append(message)
        self.assertEqual(len(messages), count)
        return messages

    def test_idempotent_records_get_offsets_in_order_and_come_back_whole(self) -> None:
        topic = self.create("idempotent")
        acked = self.produce(topic, 1000)
        self.assertEqual([message.offset() for message in acked], list(range(1000)))
        consumer = self.consumer("whole")
        consumer.assign([ck.TopicPartition(topic, 0, 0)])
        for i, message in enumerate(self.read(consumer, 1000)):
            self.assertEqual(
                (message.offset(), message.key(), message.value(), message.headers()),
                (i, b"k%d" % i, b"v%d" % i, [("n", b"%d" % i)]),
            )

    def test_every_codec(self) -> None:
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec):
                topic = self.create(f"codec-{codec}")
                self.produce(topic, 500, **{"compression.type": codec, "linger.ms": 50})
                consumer = self.consumer("codecs")
                consumer.assign([ck.TopicPartition(topic, 0, 0)])
                self.assertEqual(
                    [message.value() for message in self.read(consumer, 500)],
                    [b"v%d" % i for i in range(500)],
                )

    def test_a_group_goes_on_where_it_had_committed(self) -> None:
        topic = self.create("grouped")
        self.produce(topic, 20)
        for strategy in ("range", "cooperative-sticky"):
            with self.subTest(strategy):
                options = {"partition.assignment.strategy": strategy}
                first = self.consumer(f"group-{strategy}", **options)
                first.subscribe([topic])
                seventh = self.read(first, 7)[-1]
                first.commit(message=seventh, asynchronous=False)
                first.close()
                second = self.consumer(f"group-{strategy}", **options)
                second.subscribe([topic])
                self.assertEqual(self.read(second, 1)[0].offset(), 7)
                (at,) = second.committed([ck.TopicPartition(topic, 0)], timeout=SECONDS)
                self.assertEqual(at.offset, 7)
                second.close()

    def test_a_topic_is_made_described_and_deleted(self) -> None:
        topic = self.create("short-lived", 3)
        with self.assertRaises(ck.KafkaException) as raised:
            self.create(topic)
        self.assertEqual(raised.exception.args[0].code(), ck.KafkaError.TOPIC_ALREADY_EXISTS)
        names = ck.TopicCollection([topic])
        described = self.admin.describe_topics(names)[topic].result(SECONDS)
        self.assertEqual([p.id for p in described.partitions], [0, 1, 2])
        self.assertEqual([p.leader.id for p in described.partitions], [1, 1, 1])
        self.admin.create_partitions([adm.NewPartitions(topic, 5)])[topic].result(SECONDS)

        def listed() -> dict[str, object]:
            return self.admin.list_topics(timeout=SECONDS).topics

        wait_for("five partitions", 10, lambda: len(listed()[topic].partitions) == 5)
        self.admin.delete_topics([topic])[topic].result(SECONDS)
        wait_for("the end of the topic", 10, lambda: topic not in listed())

    def test_settings_of_a_topic_are_shown_and_changed(self) -> None:
        topic = self.create("tuned", **{"retention.ms": "123456"})
        resource = adm.ConfigResource(adm.ResourceType.TOPIC, topic)

        def shown() -> dict[str, object]:
            return self.admin.describe_configs([resource])[resource].result(SECONDS)

        self.assertEqual(shown()["retention.ms"].value, "123456")
        self.assertEqual(shown()["cleanup.policy"].value, "delete")
        change = adm.ConfigResource(
            adm.ResourceType.TOPIC, topic,
            incremental_configs=[adm.ConfigEntry(
                "retention.ms", "777", incremental_operation=adm.AlterConfigOpType.SET)],
        )  # fmt: skip
        self.admin.incremental_alter_configs([change])[change].result(SECONDS)
        wait_for("the new value", 10, lambda: shown()["retention.ms"].value == "777")
        wrong = adm.ConfigResource(
            adm.ResourceType.TOPIC, topic,
            incremental_configs=[adm.ConfigEntry(
                "retention.ms", "soon", incremental_operation=adm.AlterConfigOpType.SET)],
        )  # fmt: skip
        with self.assertRaises(ck.KafkaException) as raised:
            self.admin.incremental_alter_configs([wrong])[wrong].result(SECONDS)
        self.assertEqual(raised.exception.args[0].code(), ck.KafkaError.INVALID_CONFIG)
        self.assertEqual(shown()["retention.ms"].value, "777")

    def test_settings_of_the_broker_are_shown(self) -> None:
        resource = adm.ConfigResource(adm.ResourceType.BROKER, "1")
        shown = self.admin.describe_configs([resource])[resource].result(SECONDS)
        self.assertEqual(shown["auto.create.topics.enable"].value, "true")
        self.assertIn(str(self.broker.data), shown["log.dirs"].value)

    def test_the_cluster_is_described(self) -> None:
        cluster = self.admin.describe_cluster().result(SECONDS)
        self.assertEqual([node.port for node in cluster.nodes], [self.broker.port])
        self.assertEqual(cluster.controller.id, 1)
        self.assertTrue(cluster.cluster_id)

    def test_offsets_are_listed_by_time(self) -> None:
        topic = self.create("timed")
        partition = ck.TopicPartition(topic, 0)
        self.produce(topic, 3)
        middle = int(time.time() * 1000) + 5
        wait_for("a later millisecond", 5, lambda: time.time() * 1000 > middle)
        self.produce(topic, 2)
        for spec, offset in (
            (adm.OffsetSpec.earliest(), 0),
            (adm.OffsetSpec.latest(), 5),
            (adm.OffsetSpec.for_timestamp(middle), 3),
            (adm.OffsetSpec.for_timestamp(0), 0),
        ):
            answer = self.admin.list_offsets({partition: spec})[partition].result(SECONDS)
            self.assertEqual(answer.offset, offset)
        newest = self.admin.list_offsets({partition: adm.OffsetSpec.max_timestamp()})
        self.assertIn(newest[partition].result(SECONDS).offset, (3, 4))

    def test_deleted_records_are_gone(self) -> None:
        topic = self.create("shortened")
        self.produce(topic, 10)
        partition = ck.TopicPartition(topic, 0, 4)
        deleted = self.admin.delete_records([partition])
        self.assertEqual(next(iter(deleted.values())).result(SECONDS).low_watermark, 4)
        consumer = self.consumer("after-delete")
        self.assertEqual(consumer.get_watermark_offsets(ck.TopicPartition(topic, 0)), (4, 10))
        consumer.assign([ck.TopicPartition(topic, 0, ck.OFFSET_BEGINNING)])
        self.assertEqual(self.read(consumer, 6)[0].offset(), 4)

    def test_groups_are_listed_described_and_deleted(self) -> None:
        topic, group = self.create("seen"), "seen-group"
        self.produce(topic, 5)
        consumer = self.consumer(group)
        consumer.subscribe([topic])
        consumer.commit(message=self.read(consumer, 5)[-1], asynchronous=False)

        def ids() -> set[str]:
            return {g.group_id for g in self.admin.list_consumer_groups().result(SECONDS).valid}

        self.assertIn(group, ids())
        described = self.admin.describe_consumer_groups([group])[group].result(SECONDS)
        self.assertEqual(described.state, ck.ConsumerGroupState.STABLE)
        (member,) = described.members
        self.assertEqual([p.topic for p in member.assignment.topic_partitions], [topic])
        with self.assertRaises(ck.KafkaException) as raised:
            self.admin.delete_consumer_groups([group])[group].result(SECONDS)
        self.assertEqual(raised.exception.args[0].code(), ck.KafkaError.NON_EMPTY_GROUP)
        consumer.close()
        asked = [ck.ConsumerGroupTopicPartitions(group)]
        offsets = self.admin.list_consumer_group_offsets(asked)[group].result(SECONDS)
        self.assertEqual([p.offset for p in offsets.topic_partitions], [5])
        back = [ck.ConsumerGroupTopicPartitions(group, [ck.TopicPartition(topic, 0, 2)])]
        self.admin.alter_consumer_group_offsets(back)[group].result(SECONDS)
        again = self.consumer(group)
        again.subscribe([topic])
        self.assertEqual(self.read(again, 1)[0].offset(), 2)
        again.close()
        self.admin.delete_consumer_groups([group])[group].result(SECONDS)
        self.assertNotIn(group, ids())

    def test_a_record_that_is_too_large_is_refused_by_name(self) -> None:
        topic = self.create("small", **{"max.message.bytes": "1000"})
        producer = ck.Producer({"bootstrap.servers": self.broker.address})
        done: list[object] = []
        producer.produce(topic, b"x" * 5000, on_delivery=lambda error, _: done.append(error))
        producer.flush(SECONDS)
        self.assertEqual(done[0].code(), ck.KafkaError.MSG_SIZE_TOO_LARGE)


if __name__ == "__main__":
    harness.main()
