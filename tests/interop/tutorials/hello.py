"""The first program of many a tutorial, as a newcomer types it: one record there and back.

usage: hello.py [HOST:PORT]
"""

import sys

from kafka import KafkaConsumer, KafkaProducer

server = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"

producer = KafkaProducer(bootstrap_servers=server)
producer.send("test_topic", b"hello, kafka!")
producer.flush()
producer.close()

consumer = KafkaConsumer(
    "test_topic",
    group_id="test_group",
    bootstrap_servers=server,
    auto_offset_reset="earliest",
    consumer_timeout_ms=10000,
)
for message in consumer:
    print(f"{message.topic}:{message.partition}:{message.offset}: {message.value.decode()}")
    break
consumer.close()
