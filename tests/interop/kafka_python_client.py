"""Kafka's Python client as its users write programs: sends with a codec, or shares a topic in a group.

usage: kafka_python_client.py HOST:PORT produce TOPIC CODEC PREFIX COUNT
       kafka_python_client.py HOST:PORT member TOPIC GROUP [OPTION=VALUE...]
       kafka_python_client.py HOST:PORT copy SOURCE SINK GROUP COUNT

What a member prints, and its options: see languages.py. It runs with Debian's old version and with
the newest, whichever is found first.
"""

import signal
import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.errors import CommitFailedError
from kafka.structs import OffsetAndMetadata

stopping = False


def stop(*_: object) -> None:
    global stopping
    stopping = True


def produce(server: str, topic: str, codec: str, prefix: str, count: int) -> None:
    codec = None if codec == "none" else codec
    producer = KafkaProducer(bootstrap_servers=server, acks="all", compression_type=codec)
    sent = [producer.send(topic, f"{prefix}-{i}".encode()) for i in range(count)]
    producer.flush()
    for future in sent:
        future.get(timeout=30)
    producer.close()


class Listener(ConsumerRebalanceListener):
    def __init__(self) -> None:
        self.consumer: KafkaConsumer | None = None
        self.owned: set[int] = set()

    def show(self) -> None:
        print("+", *sorted(self.owned), flush=True)

    def on_partitions_revoked(self, revoked: object) -> None:
        self.owned -= {place.partition for place in revoked}
        self.show()

    def on_partitions_lost(self, lost: object) -> None:
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: object) -> None:
        self.owned |= {place.partition for place in assigned}
        self.show()


def be_member(server: str, topic: str, group: str, options: dict[str, str]) -> None:
    settings: dict[str, object] = {}
    if options.get("strategy") == "cooperative":
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

        settings["partition_assignment_strategy"] = [CooperativeStickyAssignor]
    if "instance" in options:
        settings["group_instance_id"] = options["instance"]
    consumer = KafkaConsumer(
        bootstrap_servers=server,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=int(options.get("session", 6000)),
        heartbeat_interval_ms=300,
        **settings,
    )
    consumer.subscribe([topic], listener=Listener())
    while not stopping:
        # Not the 100 ms after which it asks for metadata again: a poll of 3.0.12 that ends while the
        # member joins anew because of them forgets what it was assigned.
        polled = consumer.poll(timeout_ms=400)
        for place, records in polled.items():
            for record in records:
                print(place.partition, record.offset, record.value.decode())
        sys.stdout.flush()
        if polled:
            try:
                consumer.commit()  # partitions are given up by `poll` alone
            except CommitFailedError:
                print("a commit came too late", file=sys.stderr)
    consumer.close()


def copy(server: str, source: str, sink: str, group: str, count: int) -> None:
    consumer = KafkaConsumer(
        source,
        bootstrap_servers=server,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = KafkaProducer(bootstrap_servers=server, transactional_id=f"{group}-copier")
    producer.init_transactions()
    while count > 0:
        for place, records in consumer.poll(timeout_ms=500, max_records=1).items():
            for record in records:
                producer.begin_transaction()
                producer.send(sink, record.value)
                behind = {place: OffsetAndMetadata(record.offset + 1, "", -1)}
                producer.send_offsets_to_transaction(behind, consumer.group_metadata())
                producer.commit_transaction()
                producer.begin_transaction()
                producer.send(sink, b"ghost").get(timeout=30)
                producer.abort_transaction()
                count -= 1
    consumer.close()


def main() -> None:
    server, verb, topic, *rest = sys.argv[1:]
    if verb == "produce":
        produce(server, topic, rest[0], rest[1], int(rest[2]))
        return
    if verb == "copy":
        copy(server, topic, rest[0], rest[1], int(rest[2]))
        return
    signal.signal(signal.SIGTERM, stop)
    be_member(server, topic, rest[0], dict(option.split("=", 1) for option in rest[1:]))


if __name__ == "__main__":
    main()
