"""The consumer protocol (KIP-848) as librdkafka speaks it: members share, die, come back and move."""

import collections
import unittest

import harness
import languages
from harness import Broker, kcat, wait_for
from languages import CLIENTS

PARTITIONS = 6
SECONDS = 30
SETTINGS = {
    "num.partitions": str(PARTITIONS),
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.session.timeout.ms": "3000",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "200",
}


class Member(languages.Member):
    """librdkafka's, in the group that is named after the test."""

    def __init__(
        self, test: "ConsumerGroups", *options: str, topic: str = "topic", protocol: str = "consumer"
    ) -> None:
        super().__init__(
            test, test.broker, CLIENTS["librdkafka"], topic, test.group, f"protocol={protocol}",
            *options,
        )  # fmt: skip


class OwnMember(Member):
    """The same by our own client, behind the command line; it does not tell what it has."""

    def __init__(self, test: "ConsumerGroups") -> None:
        self.name = "millrace consume"
        folder = test.broker.data.parent
        self._output, self._errors = folder / "own-output", folder / "own-errors"
        self.process = test.enterContext(
            harness.running(
                harness.BINARY, "consume", "topic", "-b", test.broker.address, "-g", test.group,
                "-X", "group.protocol=consumer", "-f", "%p %o %v\\n",
                stdout=test.enterContext(self._output.open("wb")),
                stderr=test.enterContext(self._errors.open("wb")),
            )
        )  # fmt: skip


class ConsumerGroups(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        harness.use_pypi()
        global adm, ck
        import confluent_kafka as ck
        import confluent_kafka.admin as adm

        cls.broker = cls.enterClassContext(Broker(SETTINGS))
        cls.admin = adm.AdminClient({"bootstrap.servers": cls.broker.address})

    def setUp(self) -> None:
        self.group = self.id().rpartition(".")[2]
        self.sent = 0

    def send(self, count: int, topic: str = "topic") -> None:
        names = [f"{self.group}-{self.sent + i}" for i in range(count)]
        self.sent += count
        kcat(self.broker, "-P", "-t", topic, stdin="".join(f"{n}\n" for n in names).encode())

    def share(self, *members: Member) -> None:
        """Waits until these members have all partitions between them, evenly."""
        languages.wait_for_share(PARTITIONS, SECONDS, *members)

    def all_read(self, *members: Member) -> collections.Counter[str]:
        """Waits until everything sent was read by somebody; what was read, with how often."""

        def counted() -> collections.Counter[str] | None:
            counts = collections.Counter(
                value for m in members for value in m.values() if value.startswith(self.group + "-")
            )
            return counts if len(counts) == self.sent else None

        return wait_for(f"reader of all {self.sent} records", SECONDS, counted)

    def listed(self) -> tuple[str, str]:
        """State and type of the group, as the admin client is told."""
        listing = self.admin.list_consumer_groups().result(SECONDS)
        found = [g for g in listing.valid if g.group_id == self.group]
        return (found[0].state.name, found[0].type.name) if found else ("", "")

    def test_members_share_and_hand_over_when_one_leaves(self) -> None:
        self.send(100)
        one = Member(self)
        self.share(one)
        two = Member(self)
        self.share(one, two)
        self.send(100)
        self.assertEqual(set(self.all_read(one, two).values()), {1})
        wait_for("stable group", SECONDS, lambda: self.listed() == ("STABLE", "CONSUMER"))
        two.leave()
        self.share(one)
        self.send(100)
        self.assertEqual(set(self.all_read(one, two).values()), {1})
        one.leave()
        wait_for("empty group", SECONDS, lambda: self.listed() == ("EMPTY", "CONSUMER"))

    def test_a_member_that_is_killed_is_replaced_after_its_session(self) -> None:
        one, two = Member(self), Member(self)
        self.send(200)
        self.share(one, two)
        two.die()
        self.send(200)
        self.all_read(one, two)
        self.share(one)

    def test_a_static_member_comes_back_to_what_it_had(self) -> None:
        self.send(1)
        one, two = Member(self, "instance=i1"), Member(self, "instance=i2")
        self.share(one, two)
        had = two.assigned()
        two.leave()
        again = Member(self, "instance=i2")
        self.share(one, again)
        self.assertEqual(again.assigned(), had)

    def test_the_range_assignor(self) -> None:
        self.send(1)
        one = Member(self, "group.remote.assignor=range")
        two = Member(self, "group.remote.assignor=range")
        self.share(one, two)
        runs = sorted((sorted(one.assigned()), sorted(two.assigned())))
        self.assertEqual(runs, [[0, 1, 2], [3, 4, 5]])

    def test_our_own_client_shares_with_librdkafka(self) -> None:
        self.send(100)
        own = OwnMember(self)
        self.all_read(own)
        other = Member(self)
        wait_for("half of the partitions", SECONDS, lambda: len(other.assigned()) == PARTITIONS // 2)
        self.send(100)
        self.assertEqual(set(self.all_read(own, other).values()), {1})
        self.assertTrue(other.read())
        own.leave()
        self.share(other)
        self.send(100)
        self.assertEqual(set(self.all_read(own, other).values()), {1})

    def test_a_regular_expression_finds_topics_that_come_later(self) -> None:
        self.send(10, topic="fruit-apple")
        one = Member(self, topic="^fruit-.*")
        self.all_read(one)
        self.send(10, topic="fruit-pear")
        self.all_read(one)

    def test_the_broker_restarts_under_its_members(self) -> None:
        one, two = Member(self), Member(self)
        self.send(100)
        self.share(one, two)
        self.broker.kill()
        self.broker.start()
        self.send(100)
        self.all_read(one, two)
        self.share(one, two)

    def classic(self) -> Member:
        return Member(self, "strategy=cooperative", protocol="classic")

    def test_a_group_changes_its_protocol_while_nobody_is_in_it(self) -> None:
        everybody: list[Member] = []
        for protocol in ("classic", "consumer", "classic"):
            self.send(50)
            member = self.classic() if protocol == "classic" else Member(self)
            everybody.append(member)
            self.all_read(*everybody)
            wait_for("type of the group", SECONDS, lambda: self.listed()[1] == protocol.upper())
            member.leave()
        self.assertEqual(set(self.all_read(*everybody).values()), {1})

    def test_an_application_moves_to_the_consumer_protocol_and_back_without_a_stop(self) -> None:
        one, two = self.classic(), self.classic()
        self.send(100)
        self.share(one, two)
        self.assertEqual(self.listed()[1], "CLASSIC")
        three = Member(self)
        self.share(one, two, three)
        self.assertEqual(self.listed()[1], "CONSUMER")
        self.send(100)
        one.leave()
        four = Member(self)
        self.share(two, three, four)
        two.leave()
        self.share(three, four)
        self.send(100)
        five = self.classic()
        self.share(three, four, five)
        three.leave()
        self.share(four, five)
        self.send(100)
        four.die()
        self.share(five)
        wait_for("classic group", SECONDS, lambda: self.listed() == ("STABLE", "CLASSIC"))
        self.send(100)
        self.all_read(one, two, three, four, five)


if __name__ == "__main__":
    harness.main()
