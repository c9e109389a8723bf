"""The second program: make a topic with three partitions, send records with keys, read them.

usage: keyed.py [HOST:PORT]
"""

import json
import sys

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

server = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"

admin = KafkaAdminClient(bootstrap_servers=server)
admin.create_topics([NewTopic("data_topic", 3, 1)])
admin.close()

producer = KafkaProducer(
    bootstrap_servers=server,
    key_serializer=str.encode,
    value_serializer=lambda value: json.dumps(value).encode(),
)
for number in range(100):
    producer.send("data_topic", key=f"user-{number % 10}", value={"number": number})
producer.flush()
producer.close()

consumer = KafkaConsumer(
    "data_topic",
    group_id="data_group",
    bootstrap_servers=server,
    auto_offset_reset="earliest",
    value_deserializer=lambda value: json.loads(value),
    consumer_timeout_ms=10000,
)
read = 0
for message in consumer:
    print(f"{message.partition} {message.key.decode()} {message.value['number']}")
    read += 1
    if read == 100:
        break
consumer.close()
