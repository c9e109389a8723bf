"""The consumer protocol (KIP-848) as librdkafka speaks it: members share, die, come back and move."""

import collections
import signal
import subprocess
import sys
import unittest

import harness
from harness import HERE, Broker, kcat, wait_for

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


class Member:
    """A process in a group: what it has and what it has read, in a file that grows."""

    def __init__(
        self, test: "ConsumerGroups", name: str, *options: str, topic: str = "topic",
        protocol: str = "consumer",
    ) -> None:  # fmt: skip
        self._output = test.broker.data.parent / f"{test.id()}-{name}"
        output = test.enterContext(self._output.open("wb"))
        self.process = test.enterContext(
            harness.running(
                sys.executable, "-B", str(HERE / "consumer_member.py"), test.broker.address, topic,
                test.group, protocol, *options, stdout=output, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip

    def _lines(self) -> list[list[str]]:
        whole = self._output.read_text().rpartition("\n")[0]
        return [line.split(" ") for line in whole.splitlines()]

    def assigned(self) -> set[int]:
        shares = [line[1:] for line in self._lines() if line[0] == "+"]
        return set(map(int, shares[-1])) if shares else set()

    def read(self) -> list[str]:
        return [line[2] for line in self._lines() if line[0] != "+"]

    def leave(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def die(self) -> None:
        self.process.kill()
        self.process.wait(20)


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

        def shared() -> bool:
            shares = [member.assigned() for member in members]
            sizes = [len(share) for share in shares]
            return sum(sizes) == PARTITIONS == len(set().union(*shares)) and (
                max(sizes) - min(sizes) <= 1
            )

        wait_for(f"even share of {PARTITIONS} partitions", SECONDS, shared)

    def all_read(self, *members: Member) -> collections.Counter[str]:
        """Waits until everything sent was read by somebody; what was read, with how often."""

        def counted() -> collections.Counter[str] | None:
            counts = collections.Counter(
                value for m in members for value in m.read() if value.startswith(self.group + "-")
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
        one = Member(self, "one")
        self.share(one)
        two = Member(self, "two")
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
        one, two = Member(self, "one"), Member(self, "two")
        self.send(200)
        self.share(one, two)
        two.die()
        self.send(200)
        self.all_read(one, two)
        self.share(one)

    def test_a_static_member_comes_back_to_what_it_had(self) -> None:
        self.send(1)
        one, two = Member(self, "one", "group.instance.id=i1"), Member(
            self, "two", "group.instance.id=i2"
        )
        self.share(one, two)
        had = two.assigned()
        two.leave()
        again = Member(self, "again", "group.instance.id=i2")
        self.share(one, again)
        self.assertEqual(again.assigned(), had)

    def test_the_range_assignor(self) -> None:
        self.send(1)
        one = Member(self, "one", "group.remote.assignor=range")
        two = Member(self, "two", "group.remote.assignor=range")
        self.share(one, two)
        runs = sorted((sorted(one.assigned()), sorted(two.assigned())))
        self.assertEqual(runs, [[0, 1, 2], [3, 4, 5]])

    def test_a_regular_expression_finds_topics_that_come_later(self) -> None:
        self.send(10, topic="fruit-apple")
        one = Member(self, "one", topic="^fruit-.*")
        self.all_read(one)
        self.send(10, topic="fruit-pear")
        self.all_read(one)

    def test_the_broker_restarts_under_its_members(self) -> None:
        one, two = Member(self, "one"), Member(self, "two")
        self.send(100)
        self.share(one, two)
        self.broker.kill()
        self.broker.start()
        self.send(100)
        self.all_read(one, two)
        self.share(one, two)

    def classic(self, name: str) -> Member:
        return Member(
            self, name, "partition.assignment.strategy=cooperative-sticky", protocol="classic"
        )

    def test_a_group_changes_its_protocol_while_nobody_is_in_it(self) -> None:
        everybody: list[Member] = []
        for number, protocol in enumerate(("classic", "consumer", "classic")):
            self.send(50)
            name = str(number)
            member = self.classic(name) if protocol == "classic" else Member(self, name)
            everybody.append(member)
            self.all_read(*everybody)
            wait_for("type of the group", SECONDS, lambda: self.listed()[1] == protocol.upper())
            member.leave()
        self.assertEqual(set(self.all_read(*everybody).values()), {1})

    def test_an_application_moves_to_the_consumer_protocol_and_back_without_a_stop(self) -> None:
        one, two = self.classic("one"), self.classic("two")
        self.send(100)
        self.share(one, two)
        self.assertEqual(self.listed()[1], "CLASSIC")
        three = Member(self, "three")
        self.share(one, two, three)
        self.assertEqual(self.listed()[1], "CONSUMER")
        self.send(100)
        one.leave()
        four = Member(self, "four")
        self.share(two, three, four)
        two.leave()
        self.share(three, four)
        self.send(100)
        five = self.classic("five")
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
