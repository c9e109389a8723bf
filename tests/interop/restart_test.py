"""What a broker remembers over a restart, and which topics it makes by itself."""

import subprocess
import unittest

import harness
import wire
from harness import Broker, kcat, wait_for
from wire import Line

try:
    import kafka
    import kafka.admin
except ImportError:
    kafka = None

UNKNOWN_TOPIC_OR_PARTITION = 3


@unittest.skipIf(kafka is None, "Debian's python3-kafka is not installed")
class KafkaPython(unittest.TestCase):
    def test_topics_records_and_committed_offsets_survive_restarts(self) -> None:
        with Broker({"group.initial.rebalance.delay.ms": "0"}) as broker:
            client = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.address)
            topic = kafka.admin.NewTopic("kept", 1, 1, topic_configs={"retention.ms": "5000000"})
            client.create_topics([topic])
            client.close()
            self.assertEqual(self.send(broker, 0, 10), list(range(10)))
            self.assertEqual(self.read_and_commit(broker, 4), [b"0", b"1", b"2", b"3"])
            cluster = self.cluster_id(broker)
            for end in (broker.stop, broker.kill):
                end()
                broker.start()
                self.assertEqual(self.cluster_id(broker), cluster)
                self.assertEqual(self.setting(broker, "kept", "retention.ms"), "5000000")
            self.assertEqual(self.read_and_commit(broker, 6), [b"%d" % i for i in range(4, 10)])
            self.assertEqual(self.send(broker, 10, 2), [10, 11])
            broker.restart()
            self.assertEqual(self.read_and_commit(broker, 2), [b"10", b"11"])

    def send(self, broker: Broker, first: int, count: int) -> list[int]:
        producer = kafka.KafkaProducer(bootstrap_servers=broker.address, acks="all")
        sent = [producer.send("kept", b"%d" % i) for i in range(first, first + count)]
        offsets = [future.get(20).offset for future in sent]
        producer.close()
        return offsets

    def read_and_commit(self, broker: Broker, count: int) -> list[bytes]:
        consumer = kafka.KafkaConsumer(
            "kept", bootstrap_servers=broker.address, group_id="group", enable_auto_commit=False,
            auto_offset_reset="earliest", max_poll_records=1, consumer_timeout_ms=20000,
        )  # fmt: skip
        got = [message.value for _, message in zip(range(count), consumer)]
        place = kafka.TopicPartition("kept", 0)
        offset = consumer.committed(place) or 0
        consumer.commit({place: kafka.OffsetAndMetadata(offset + len(got), "")})
        consumer.close(autocommit=False)
        return got

    def cluster_id(self, broker: Broker) -> str:
        client = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.address)
        described = client.describe_cluster()
        client.close()
        self.assertEqual([node["port"] for node in described["brokers"]], [broker.port])
        return described["cluster_id"]

    def setting(self, broker: Broker, topic: str, name: str) -> str:
        client = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.address)
        resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, topic)
        (answer,) = client.describe_configs([resource])
        client.close()
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}[name]


class Restart(unittest.TestCase):
    def test_a_deleted_topic_stays_deleted_and_may_be_made_anew(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            kcat(broker, "-P", "-t", "once", stdin=b"old\n")
            with Line(broker.port) as line:
                body = wire.array(wire.text("once")) + wire.i32(5000)
                answer = line.ask(20, 1, body)  # DeleteTopics
                self.assertEqual(answer[-2:], wire.i16(wire.NONE))
            broker.restart()
            self.assertNotIn(b'"once"', kcat(broker, "-L"))
            wait_for("end of the files", 10, lambda: not (broker.data / "once-0").exists())
            kcat(broker, "-P", "-t", "once", stdin=b"new\n")
            broker.restart()
            self.assertEqual(
                kcat(broker, "-C", "-t", "once", "-o", "beginning", "-e", "-q"), b"new\n"
            )

    def test_deleted_records_stay_deleted(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            kcat(broker, "-P", "-t", "cut", stdin=b"a\nb\nc\n")
            with Line(broker.port) as line:
                partition = wire.i32(0) + wire.i64(2)
                body = wire.array(wire.text("cut") + wire.array(partition)) + wire.i32(5000)
                answer = line.ask(21, 1, body)  # DeleteRecords
                self.assertEqual(answer[-10:], wire.i64(2) + wire.i16(wire.NONE))
            for end in (broker.stop, broker.kill):
                end()
                broker.start()
                got = kcat(
                    broker, "-C", "-t", "cut", "-o", "beginning", "-e", "-q", "-f", "%o %s\n"
                )
                self.assertEqual(got, b"2 c\n")

    def test_many_topics_come_back(self) -> None:
        names = [f"topic-{i}" for i in range(100)]
        with Broker() as broker:
            with Line(broker.port) as line:
                for name in names:
                    self.assertEqual(wire.create_topic_error(line, name, 2), wire.NONE)
            broker.restart()
            listing = kcat(broker, "-L").decode()
            for name in names:
                self.assertIn(f'"{name}" with 2 partitions', listing)


class AutomaticTopics(unittest.TestCase):
    def test_a_producer_gets_its_topic_if_topics_are_made_automatically(self) -> None:
        with Broker({"auto.create.topics.enable": "true", "num.partitions": "2"}) as broker:
            kcat(broker, "-P", "-t", "made", stdin=b"x\n")
            self.assertIn(b'"made" with 2 partitions', kcat(broker, "-L"))

    def test_no_topic_is_made_otherwise_and_the_producer_is_told(self) -> None:
        with Broker() as broker:
            del broker.settings["auto.create.topics.enable"]  # off is the default
            broker.restart()
            result = subprocess.run(
                ["kcat", "-b", broker.address, "-P", "-t", "wanted",
                 "-X", "topic.metadata.propagation.max.ms=300"],
                input=b"x\n", capture_output=True, timeout=30,
            )  # fmt: skip
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(b"Unknown topic", result.stderr)
            self.assertNotIn(b'"wanted"', kcat(broker, "-L"))
            with Line(broker.port) as line:
                batch = wire.batch(wire.record(0, b"v"))
                error = wire.produce_error(line, "wanted", batch)
                self.assertEqual(error, UNKNOWN_TOPIC_OR_PARTITION)

    def test_a_reader_that_forbids_it_makes_no_topic(self) -> None:
        with Broker() as broker, Line(broker.port) as line:
            line.ask(wire.METADATA, 4, wire.array(wire.text("looked-for")) + wire.i8(0))
            self.assertNotIn(b"looked-for", kcat(broker, "-L"))


if __name__ == "__main__":
    harness.main()
