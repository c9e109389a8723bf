"""The programs of tutorials/, with kafka-python as Debian 12 has it and as PyPI has it today."""

import collections
import os
import subprocess
import unittest

import harness
from harness import HERE, Broker


class Tutorials:
    """What must be true with each version of the client."""

    def python(self) -> tuple[list[str], dict[str, str]]:
        """The interpreter to use and what to add to its environment."""
        raise NotImplementedError

    def run_tutorial(self, broker: Broker, name: str) -> list[str]:
        command, environment = self.python()
        result = subprocess.run(
            [*command, str(HERE / "tutorials" / name), broker.address], capture_output=True,
            text=True, timeout=60, env={**os.environ, **environment},
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def test_hello_comes_back(self) -> None:
        with Broker({"num.partitions": "1"}) as broker:
            self.assertEqual(
                self.run_tutorial(broker, "hello.py"), ["test_topic:0:0: hello, kafka!"]
            )

    def test_keyed_records_come_back_in_order_per_key(self) -> None:
        with Broker({"auto.create.topics.enable": "false"}) as broker:
            lines = [line.split() for line in self.run_tutorial(broker, "keyed.py")]
            self.assertEqual(sorted(int(line[2]) for line in lines), list(range(100)))
            self.assertGreater(len({line[0] for line in lines}), 1, "all in one partition")
            by_key = collections.defaultdict(list)
            for partition, key, number in lines:
                by_key[key].append((partition, int(number)))
            for key, read in by_key.items():
                self.assertEqual(len({partition for partition, _ in read}), 1, key)
                self.assertEqual(read, sorted(read, key=lambda pair: pair[1]), key)


class Debian(Tutorials, unittest.TestCase):
    def python(self) -> tuple[list[str], dict[str, str]]:
        probe = subprocess.run(["/usr/bin/python3", "-c", "import kafka"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("Debian's python3-kafka is not installed")
        return ["/usr/bin/python3"], {}


class PyPI(Tutorials, unittest.TestCase):
    def python(self) -> tuple[list[str], dict[str, str]]:
        return ["/usr/bin/python3"], {"PYTHONPATH": str(harness.pypi_packages())}


if __name__ == "__main__":
    harness.main()
