"""kafkajs, where node and npm are there: the program kafkajs_test.js, which says what is tested."""

import os
import subprocess
import unittest

import harness
import languages
from harness import HERE, Broker


class Kafkajs(unittest.TestCase):
    def test_records_groups_and_admin(self) -> None:
        environment = {
            **os.environ,
            "NODE_PATH": str(languages.node_modules()),
            "KAFKAJS_NO_PARTITIONER_WARNING": "1",
        }
        with Broker({"group.initial.rebalance.delay.ms": "0"}) as broker:
            result = subprocess.run(
                ["node", str(HERE / "kafkajs_test.js"), broker.address], capture_output=True,
                text=True, timeout=90, env=environment,
            )  # fmt: skip
            self.assertEqual(result.returncode, 0, result.stderr[-3000:])
            self.assertTrue(result.stdout.endswith("ok\n"), result.stdout)


if __name__ == "__main__":
    harness.main()
