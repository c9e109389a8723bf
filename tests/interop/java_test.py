"""Kafka's own Java client; the programs are in java/, the client comes from Maven."""

import subprocess
import unittest

import harness
import languages
from harness import Broker


class Java(unittest.TestCase):
    def test_transactions(self) -> None:
        classes = languages.java_classes()
        with Broker({"group.initial.rebalance.delay.ms": "0"}) as broker:
            done = subprocess.run(
                ["java", "-cp", classes, "Transactions", broker.address],
                capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr[-3000:])


if __name__ == "__main__":
    harness.main()
