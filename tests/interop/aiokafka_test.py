"""aiokafka from PyPI: idempotent produce, groups, and the parts of its admin that people use."""

import asyncio
import contextlib
import unittest

import harness
from harness import Broker

SECONDS = 30


class Aiokafka(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        harness.use_pypi()
        global aiokafka, admin
        import aiokafka
        import aiokafka.admin as admin

        cls.broker = cls.enterClassContext(Broker({"group.initial.rebalance.delay.ms": "0"}))

    @contextlib.asynccontextmanager
    async def client(self, kind: type, *arguments: str, **options: object):
        client = kind(*arguments, bootstrap_servers=self.broker.address, **options)
        await client.start()
        try:
            async with asyncio.timeout(SECONDS):
                yield client
        finally:
            await (client.close() if hasattr(client, "close") else client.stop())

    async def create(self, name: str, partitions: int = 1) -> None:
        async with self.client(admin.AIOKafkaAdminClient) as client:
            await client.create_topics([admin.NewTopic(name, partitions, 1)])

    async def produce(self, topic: str, count: int, **options: object) -> list[int]:
        """Sends so many records to partition 0; the offsets they were acknowledged with."""
        options = {"enable_idempotence": True, **options}
        async with self.client(aiokafka.AIOKafkaProducer, **options) as producer:
            waiting = [
                await producer.send(topic, b"v%d" % i, key=b"k", partition=0, headers=[("h", b"1")])
                for i in range(count)
            ]
            return [(await done).offset for done in waiting]

    async def test_idempotent_records_come_back_in_order_with_every_codec(self) -> None:
        for codec in (None, "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec=codec):
                topic = f"codec-{codec}"
                await self.create(topic)
                offsets = await self.produce(topic, 300, compression_type=codec)
                self.assertEqual(offsets, list(range(300)))
                async with self.client(
                    aiokafka.AIOKafkaConsumer, topic, auto_offset_reset="earliest"
                ) as consumer:
                    got = [await consumer.getone() for _ in range(300)]
                self.assertEqual([m.value for m in got], [b"v%d" % i for i in range(300)])
                self.assertEqual(got[0].headers, (("h", b"1"),))

    async def test_two_members_share_and_commit(self) -> None:
        await self.create("shared", 4)
        options = {"group_id": "pair", "auto_offset_reset": "earliest", "enable_auto_commit": False}
        kind = aiokafka.AIOKafkaConsumer
        async with self.client(kind, "shared", **options) as first:
            async with self.client(kind, "shared", **options) as second:
                async with asyncio.timeout(SECONDS):
                    while not len(first.assignment()) == len(second.assignment()) == 2:
                        # A member learns that it must join again while it fetches.
                        await first.getmany(timeout_ms=50)
                        await second.getmany(timeout_ms=50)
                self.assertEqual(len(first.assignment() | second.assignment()), 4)
            await self.produce("shared", 10)
            got = [await first.getone() for _ in range(10)]
            self.assertEqual([m.value for m in got], [b"v%d" % i for i in range(10)])
            await first.commit()
            self.assertEqual(await first.committed(aiokafka.TopicPartition("shared", 0)), 10)
        async with self.client(kind, "shared", **options) as third:
            await self.produce("shared", 1)
            self.assertEqual((await third.getone()).offset, 10)

    async def test_topics_settings_and_groups_are_administered(self) -> None:
        await self.create("administered", 2)
        async with self.client(admin.AIOKafkaAdminClient) as client:
            self.assertIn("administered", await client.list_topics())
            (topic,) = await client.describe_topics(["administered"])
            self.assertEqual(len(topic["partitions"]), 2)
            resource = admin.config_resource.ConfigResource(
                admin.config_resource.ConfigResourceType.TOPIC, "administered"
            )
            (answer,) = await client.describe_configs([resource])
            shown = {entry[0]: entry[1] for entry in answer.resources[0][4]}
            self.assertEqual(shown["cleanup.policy"], "delete")
            await client.list_consumer_groups()
            await client.delete_topics(["administered"])
            async with asyncio.timeout(SECONDS):
                while "administered" in await client.list_topics():
                    await asyncio.sleep(0.02)

    async def test_offsets_are_found_by_time(self) -> None:
        await self.create("timed")
        await self.produce("timed", 3)
        partition = aiokafka.TopicPartition("timed", 0)
        async with self.client(aiokafka.AIOKafkaConsumer) as consumer:
            found = await consumer.offsets_for_times({partition: 0})
            self.assertEqual(found[partition].offset, 0)
            self.assertEqual(await consumer.end_offsets([partition]), {partition: 3})
            self.assertEqual(await consumer.beginning_offsets([partition]), {partition: 0})


if __name__ == "__main__":
    harness.main()
