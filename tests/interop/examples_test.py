"""The examples of clients/examples do what their first lines say."""

import json
import signal
import subprocess
import unittest

import harness
from harness import Broker, running

NUMBERS = "".join(f"{number}\n" for number in range(1, 501))


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        settings = {"group.initial.rebalance.delay.ms": "0", "auto.create.topics.enable": "false"}
        self.broker = self.enterContext(Broker(settings))

    def command(self, name: str, *arguments: str) -> list[str]:
        return [str(harness.BINARY.parent / f"example_{name}"), self.broker.address, *arguments]

    def run_example(
        self, name: str, *arguments: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(name, *arguments), input=stdin, capture_output=True, text=True, timeout=60
        )

    def fill(self, topic: str) -> None:
        create = [harness.BINARY, "topic", "create", topic, "-p", "3", "-b", self.broker.address]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        sent = self.run_example("produce", topic, stdin=NUMBERS)
        self.assertEqual((sent.returncode, sent.stdout), (0, "delivered 500, failed 0\n"))

    def test_a_topic_that_is_not_there_is_told(self) -> None:
        sent = self.run_example("produce", "nowhere", stdin="x\n")
        self.assertEqual((sent.returncode, sent.stdout), (1, "delivered 0, failed 1\n"))
        self.assertIn("nowhere", sent.stderr)

    def test_a_member_prints_every_record_and_leaves_on_ctrl_c(self) -> None:
        self.fill("lines")
        command = self.command("group_consumer", "g", "lines")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with running(*command, **pipes) as member:
            values = sorted(int(member.stdout.readline().split()[-1]) for _ in range(500))
            self.assertEqual(values, list(range(1, 501)))
            member.send_signal(signal.SIGINT)
            self.assertEqual(member.wait(30), 0)

    def test_workers_do_every_job(self) -> None:
        self.fill("jobs")
        command = self.command("worker_pool", "jobs", "g", "2")
        with running(*command, stdout=subprocess.PIPE) as pool:

            def all_done() -> bool:
                lag = [harness.BINARY, "group", "lag", "g", "-O", "json", "-b", self.broker.address]
                told = subprocess.run(lag, capture_output=True, text=True, timeout=60)
                if told.returncode != 0:
                    return False  # there is no such group yet
                (group,) = json.loads(told.stdout)
                return sum(each["committed"] or 0 for each in group["partitions"]) == 500

            harness.wait_for("jobs that are all committed", 60, all_done)
            pool.send_signal(signal.SIGINT)
            self.assertEqual(pool.stdout.read(), b"500 jobs are done\n")

    def test_a_table_gives_back_what_was_stored(self) -> None:
        for key, value in (("a", "1"), ("b", "2"), ("a", "3")):
            self.assertEqual(self.run_example("table", "t", "set", key, value).returncode, 0)
        self.assertEqual(self.run_example("table", "t", "get", "a").stdout, "3\n")
        self.assertEqual(self.run_example("table", "t", "list").stdout, "a = 3\nb = 2\n")
        self.assertEqual(self.run_example("table", "t", "delete", "a").returncode, 0)
        self.assertEqual(self.run_example("table", "t", "get", "a").returncode, 1)
        self.assertEqual(self.run_example("table", "t", "list").stdout, "b = 2\n")


if __name__ == "__main__":
    harness.main()
