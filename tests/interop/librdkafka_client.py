"""librdkafka as its users write programs: sends with a codec, or shares a topic in a group.

usage: librdkafka_client.py HOST:PORT produce TOPIC CODEC PREFIX COUNT
       librdkafka_client.py HOST:PORT member TOPIC GROUP [OPTION=VALUE...]
       librdkafka_client.py HOST:PORT copy SOURCE SINK GROUP COUNT

What a member prints, and its options: see languages.py; an option with a dot in its name is one of
librdkafka's. It runs with Debian's version and with the newest, whichever is found first.
"""

import signal
import sys

import confluent_kafka as ck

stopping = False


def stop(*_: object) -> None:
    global stopping
    stopping = True


def produce(server: str, topic: str, codec: str, prefix: str, count: int) -> None:
    failed = []
    producer = ck.Producer(
        {"bootstrap.servers": server, "compression.type": codec, "enable.idempotence": True}
    )
    for i in range(count):
        producer.produce(
            topic, f"{prefix}-{i}", on_delivery=lambda error, _: error and failed.append(error)
        )
    left = producer.flush(30)
    if left or failed:
        sys.exit(f"{left} not delivered, {failed[:1]}")


def settings_of(options: dict[str, str]) -> dict[str, str]:
    protocol = options.get("protocol", "classic")
    settings = {} if protocol == "classic" else {"group.protocol": protocol}
    if protocol == "classic":
        cooperative = options.get("strategy") == "cooperative"
        settings["partition.assignment.strategy"] = "cooperative-sticky" if cooperative else "range"
        settings["session.timeout.ms"] = "6000"
        settings["heartbeat.interval.ms"] = "300"
    if "instance" in options:
        settings["group.instance.id"] = options["instance"]
    return {**settings, **{name: value for name, value in options.items() if "." in name}}


def be_member(server: str, topic: str, group: str, options: dict[str, str]) -> None:
    settings = settings_of(options)
    stepwise = options.get("protocol") == "consumer" or options.get("strategy") == "cooperative"
    owned: set[int] = set()
    printed: dict[tuple[str, int], int] = {}  # and not committed: the offset behind it, by place

    def commit() -> None:
        offsets = [ck.TopicPartition(*place, offset) for place, offset in printed.items()]
        try:
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
            printed.clear()
        except ck.KafkaException as error:
            # As while others still join: who goes on reading meanwhile has to try again.
            print(f"a commit failed: {error}", file=sys.stderr)

    def gained(consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
        (consumer.incremental_assign if stepwise else consumer.assign)(places)
        owned.update(place.partition for place in places)
        print("+", *sorted(owned), flush=True)

    def lost(consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
        commit()
        if stepwise:
            consumer.incremental_unassign(places)
        else:
            consumer.unassign()
        for place in places:
            printed.pop((place.topic, place.partition), None)  # it is another's to commit now
        owned.difference_update(place.partition for place in places)
        print("+", *sorted(owned), flush=True)

    consumer = ck.Consumer(
        {
            "bootstrap.servers": server,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "topic.metadata.refresh.interval.ms": 1000,
            **settings,
        }
    )
    consumer.subscribe([topic], on_assign=gained, on_revoke=lost)
    while not stopping:
        message = consumer.poll(0.2 if not printed else 0)
        if message is not None and message.error() is None:
            print(message.partition(), message.offset(), message.value().decode(), flush=True)
            printed[message.topic(), message.partition()] = message.offset() + 1
        if message is None or message.offset() % 100 == 0:
            commit()
    commit()
    consumer.close()


def copy(server: str, source: str, sink: str, group: str, count: int) -> None:
    consumer = ck.Consumer(
        {
            "bootstrap.servers": server,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([source])
    producer = ck.Producer({"bootstrap.servers": server, "transactional.id": f"{group}-copier"})
    producer.init_transactions(30)
    while count > 0:
        message = consumer.poll(1)
        if message is None or message.error() is not None:
            continue
        producer.begin_transaction()
        producer.produce(sink, message.value())
        behind = ck.TopicPartition(source, message.partition(), message.offset() + 1)
        producer.send_offsets_to_transaction([behind], consumer.consumer_group_metadata(), 30)
        producer.commit_transaction(30)
        producer.begin_transaction()
        producer.produce(sink, b"ghost")
        producer.flush(30)
        producer.abort_transaction(30)
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
