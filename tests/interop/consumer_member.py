"""A consumer of the consumer protocol (KIP-848): for consumer_groups_test.py.

usage: consumer_member.py HOST:PORT TOPIC GROUP PROTOCOL [OPTION=VALUE...]

Prints `+ partition...` for all that it has whenever that changes, and `partition offset value` for
each record; it commits what it has printed. SIGTERM makes it leave in order.
"""

import signal
import sys

import harness

harness.use_pypi()
import confluent_kafka as ck  # noqa: E402

server, topic, group, protocol, *options = sys.argv[1:]
stopping = False


def stop(*_: object) -> None:
    global stopping
    stopping = True


def show(places: list[ck.TopicPartition]) -> None:
    print("+", *sorted(place.partition for place in places), flush=True)


def assigned(consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
    consumer.incremental_assign(places)
    show(consumer.assignment())


def revoked(consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
    consumer.incremental_unassign(places)
    show(consumer.assignment())


signal.signal(signal.SIGTERM, stop)
consumer = ck.Consumer(
    {
        "bootstrap.servers": server,
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "topic.metadata.refresh.interval.ms": 1000,
        **dict(option.split("=", 1) for option in options),
    }
)
consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
while not stopping:
    messages = [m for m in consumer.consume(100, timeout=0.2) if m.error() is None]
    for message in messages:
        print(message.partition(), message.offset(), message.value().decode())
    sys.stdout.flush()
    if messages:
        consumer.commit(asynchronous=True)
consumer.close()
