"""Consumers that share a topic: who gets what, and what happens when one of them dies or leaves."""

import collections
import subprocess
import threading
import time
import unittest

import harness
import languages
from harness import Broker, kcat, wait_for
from languages import CLIENTS, Member

PARTITIONS = 6
SESSION_SECONDS = 6  # the smallest that a broker allows by default


class Source:
    """Sends numbered records, round robin over the partitions, until it is stopped."""

    def __init__(self, broker: Broker) -> None:
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(broker,))
        self._thread.start()

    def _run(self, broker: Broker) -> None:
        command = ["kcat", "-b", broker.address, "-P", "-t", "topic", "-X", "linger.ms=1"]
        with harness.running(*command, stdin=subprocess.PIPE) as process:
            while not self._stop.is_set():
                process.stdin.write(b"".join(b"v%d\n" % (self.sent + i) for i in range(20)))
                process.stdin.flush()
                self.sent += 20
                time.sleep(0.01)
            process.stdin.close()
            process.wait(30)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


class Groups(unittest.TestCase):
    def broker(self) -> Broker:
        settings = {"num.partitions": str(PARTITIONS), "group.initial.rebalance.delay.ms": "0"}
        broker = self.enterContext(Broker(settings))
        kcat(broker, "-L", "-t", "topic")  # makes the topic
        return broker

    def member(self, broker: Broker) -> Member:
        return Member(self, broker, CLIENTS["kafka-python-debian"], "topic", "group")

    def wait_for_share(self, seconds: float, *members: Member) -> None:
        languages.wait_for_share(PARTITIONS, seconds, *members)

    def wait_until_read(self, values: set[str], *members: Member) -> None:
        def is_read() -> bool:
            return values <= {value for member in members for _, _, value in member.read()}

        wait_for("reading of all records", 30, is_read)

    def test_two_members_share_and_a_killed_ones_part_goes_to_the_other(self) -> None:
        broker = self.broker()
        first, second = self.member(broker), self.member(broker)
        self.wait_for_share(20, first, second)
        self.assertEqual(len(first.assigned()), PARTITIONS // 2)
        source = Source(broker)
        wait_for("records read by both", 20, lambda: first.read() and second.read())
        first.process.kill()
        begin = time.monotonic()
        self.wait_for_share(SESSION_SECONDS + 4, second)
        self.assertGreater(time.monotonic() - begin, SESSION_SECONDS / 3, "it was not waited for")
        source.stop()
        # What the killed one had read and not committed is read again; nothing is left out.
        self.wait_until_read({f"v{i}" for i in range(source.sent)}, first, second)

    def test_clean_hand_overs_deliver_each_record_once(self) -> None:
        broker = self.broker()
        first = self.member(broker)
        self.wait_for_share(20, first)
        source = Source(broker)
        second = self.member(broker)
        self.wait_for_share(20, first, second)
        first.leave()
        self.wait_for_share(20, second)
        third = self.member(broker)
        self.wait_for_share(20, second, third)
        second.leave()
        self.wait_for_share(20, third)
        source.stop()
        everybody = (first, second, third)
        self.wait_until_read({f"v{i}" for i in range(source.sent)}, *everybody)
        third.leave()
        times = collections.Counter(value for member in everybody for _, _, value in member.read())
        self.assertEqual([pair for pair in times.most_common(3) if pair[1] > 1], [])
        for member in everybody:
            self.assert_in_order(member)

    def assert_in_order(self, member: Member) -> None:
        last: dict[int, int] = {}
        for partition, offset, _ in member.read():
            self.assertGreater(offset, last.get(partition, -1), f"partition {partition}")
            last[partition] = offset

    def test_committed_offsets_survive_a_restart(self) -> None:
        broker = self.broker()
        first, second = self.member(broker), self.member(broker)
        self.wait_for_share(20, first, second)
        source = Source(broker)
        wait_for("records read by both", 20, lambda: first.read() and second.read())
        source.stop()
        self.wait_until_read({f"v{i}" for i in range(source.sent)}, first, second)
        for member in (first, second):
            member.leave()
        broker.restart()
        third = self.member(broker)
        self.wait_for_share(20, third)
        kcat(broker, "-P", "-t", "topic", stdin=b"after\n")
        self.wait_until_read({"after"}, third)
        self.assertEqual([value for _, _, value in third.read()], ["after"])


if __name__ == "__main__":
    harness.main()
