"""What goes on while things go wrong: writers, readers, a copier in transactions, an administrator.

Each is a thread with clients of librdkafka, and writes down what it did and was told (`history.py`). They
bear whatever a client may be told while a node is away, and give nothing up; what no client should ever
be told goes to `complaints`.
"""

import random
import threading
import time
from pathlib import Path

import confluent_kafka as ck
from confluent_kafka import admin
from history import Teller

SOURCE, COPY = "source", "copy"
PATIENCE_MS = 300_000
EVERYBODY = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 5_000,
    "log_level": 0,
}


class Worker:
    """A thread that works until it is told to stop."""

    def __init__(self, folder: Path, name: str, servers: str) -> None:
        self.name = name
        self.teller = Teller(folder, name)
        self.complaints: list[str] = []
        self.stopping = threading.Event()
        self.servers = servers
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _guarded(self) -> None:
        try:
            self.work()
        except Exception as error:  # a thread has nobody else to tell
            self.complaints.append(f"{self.name}: {error!r}")

    def finish(self, seconds: float) -> None:
        """Stops it, and waits until it has done what it began."""
        self.stopping.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.complaints.append(f"{self.name}: it does not come to an end in {seconds} s")

    def progress(self) -> int:
        """Grows while it gets on."""
        raise NotImplementedError

    def work(self) -> None:
        raise NotImplementedError

    def settings(self, **more: object) -> dict[str, object]:
        changed = {name.replace("_", "."): value for name, value in more.items()}
        return {"bootstrap.servers": self.servers, **EVERYBODY, **changed}


class Writer(Worker):
    """An idempotent producer, the only one of its partitions."""

    def __init__(
        self, folder: Path, name: str, servers: str, partitions: list[int], per_second: float
    ) -> None:
        super().__init__(folder, name, servers)
        self._partitions = partitions
        self._pause = 1 / per_second

    def progress(self) -> int:
        return self.teller.count["acked"]

    def work(self) -> None:
        producer = ck.Producer(
            self.settings(enable_idempotence=True, message_timeout_ms=PATIENCE_MS, linger_ms=2)
        )
        number = 0
        due = time.monotonic()
        while not self.stopping.is_set():
            partition = self._partitions[number % len(self._partitions)]
            value = f"{self.name}-{number}".encode()
            try:
                producer.produce(SOURCE, value, partition=partition, on_delivery=self._delivered)
            except BufferError:
                producer.poll(0.1)
                continue
            self.teller.sent(SOURCE, partition, value)
            number += 1
            due += self._pause
            producer.poll(0)
            while (left := due - time.monotonic()) > 0:
                producer.poll(left)  # comes back early when it told something
        left = producer.flush(PATIENCE_MS / 1000)
        if left:
            self.complaints.append(f"{self.name}: {left} records are neither acknowledged nor refused")

    def _delivered(self, error: object, message: ck.Message) -> None:
        if error is not None and error.code() == ck.KafkaError.POLICY_VIOLATION:
            return  # the disk is full, and says so
        if error is not None:
            self.complaints.append(f"{self.name}: {message.value()!r} was refused: {error}")
            return
        self.teller.acked(SOURCE, message.partition(), message.offset(), message.value())


class Reader(Worker):
    """Reads all partitions of a topic by assignment, from the start on."""

    def __init__(
        self, folder: Path, name: str, servers: str, topic: str, partitions: int
    ) -> None:
        super().__init__(folder, name, servers)
        self._topic = topic
        self._partitions = partitions

    def progress(self) -> int:
        return self.teller.count["shown"]

    def work(self) -> None:
        consumer = ck.Consumer(
            self.settings(
                group_id=self.name, enable_auto_commit=False, auto_offset_reset="earliest",
                isolation_level="read_committed", check_crcs=True,
            )
        )  # fmt: skip
        consumer.assign(
            [ck.TopicPartition(self._topic, p, ck.OFFSET_BEGINNING) for p in range(self._partitions)]
        )
        while not self.stopping.is_set():
            show(consumer, self.teller)
        consumer.close()


def show(consumer: ck.Consumer, teller: Teller) -> list[ck.Message]:
    messages = [m for m in consumer.consume(100, timeout=0.2) if m.error() is None]
    for m in messages:
        teller.shown(m.topic(), m.partition(), m.offset(), m.value())
    return messages


class Member(Worker):
    """One of a group; commits what it was shown."""

    def __init__(self, folder: Path, name: str, servers: str, group: str, topic: str) -> None:
        super().__init__(folder, name, servers)
        self._group = group
        self._topic = topic
        self.teller.group(group)

    def progress(self) -> int:
        return self.teller.count["shown"]

    def work(self) -> None:
        consumer = ck.Consumer(
            self.settings(
                group_id=self._group, enable_auto_commit=False, auto_offset_reset="earliest",
                session_timeout_ms=10_000, heartbeat_interval_ms=1_000,
            )
        )  # fmt: skip
        consumer.subscribe([self._topic])
        while not self.stopping.is_set():
            if messages := show(consumer, self.teller):
                self._commit(consumer, messages)
        consumer.close()

    def _commit(self, consumer: ck.Consumer, messages: list[ck.Message]) -> None:
        ends = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
        try:
            consumer.commit(
                offsets=[ck.TopicPartition(*place, end) for place, end in ends.items()],
                asynchronous=False,
            )
        except ck.KafkaException:
            pass  # it lost the partition, or its coordinator: whoever reads on begins before it


class Copier(Worker):
    """Copies in transactions, some of which it aborts; each is told with its outcome."""

    GROUP = "copier"

    def __init__(self, folder: Path, servers: str, partitions: int, seed: int) -> None:
        super().__init__(folder, "copier", servers)
        self._partitions = partitions
        self._dice = random.Random(seed)
        self._made = 0
        self._copied = 0

    def progress(self) -> int:
        return self._copied

    def work(self) -> None:
        while not self.stopping.is_set():
            producer = ck.Producer(
                self.settings(
                    transactional_id="copier", transaction_timeout_ms=30_000, linger_ms=2,
                )
            )  # fmt: skip
            consumer = ck.Consumer(
                self.settings(
                    group_id=self.GROUP, enable_auto_commit=False, auto_offset_reset="earliest",
                    isolation_level="read_committed",
                )
            )  # fmt: skip
            try:
                self._patiently(producer.init_transactions)
                self._life(producer, consumer)
            except ck.KafkaException:
                pass  # fenced by a timeout, or the like: what was open is unknown, and it begins anew
            finally:
                consumer.close()

    def _patiently(self, step: object, *arguments: object) -> None:
        """Again, as long as the client says that this may help."""
        while True:
            try:
                return step(*arguments)
            except ck.KafkaException as error:
                if not error.args[0].retriable() or self.stopping.is_set():
                    raise

    def _life(self, producer: ck.Producer, consumer: ck.Consumer) -> None:
        fresh = True
        while not self.stopping.is_set():
            if fresh:
                self._begin_where_committed(consumer)
            messages = [m for m in consumer.consume(50, timeout=0.2) if m.error() is None]
            fresh = bool(messages) and not self._transaction(producer, consumer, messages)

    def _begin_where_committed(self, consumer: ck.Consumer) -> None:
        places = [ck.TopicPartition(SOURCE, p) for p in range(self._partitions)]
        committed = self._patiently(lambda: consumer.committed(places, timeout=10))
        for place in committed:
            if place.error is not None:
                raise ck.KafkaException(place.error)
            if place.offset < 0:
                place.offset = ck.OFFSET_BEGINNING
        consumer.assign(committed)

    def _transaction(
        self, producer: ck.Producer, consumer: ck.Consumer, messages: list[ck.Message]
    ) -> bool:
        """Whether it was committed."""
        self._made += 1
        name = f"transaction-{self._made}"
        producer.begin_transaction()
        for m in messages:
            value = m.value() + b"|" + name.encode()
            producer.produce(COPY, value, partition=m.partition())
            self.teller.wrote(COPY, name, m.partition(), value)
        ends = {m.partition(): m.offset() + 1 for m in messages}
        offsets = [ck.TopicPartition(SOURCE, p, end) for p, end in ends.items()]
        try:
            self._patiently(
                producer.send_offsets_to_transaction, offsets, consumer.consumer_group_metadata()
            )
            if self._dice.random() < 0.1:
                self._abort(producer, name)
                return False
            self._patiently(producer.commit_transaction)
        except ck.KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            self._abort(producer, name)
            return False
        self.teller.ended(COPY, name, "committed")
        self._copied += len(messages)
        return True

    def _abort(self, producer: ck.Producer, name: str) -> None:
        self._patiently(producer.abort_transaction)
        self.teller.ended(COPY, name, "aborted")


class Admin(Worker):
    """Does random legal things to topics of its own, and knows what must be there in the end."""

    TOPICS = 4

    def __init__(self, folder: Path, servers: str, factor: int, seed: int) -> None:
        super().__init__(folder, "admin", servers)
        self._factor = factor
        self._dice = random.Random(seed)
        self._there: dict[str, bool] = {}  # what was answered last; a name that is missing: unknown
        self._client = admin.AdminClient(self.settings())
        self._done = 0

    def progress(self) -> int:
        return self._done

    def work(self) -> None:
        while not self.stopping.wait(self._dice.uniform(0.2, 2)):
            name = f"side-{self._dice.randrange(self.TOPICS)}"
            self._dice.choice([self._create, self._delete, self._grow, self._configure])(name)

    def _ask(self, futures: dict[str, object]) -> bool:
        try:
            for future in futures.values():
                future.result(30)
        except Exception:  # refused or not answered, both are legal here
            return False
        self._done += 1
        return True

    def _create(self, name: str) -> None:
        before = self._there.pop(name, None)
        topic = admin.NewTopic(name, self._dice.randint(1, 4), self._factor)
        if self._ask(self._client.create_topics([topic])):
            self._there[name] = True
            if before:
                self.complaints.append(f"admin: {name} was created, and was there")
        elif before:
            self._there[name] = before

    def _delete(self, name: str) -> None:
        before = self._there.pop(name, None)
        if self._ask(self._client.delete_topics([name])):
            self._there[name] = False
        elif before is False:
            self._there[name] = before

    def _grow(self, name: str) -> None:
        self._ask(self._client.create_partitions([admin.NewPartitions(name, 8)]))

    def _configure(self, name: str) -> None:
        value = str(self._dice.randint(1, 100) * 3_600_000)
        resource = admin.ConfigResource("topic", name, set_config={"retention.ms": value})
        self._ask(self._client.alter_configs([resource]))

    def check(self) -> None:
        """Once all is well again."""
        topics = self._client.list_topics(timeout=30).topics
        for name, there in self._there.items():
            if (name in topics) != there:
                said = "created" if there else "deleted"
                self.complaints.append(f"admin: {name} was {said}, and that is not so")
