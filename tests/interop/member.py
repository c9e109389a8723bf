"""A consumer in a group that commits exactly what it has printed: for groups_test.py.

usage: member.py HOST:PORT TOPIC GROUP SESSION_MS

Prints `+ partition...` for what it is assigned and `partition offset value` for each record.
SIGTERM makes it leave in order. kcat would not do here: of what it has polled when SIGTERM comes,
it commits one record that it does not print.
"""

import signal
import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer

server, topic, group, session_ms = sys.argv[1:]
stopping = False


def stop(*_: object) -> None:
    global stopping
    stopping = True


class Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked: object) -> None:
        print("+", flush=True)

    def on_partitions_assigned(self, assigned: object) -> None:
        print("+", *sorted(place.partition for place in assigned), flush=True)


signal.signal(signal.SIGTERM, stop)
# It commits by itself before it gives partitions up, when it leaves, and now and then between.
consumer = KafkaConsumer(
    bootstrap_servers=server,
    group_id=group,
    auto_offset_reset="earliest",
    auto_commit_interval_ms=1000,
    session_timeout_ms=int(session_ms),
    heartbeat_interval_ms=300,
)
consumer.subscribe([topic], listener=Listener())
while not stopping:
    for place, records in consumer.poll(timeout_ms=100).items():
        for record in records:
            print(place.partition, record.offset, record.value.decode())
    sys.stdout.flush()
consumer.close()
