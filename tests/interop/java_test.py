"""Kafka's own Java client; the programs are in java/, the client comes from Maven."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness
from harness import Broker

SOURCE = harness.HERE / "java"


def jars() -> Path:
    """The folder with the client and what it needs, fetched once. Skips the test without it."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        raise unittest.SkipTest("there is no Java with Maven on this machine")
    build = Path(os.environ.get("MILLRACE_BUILD", harness.ROOT / "build/dev"))
    folder = build / "interop" / "jars"
    if list(folder.glob("kafka-clients-*.jar")):
        return folder
    fetched = subprocess.run(
        ["mvn", "-q", "-B", "-f", SOURCE / "pom.xml", "dependency:copy-dependencies",
         f"-DoutputDirectory={folder}"],
        capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    if fetched.returncode != 0:
        raise unittest.SkipTest(f"the Java client cannot be fetched: {fetched.stdout[-400:]}")
    return folder


class Java(unittest.TestCase):
    def test_transactions(self) -> None:
        libraries = jars()
        with Broker({"group.initial.rebalance.delay.ms": "0"}) as broker:
            done = subprocess.run(
                ["java", "-cp", f"{libraries}/*", SOURCE / "Transactions.java", broker.address],
                capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr[-3000:])


if __name__ == "__main__":
    harness.main()
