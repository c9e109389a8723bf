"""kafkajs, where node and npm are there: the program kafkajs_test.js, which says what is tested."""

import fcntl
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness
from harness import HERE, ROOT, Broker

VERSION = "2.2.4"


def modules() -> Path:
    """The folder with kafkajs, installed once; skips the test where that cannot be done."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("node and npm are not installed")
    folder = Path(os.environ.get("MILLRACE_BUILD", ROOT / "build/dev")) / f"interop/npm-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix",
                       str(folder), f"kafkajs@{VERSION}"]  # fmt: skip
            try:
                result = subprocess.run(command, capture_output=True, text=True, timeout=60)
            except subprocess.TimeoutExpired:
                raise unittest.SkipTest("kafkajs cannot be installed: it takes too long") from None
            if result.returncode != 0:
                raise unittest.SkipTest(f"kafkajs cannot be installed: {result.stderr[-400:]}")
            (folder / "done").touch()
    return folder / "node_modules"


class Kafkajs(unittest.TestCase):
    def test_records_groups_and_admin(self) -> None:
        environment = {
            **os.environ,
            "NODE_PATH": str(modules()),
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
