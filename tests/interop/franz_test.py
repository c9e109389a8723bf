"""franz-go, whose transactions are of version 2 (KIP-890); the program is in go/franz/."""

import subprocess
import unittest

import harness
import languages
from harness import Broker


class Franz(unittest.TestCase):
    def test_transactions_copying_and_zombies(self) -> None:
        program = languages.go_program("franz")
        with Broker({"group.initial.rebalance.delay.ms": "0"}) as broker:
            done = subprocess.run(
                [program, broker.address, "all", "30"], capture_output=True, text=True, timeout=120
            )
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])


if __name__ == "__main__":
    harness.main()
