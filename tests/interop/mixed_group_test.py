"""One group whose members are written in several languages: between them they read all, once."""

import collections
import unittest

import harness
import languages
from harness import Broker, kcat, wait_for
from languages import CLIENTS, Client, Member

PARTITIONS = 12
SECONDS = 60
LANGUAGES_MIN = 3


def available(names: tuple[str, ...]) -> list[Client]:
    found = []
    for name in names:
        try:
            CLIENTS[name].prepare()
            found.append(CLIENTS[name])
        except unittest.SkipTest as reason:
            print(f"without {name}: {reason}")
    if len(found) < LANGUAGES_MIN:
        raise unittest.SkipTest(f"only {len(found)} languages are there")
    return found


class MixedGroup(unittest.TestCase):
    def setUp(self) -> None:
        self.broker = self.enterContext(
            Broker({"num.partitions": str(PARTITIONS), "group.initial.rebalance.delay.ms": "0"})
        )
        self.sent = 0
        kcat(self.broker, "-L", "-t", "topic")  # makes the topic

    def send(self, count: int) -> None:
        lines = "".join(f"v{self.sent + i}\n" for i in range(count))
        self.sent += count
        kcat(self.broker, "-P", "-t", "topic", stdin=lines.encode())

    def read_once(self, members: list[Member]) -> None:
        def counted() -> collections.Counter[str] | None:
            counts = collections.Counter(value for m in members for value in m.values())
            return counts if len(counts) == self.sent else None

        counts = wait_for(f"reader of all {self.sent} records", SECONDS, counted)
        self.assertEqual([pair for pair in counts.most_common(3) if pair[1] > 1], [])

    def come_and_go(self, clients: list[Client], *options: str) -> None:
        """They come one after the other while records flow, and leave so too."""
        members: list[Member] = []
        for client in clients:
            members.append(Member(self, self.broker, client, "topic", "group", *options))
            languages.wait_for_share(PARTITIONS, SECONDS, *members, even=False)
            self.send(300)
            self.read_once(members)
        for i, member in enumerate(members[:-1]):
            member.leave()
            languages.wait_for_share(PARTITIONS, SECONDS, *members[i + 1 :], even=False)
            self.send(300)
            self.read_once(members)

    def test_range(self) -> None:
        # The strategy that all of them have; kafkajs calls its own by another name.
        self.come_and_go(
            available(("librdkafka", "java", "franz-go", "kafka-python-debian", "sarama"))
        )

    def test_cooperative_sticky(self) -> None:
        self.come_and_go(
            available(("java", "librdkafka", "franz-go", "sarama")), "strategy=cooperative"
        )

    def test_consumer_protocol(self) -> None:
        self.come_and_go(available(("java", "librdkafka", "franz-go")), "protocol=consumer")


if __name__ == "__main__":
    harness.main()
