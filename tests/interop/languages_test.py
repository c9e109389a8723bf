"""What every client can do, done with one of them: the codecs, and what happens in a group.

usage: languages_test.py CLIENT, one of those in languages.py
"""

import collections
import sys
import unittest

import harness
import languages
from harness import Broker, kcat, wait_for
from languages import Client, Member

PARTITIONS = 6
SECONDS = 40
SETTINGS = {
    "num.partitions": str(PARTITIONS),
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.session.timeout.ms": "3000",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "200",
}


class Languages(unittest.TestCase):
    client: Client

    @classmethod
    def setUpClass(cls) -> None:
        cls.client.prepare()
        cls.broker = cls.enterClassContext(Broker(SETTINGS))

    def setUp(self) -> None:
        self.topic = self.id().rpartition(".")[2]
        self.sent = 0
        kcat(self.broker, "-L", "-t", self.topic)  # makes the topic

    def member(self, *options: str) -> Member:
        return Member(self, self.broker, self.client, self.topic, f"{self.topic}-group", *options)

    def share(self, *members: Member) -> None:
        languages.wait_for_share(PARTITIONS, SECONDS, *members)

    def send(self, count: int) -> None:
        lines = "".join(f"v{self.sent + i}\n" for i in range(count))
        self.sent += count
        kcat(self.broker, "-P", "-t", self.topic, stdin=lines.encode())

    def all_read(self, *members: Member) -> collections.Counter[str]:
        """Waits until everything sent was read by somebody; what was read, with how often."""

        def counted() -> collections.Counter[str] | None:
            counts = collections.Counter(value for m in members for value in m.values())
            return counts if len(counts) == self.sent else None

        return wait_for(f"reader of all {self.sent} records", SECONDS, counted)

    def assert_once(self, counts: collections.Counter[str]) -> None:
        self.assertEqual([pair for pair in counts.most_common(3) if pair[1] > 1], [])

    def hand_over(self, *options: str) -> None:
        """Members come and leave in order while records flow: each record is read once.

        Whoever reads on during a rebalance may commit in the moment in which the next generation
        begins, is told ILLEGAL_GENERATION, as by Kafka, and loses its partitions: then what it had
        read is read again. Everything is read in any case.
        """

        def assert_handed_over(*members: Member) -> None:
            counts = self.all_read(*members)
            if not any("ILLEGAL_GENERATION" in member.complaints() for member in members):
                self.assert_once(counts)

        one = self.member(*options)
        self.share(one)
        self.send(200)
        two = self.member(*options)
        self.share(one, two)
        self.send(200)
        assert_handed_over(one, two)
        one.leave()
        self.share(two)
        self.send(200)
        assert_handed_over(one, two)

    def test_every_codec_and_back(self) -> None:
        for codec in self.client.codecs:
            languages.do(self.client, self.broker, "produce", self.topic, codec, codec, 200)
        want = [f"{codec}-{i}" for codec in self.client.codecs for i in range(200)]
        self.sent = len(want)
        member = self.member()
        counts = self.all_read(member)
        self.assertEqual(sorted(counts), sorted(want))
        self.assert_once(counts)
        from_kcat = kcat(self.broker, "-C", "-q", "-e", "-t", self.topic).decode().split()
        self.assertEqual(sorted(from_kcat), sorted(want))

    def test_members_hand_over(self) -> None:
        self.hand_over()

    def test_members_hand_over_one_by_one(self) -> None:
        if "cooperative" not in self.client.can:
            self.skipTest(f"{self.client.name} has no cooperative strategy")
        self.hand_over("strategy=cooperative")

    def test_members_hand_over_by_the_consumer_protocol(self) -> None:
        if "consumer" not in self.client.can:
            self.skipTest(f"{self.client.name} has no consumer protocol")
        self.hand_over("protocol=consumer")

    def test_what_a_killed_member_had_goes_to_the_other(self) -> None:
        one, two = self.member(), self.member()
        self.share(one, two)
        self.send(100)
        self.all_read(one, two)
        two.die()
        self.send(100)
        self.all_read(one, two)
        self.share(one)

    def test_a_static_member_comes_back_without_a_rebalance(self) -> None:
        if "static" not in self.client.can:
            self.skipTest(f"{self.client.name} has no static members")
        one, two = self.member("instance=one"), self.member("instance=two")
        self.share(one, two)
        self.send(50)
        self.all_read(one, two)
        had = two.assigned()
        shares = one.assigned()
        two.die()
        again = self.member("instance=two")
        wait_for("share of the one who came back", SECONDS, lambda: again.assigned() == had)
        self.send(50)
        self.all_read(one, two, again)
        self.assertEqual(one.assigned(), shares)

    def test_what_is_copied_in_transactions_is_there_once(self) -> None:
        if "copy" not in self.client.can:
            self.skipTest(f"{self.client.name} does this in a test of its own, or cannot")
        sink = f"{self.topic}-sink"
        kcat(self.broker, "-L", "-t", sink)  # makes the topic
        for _ in range(2):  # the second one goes on where the first ended
            self.send(40)
            languages.do(self.client, self.broker, "copy", self.topic, sink, f"{sink}-group", 40)
        committed = ("-X", "isolation.level=read_committed")
        copied = kcat(self.broker, "-C", "-q", "-e", "-t", sink, *committed).decode().split()
        self.assertEqual(sorted(copied), sorted(f"v{i}" for i in range(self.sent)))
        everything = kcat(
            self.broker, "-C", "-q", "-e", "-t", sink, "-X", "isolation.level=read_uncommitted"
        )
        self.assertEqual(everything.decode().split().count("ghost"), self.sent)

    def test_members_outlive_a_broker_that_is_killed(self) -> None:
        one, two = self.member(), self.member()
        self.share(one, two)
        self.send(100)
        self.all_read(one, two)
        self.broker.kill()
        self.broker.start()
        self.send(100)
        self.all_read(one, two)


if __name__ == "__main__":
    Languages.client = languages.CLIENTS[sys.argv.pop(1)]
    harness.main()
